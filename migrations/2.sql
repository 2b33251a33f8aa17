-- Release 1 -> 2: an upload sent again with its Idempotency-Key gets the stored answer, and a
-- thread that is late writes nothing.

CREATE TABLE upload_key (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,  -- SHA-256 of what was asked for
    job_id INTEGER NOT NULL,  -- no reference: a job deleted since was still paid for
    created_at TEXT NOT NULL
);

ALTER TABLE execution ADD COLUMN claim TEXT;

DROP INDEX execution_unfinished;
CREATE INDEX execution_pending ON execution (id) WHERE status = 'pending';
CREATE INDEX execution_running ON execution (id) WHERE status = 'running';
