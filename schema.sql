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
    media_type TEXT NOT NULL,  -- found from the content
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
    updated_at TEXT NOT NULL,
    claim TEXT,  -- of the thread that runs it, so that one that is late writes nothing
    receipt_key TEXT  -- of result.receipt_key; null too where the receipt lacks a part of it
);

CREATE TABLE upload_key (
    key TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL,  -- SHA-256 of what was asked for
    job_id INTEGER NOT NULL,  -- no reference: a job deleted since was still paid for
    created_at TEXT NOT NULL
);

-- How many jobs there are of each status, kept by the triggers below: counting a million takes time.
CREATE TABLE job_count (
    status TEXT PRIMARY KEY,
    n INTEGER NOT NULL
) WITHOUT ROWID;

-- One row while WEBHOOK_URL is set, else none, and then nothing is stored for it.
CREATE TABLE webhook (
    url_sha256 TEXT NOT NULL,
    gone INTEGER NOT NULL DEFAULT 0  -- 1: it answered 410 and gets nothing more
);

-- What the webhook has not got yet. Made in the transaction that ends a job or confirms a receipt,
-- by triggers below.
CREATE TABLE delivery (
    id TEXT PRIMARY KEY,  -- webhook-id: the same at every try, so that the receiver sees repeats
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE,
    status TEXT NOT NULL,
    failed_files INTEGER NOT NULL,
    ended_at TEXT NOT NULL,
    tries INTEGER NOT NULL DEFAULT 0,
    next_at TEXT NOT NULL,
    receipt TEXT  -- JSON of a confirmed receipt, its amounts as they are stored; null for a job
);

-- What a search looks through: the names of a job (rowid: its id) and of its files, a line each,
-- as db.folded makes them. Written by db.add_to_search. The index is of groups of three characters.
CREATE VIRTUAL TABLE job_search
    USING fts5 (name, files, tokenize = 'trigram case_sensitive 1', columnsize = 0);

-- A receipt of a file, with its fields as they count now: as they were read, then as a person
-- corrected them. Written by worker/readings.py; the triggers below write state, duplicate_of and
-- updated_at.
CREATE TABLE receipt (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    file_id INTEGER NOT NULL REFERENCES file ON DELETE CASCADE,
    position INTEGER NOT NULL DEFAULT 0,  -- among the receipts of its file
    execution_id INTEGER,  -- the reading that counts; null: there is none yet
    chosen INTEGER NOT NULL DEFAULT 0,  -- 1: a person chose that reading
    state TEXT NOT NULL DEFAULT 'reading'
        CHECK (state IN ('reading', 'failed', 'review', 'ok', 'confirmed')),
    merchant TEXT COLLATE NOCASE,
    date TEXT,
    time TEXT,
    total INTEGER,  -- in ten-thousandths of the currency's unit, as the next three
    subtotal INTEGER,
    tax INTEGER,
    tip INTEGER,
    currency TEXT,  -- three capitals
    item_count INTEGER NOT NULL DEFAULT 0,
    payment_method TEXT,
    review TEXT NOT NULL DEFAULT '[]',  -- JSON, as warnings and corrections
    warnings TEXT NOT NULL DEFAULT '[]',
    learned TEXT,  -- the merchant's name, as an earlier correction taught it; null: as it was read
    joined TEXT,  -- JSON as ocrData, where other files go on with it; null: its own reading counts
    corrections TEXT NOT NULL DEFAULT '{}',  -- fields and their values, as a person put them right
    changed TEXT NOT NULL DEFAULT '{}',  -- by what a person changed, the updated_at before that
    confirmed_at TEXT,
    key TEXT,  -- equal for two photos of one receipt; null where it lacks a part of that
    duplicate_of INTEGER,  -- the first receipt before this one of the same key or the same bytes
    added_at TEXT NOT NULL,
    updated_at TEXT NOT NULL,  -- with milliseconds; a change makes it later than it was
    -- The id below the letters of the currency: receipts of a currency are in a row, as db._places
    place INTEGER AS (
        id + (((ifnull(unicode(currency), 0) << 14) + (ifnull(unicode(substr(currency, 2)), 0) << 7)
            + ifnull(unicode(substr(currency, 3)), 0)) << 40)
    ) VIRTUAL,
    UNIQUE (file_id, position)
);

