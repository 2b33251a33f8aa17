-- Release 2 -> 3: the list is quick among a million jobs.

-- How many jobs there are of each status, kept by the triggers below: counting a million takes time.
CREATE TABLE job_count (
    status TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) WITHOUT ROWID;

-- What a search looks through: the names of a job (rowid: its id) and of its files, a line each,
-- as db.folded makes them. Written by db.add_to_search. The index is of groups of three characters.
CREATE VIRTUAL TABLE job_search
    USING fts5 (name, files, tokenize = 'trigram case_sensitive 1', columnsize = 0);

-- FTS5 keeps what a deleted job's names were made of until its parts are merged: how many jobs and
-- files have been deleted, and how many of these are gone from the index too.
CREATE TABLE search_deletion (
    deleted INTEGER NOT NULL,
    gone INTEGER NOT NULL
);

INSERT INTO job_count (status, n)
SELECT column1, (SELECT count(*) FROM job WHERE status = column1)
FROM (VALUES ('pending'), ('running'), ('completed'), ('failed'));
INSERT INTO search_deletion (deleted, gone) VALUES (0, 0);
INSERT INTO job_search (rowid, name, files)
SELECT id, folded(name), (
    SELECT group_concat(folded(original_name), char(10)) FROM file WHERE job_id = job.id
)
FROM job;

DROP INDEX job_created;
-- Every order of the list, with and without a status; an index ends in the id of itself.
CREATE INDEX job_name ON job (name);
CREATE INDEX job_status ON job (status);
CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_updated ON job (updated_at);
CREATE INDEX job_status_name ON job (status, name);
CREATE INDEX job_status_created ON job (status, created_at);
CREATE INDEX job_status_updated ON job (status, updated_at);

CREATE TRIGGER job_added AFTER INSERT ON job BEGIN
    UPDATE job_count SET n = n + 1 WHERE status = new.status;
END;

CREATE TRIGGER job_status_changed AFTER UPDATE OF status ON job WHEN old.status <> new.status BEGIN
    UPDATE job_count SET n = n - 1 WHERE status = old.status;
    UPDATE job_count SET n = n + 1 WHERE status = new.status;
END;

CREATE TRIGGER job_deleted AFTER DELETE ON job BEGIN
    UPDATE job_count SET n = n - 1 WHERE status = old.status;
    DELETE FROM job_search WHERE rowid = old.id;
    UPDATE search_deletion SET deleted = deleted + 1;
END;

CREATE TRIGGER name_deleted AFTER DELETE ON file BEGIN
    UPDATE search_deletion SET deleted = deleted + 1;
END;
