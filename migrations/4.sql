-- Release 3 -> 4: receipts seen before are pointed out, and jobs that end are told to a webhook.
-- Readings that are there get their keys when receipts are filled in.

ALTER TABLE execution ADD COLUMN receipt_key TEXT;
CREATE INDEX execution_receipt ON execution (receipt_key, file_id) WHERE receipt_key IS NOT NULL;
CREATE INDEX file_sha256 ON file (sha256);

CREATE TABLE webhook (
    url_sha256 TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE delivery (
    id TEXT PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    status TEXT NOT NULL,
    failed_files INTEGER NOT NULL,
    ended_at TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at TEXT NOT NULL
);

CREATE INDEX delivery_job ON delivery (job_id);
CREATE INDEX delivery_next ON delivery (next_at);

CREATE TRIGGER job_ended AFTER UPDATE OF status ON job
WHEN new.status IN ('completed', 'failed') AND old.status NOT IN ('completed', 'failed')
    AND EXISTS (SELECT 1 FROM webhook WHERE NOT gone)
BEGIN
    INSERT INTO delivery (id, job_id, status, failed_files, ended_at, next_at)
    VALUES (
        'msg_' || lower(hex(randomblob(16))), new.id, new.status, new.failed_files, new.updated_at,
        new.updated_at
    );
END;