-- What a search of receipts looks through: all words of a receipt (rowid: its place), as words_of
-- makes them, and db.EVERY, so that those without a word are found too. Written by db.set_words.
-- Without positions: each word is looked for by itself.
CREATE VIRTUAL TABLE receipt_search
    USING fts5 (words, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '2 3');
CREATE VIRTUAL TABLE receipt_word USING fts5vocab (receipt_search, 'instance');

-- The amounts that the sums of a search add up: copies, on a sixth of the pages that receipts are
-- on. Kept by triggers. Not the field receipt_number, the number printed on a receipt, of result.py.
CREATE TABLE receipt_number (
    place INTEGER PRIMARY KEY,
    id INTEGER AS (place & 0xFFFFFFFFFF) VIRTUAL,
    total INTEGER,
    tax INTEGER,
    duplicate_of INTEGER,
    currency TEXT,
    date TEXT,
    state TEXT NOT NULL
);

-- Names of merchants that corrections taught, and what their receipts have in common: as the keys
-- of fields/shops.py, null where the receipt that taught it has none.
CREATE TABLE learned (
    id INTEGER PRIMARY KEY,
    merchant TEXT NOT NULL,
    tax_id TEXT,
    phone TEXT,
    head TEXT
);

-- Numbers and sums of receipts, kept by the triggers below: adding up a million takes time.
CREATE TABLE receipt_sum (
    part TEXT NOT NULL COLLATE NOCASE,  -- '*': all; a date, '' for none; '=' and a merchant
    currency TEXT NOT NULL,  -- '' where it is null
    state TEXT NOT NULL,
    duplicate INTEGER NOT NULL,  -- 0 or 1
    n INTEGER NOT NULL,
    total INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    PRIMARY KEY (part, currency, state, duplicate)
) WITHOUT ROWID;

-- One row where an older release made the database: its receipts are filled in from their
-- executions by readings.read_old, the newest first.
CREATE TABLE unfilled (
    below INTEGER NOT NULL  -- those of files with a lower id are still to be filled in
);

-- Jobs whose files may still be in a directory of incoming/: these are moved after the commit.
CREATE TABLE arrival (
    directory TEXT PRIMARY KEY,
    job_id INTEGER NOT NULL REFERENCES job ON DELETE CASCADE
) WITHOUT ROWID;

-- Storage keys of deleted files whose bytes may still be there: these are removed after the commit.
CREATE TABLE garbage (
    key TEXT PRIMARY KEY
) WITHOUT ROWID;

INSERT INTO job_count (status, n) VALUES
    ('pending', 0), ('running', 0), ('completed', 0), ('failed', 0);

