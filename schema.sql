-- What a new database holds; migrations/ brings older ones to the same.
-- Times are UTC, whole seconds: 2026-03-14T09:41:00Z.
-- AUTOINCREMENT: an id is never given twice, or a client still polling would read a stranger's receipt.

CREATE TABLE job (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    name TEXT,  -- null: none was given
    status TEXT NOT NULL DEFAULT 'pending'  -- written by the triggers below, never by code
        CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    failed_files INTEGER NOT NULL DEFAULT 0,  -- whose latest execution failed; by the triggers too
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE file (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    original_name TEXT NOT NULL,  -- exactly as sent
    storage_key TEXT NOT NULL UNIQUE,  -- relative to the data directory
    media_type TEXT NOT NULL,  -- told by the content
    size INTEGER NOT NULL,  -- bytes
    sha256 TEXT NOT NULL
);

CREATE TABLE execution (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,
    provider TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'pending'
        CHECK (status IN ('pending', 'running', 'completed', 'failed')),
    crashes INTEGER NOT NULL DEFAULT 0,  -- unclean ends of the process while this was running
    ocr_data TEXT,  -- JSON; null unless completed
    error_code TEXT,  -- null unless failed, as error_message
    error_message TEXT,
    created_at TEXT NOT NULL,
    updated_at TEXT NOT NULL
);

CREATE TABLE upload_key (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,  -- SHA-256 of what was asked for
    job_id INTEGER NOT NULL,  -- no reference: a job deleted since was still paid for
    created_at TEXT NOT NULL
);

CREATE INDEX file_job ON file (job_id);
CREATE INDEX execution_file ON execution (file_id);
-- What a start has to find among millions; SQLite uses a partial index only for its very condition.
CREATE INDEX execution_pending ON execution (id) WHERE status = 'pending';
CREATE INDEX execution_running ON execution (id) WHERE status = 'running';
CREATE INDEX job_created ON job (created_at, id);

-- What a job's status and failed files are, derived from its executions.
CREATE VIEW job_state AS
SELECT
    job.id,
    (
        SELECT CASE
            WHEN count(*) = 0 THEN 'completed'
            WHEN count(*) FILTER (WHERE execution.status = 'pending') = count(*) THEN 'pending'
            WHEN count(*) FILTER (WHERE execution.status IN ('pending', 'running')) > 0 THEN 'running'
            -- Not one file could be given to an engine: the job failed before processing.
            WHEN count(*) FILTER (WHERE error_code = 'file_missing') = count(*) THEN 'failed'
            ELSE 'completed'
        END
        FROM file JOIN execution ON execution.file_id = file.id
        WHERE file.job_id = job.id
    ) AS status,
    (
        SELECT count(*) FROM file
        WHERE file.job_id = job.id AND 'failed' = (
            SELECT status FROM execution WHERE file_id = file.id ORDER BY execution.id DESC LIMIT 1
        )
    ) AS failed_files
FROM job;

CREATE TRIGGER execution_added AFTER INSERT ON execution BEGIN
    UPDATE job SET (status, failed_files) =
            (SELECT status, failed_files FROM job_state WHERE job_state.id = job.id),
        updated_at = new.updated_at
    WHERE id = (SELECT job_id FROM file WHERE file.id = new.file_id);
END;

CREATE TRIGGER execution_changed AFTER UPDATE OF status ON execution BEGIN
    UPDATE job SET (status, failed_files) =
            (SELECT status, failed_files FROM job_state WHERE job_state.id = job.id),
        updated_at = new.updated_at
    WHERE id = (SELECT job_id FROM file WHERE file.id = new.file_id);
END;

CREATE TRIGGER file_deleted AFTER DELETE ON file BEGIN
    UPDATE job SET (status, failed_files) =
            (SELECT status, failed_files FROM job_state WHERE job_state.id = job.id),
        updated_at = strftime('%Y-%m-%dT%H:%M:%SZ', 'now')
    WHERE id = old.job_id;
END;
