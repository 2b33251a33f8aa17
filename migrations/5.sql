-- Release 4 -> 5: rows are committed before their files are moved or removed, and tell after a
-- crash what to finish. Executions are not counted by status, as they once were.

CREATE TABLE arrival (
    directory TEXT PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE
) WITHOUT ROWID;

CREATE TABLE garbage (
    key TEXT PRIMARY KEY
) WITHOUT ROWID;

CREATE INDEX arrival_job ON arrival (job_id);

DROP TRIGGER file_deleted;
CREATE TRIGGER file_deleted AFTER DELETE ON file BEGIN
    UPDATE job SET (status, failed_files) =
            (SELECT status, failed_files FROM job_state WHERE job_state.id = job.id),
        updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE id = old.job_id;
    INSERT OR IGNORE INTO garbage (key) VALUES (old.storage_key);
END;

DROP TRIGGER name_deleted;
DROP TRIGGER job_deleted;
CREATE TRIGGER job_deleted AFTER DELETE ON job BEGIN
    UPDATE job_count SET n = n - 1 WHERE status = old.status;
    DELETE FROM job_search WHERE rowid = old.id;
END;
DROP TABLE search_deletion;

DROP TRIGGER IF EXISTS execution_count_added;
DROP TRIGGER IF EXISTS execution_count_changed;
DROP TRIGGER IF EXISTS execution_count_deleted;
DROP TABLE IF EXISTS execution_count;