CREATE INDEX file_job ON file (job_id);
CREATE INDEX execution_file ON execution (file_id);
CREATE INDEX execution_receipt ON execution (receipt_key, file_id) WHERE receipt_key IS NOT NULL;
CREATE INDEX file_sha256 ON file (sha256);
CREATE INDEX arrival_job ON arrival (job_id);
CREATE INDEX delivery_job ON delivery (job_id);
CREATE INDEX delivery_next ON delivery (next_at);
-- What a start has to find among millions; SQLite uses a partial index only for its very condition.
CREATE INDEX execution_pending ON execution (id) WHERE status = 'pending';
CREATE INDEX execution_running ON execution (id) WHERE status = 'running';
-- Every order of the list, with and without a status; an index ends in the id of itself.
CREATE INDEX job_name ON job (name);
CREATE INDEX job_status ON job (status);
CREATE INDEX job_created ON job (created_at);
CREATE INDEX job_updated ON job (updated_at);
CREATE INDEX job_status_name ON job (status, name);
CREATE INDEX job_status_created ON job (status, created_at);
CREATE INDEX job_status_updated ON job (status, updated_at);
-- Every order of the list of receipts; an index ends in the id of itself.
CREATE INDEX receipt_date ON receipt (date);
CREATE INDEX receipt_total ON receipt (total);
CREATE INDEX receipt_merchant ON receipt (merchant);
CREATE INDEX receipt_state ON receipt (state);
CREATE INDEX receipt_key ON receipt (key) WHERE key IS NOT NULL;
CREATE INDEX receipt_duplicate ON receipt (duplicate_of) WHERE duplicate_of IS NOT NULL;

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
    INSERT OR IGNORE INTO garbage (key) VALUES (old.storage_key);
END;

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
END;

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

-- The first receipt before each that has the same key, or the same place in a file of equal bytes.
CREATE VIEW receipt_original AS
SELECT
    receipt.id,
    (
        SELECT min(earlier) FROM (
            SELECT min(other.id) AS earlier FROM receipt AS other
            WHERE other.key = receipt.key AND other.id < receipt.id
            UNION ALL
            SELECT other.id FROM receipt AS other
            WHERE other.position = receipt.position AND other.id < receipt.id AND other.file_id = (
                SELECT min(same.id) FROM file JOIN file AS same ON same.sha256 = file.sha256
                WHERE file.id = receipt.file_id AND same.id < file.id
            )
        )
    ) AS original
FROM receipt;

CREATE TRIGGER receipt_added AFTER INSERT ON receipt BEGIN
    INSERT OR REPLACE INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
    SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt WHERE id = new.id;
    INSERT INTO receipt_sum (part, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(new.currency, ''), new.state, new.duplicate_of IS NOT NULL, 1,
        coalesce(new.total, 0), coalesce(new.tax, 0)
    FROM (VALUES ('*'), (coalesce(new.date, '')), ('=' || coalesce(new.merchant, ''))) WHERE TRUE
    ON CONFLICT DO UPDATE SET
        n = n + excluded.n, total = total + excluded.total, tax = tax + excluded.tax;
    INSERT INTO receipt_search (rowid, words) VALUES (new.place, ' ∀ ');
    UPDATE receipt SET
        duplicate_of = (SELECT original FROM receipt_original WHERE id = new.id)
    WHERE id = new.id AND new.duplicate_of IS NOT (
        SELECT original FROM receipt_original WHERE id = new.id
    );
END;

-- In any order with the triggers that write duplicate_of: a number may be below 0 between them.
CREATE TRIGGER receipt_added_up
AFTER UPDATE OF merchant, date, currency, state, duplicate_of, total, tax ON receipt BEGIN
    INSERT OR REPLACE INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
    SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt WHERE id = new.id;
    INSERT INTO receipt_sum (part, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(old.currency, ''), old.state, old.duplicate_of IS NOT NULL, -1,
        -coalesce(old.total, 0), -coalesce(old.tax, 0)
    FROM (VALUES ('*'), (coalesce(old.date, '')), ('=' || coalesce(old.merchant, '')))
    UNION ALL
    SELECT
        column1, coalesce(new.currency, ''), new.state, new.duplicate_of IS NOT NULL, 1,
        coalesce(new.total, 0), coalesce(new.tax, 0)
    FROM (VALUES ('*'), (coalesce(new.date, '')), ('=' || coalesce(new.merchant, ''))) WHERE TRUE
    ON CONFLICT DO UPDATE SET
        n = n + excluded.n, total = total + excluded.total, tax = tax + excluded.tax;
END;

CREATE TRIGGER receipt_moved AFTER UPDATE OF currency ON receipt WHEN old.place <> new.place BEGIN
    UPDATE receipt_search SET rowid = new.place WHERE rowid = old.place;
    DELETE FROM receipt_number WHERE place = old.place;
END;

CREATE TRIGGER receipt_sum_changed AFTER UPDATE ON receipt_sum
WHEN new.n = 0 AND new.total = 0 AND new.tax = 0 BEGIN
    DELETE FROM receipt_sum
    WHERE part = new.part AND currency = new.currency AND state = new.state
        AND duplicate = new.duplicate;
END;

CREATE TRIGGER receipt_key_changed AFTER UPDATE OF key ON receipt WHEN old.key IS NOT new.key BEGIN
    UPDATE receipt SET
        duplicate_of = (SELECT original FROM receipt_original WHERE id = receipt.id)
    WHERE id = new.id OR duplicate_of = new.id
        OR (key = new.key AND id > new.id AND coalesce(duplicate_of, id) > new.id);
END;

CREATE TRIGGER receipt_changed
AFTER UPDATE OF execution_id, state, confirmed_at, corrections, duplicate_of ON receipt BEGIN
    UPDATE receipt SET updated_at = max(
        strftime('%Y-%m-%dT%H:%M:%fZ', 'now'),
        strftime('%Y-%m-%dT%H:%M:%fZ', old.updated_at, '+0.001 seconds')
    )
    WHERE id = new.id;
END;

CREATE TRIGGER receipt_deleted AFTER DELETE ON receipt BEGIN
    INSERT INTO receipt_sum (part, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(old.currency, ''), old.state, old.duplicate_of IS NOT NULL, -1,
        -coalesce(old.total, 0), -coalesce(old.tax, 0)
    FROM (VALUES ('*'), (coalesce(old.date, '')), ('=' || coalesce(old.merchant, ''))) WHERE TRUE
    ON CONFLICT DO UPDATE SET
        n = n + excluded.n, total = total + excluded.total, tax = tax + excluded.tax;
    UPDATE receipt SET
        duplicate_of = (SELECT original FROM receipt_original WHERE id = receipt.id)
    WHERE duplicate_of = old.id;
    DELETE FROM receipt_search WHERE rowid = old.place;
    DELETE FROM receipt_number WHERE place = old.place;
END;

-- Without a reading that counts, a receipt is being read or has failed, as its executions say,
-- unless a person filled it in.
CREATE TRIGGER receipt_waits AFTER INSERT ON execution BEGIN
    UPDATE receipt SET state = 'reading'
    WHERE file_id = new.file_id AND execution_id IS NULL AND +state = 'failed'
        AND corrections = '{}';
END;

CREATE TRIGGER receipt_failed AFTER UPDATE OF status ON execution WHEN new.status = 'failed' BEGIN
    UPDATE receipt SET state = 'failed'
    WHERE file_id = new.file_id AND execution_id IS NULL AND corrections = '{}' AND NOT EXISTS (
        SELECT 1 FROM execution WHERE file_id = new.file_id AND status IN ('pending', 'running')
    );
END;

CREATE TRIGGER receipt_confirmed AFTER UPDATE OF confirmed_at ON receipt
WHEN old.confirmed_at IS NULL AND new.confirmed_at IS NOT NULL
    AND EXISTS (SELECT 1 FROM webhook WHERE NOT gone)
BEGIN
    INSERT INTO delivery (id, job_id, status, failed_files, ended_at, next_at, receipt)
    SELECT
        'msg_' || lower(hex(randomblob(16))), job_id, 'confirmed', 0, new.confirmed_at,
        new.confirmed_at, json_object(
            'id', new.id, 'jobId', job_id, 'fileId', file.id, 'position', new.position,
            'merchant', new.merchant, 'date', new.date, 'time', new.time, 'total', new.total,
            'currency', new.currency, 'tax', new.tax, 'itemCount', new.item_count,
            'paymentMethod', new.payment_method
        )
    FROM file WHERE file.id = new.file_id;
END;
