-- Release 5 -> 6: receipts are rows of their own.
--
-- Those of files that are there already are made without their fields, in one statement. The server
-- fills them in while it runs, some files at a time: see `unfilled`.

-- A receipt of a file, with its fields as they count now: as they were read, then as a person
-- corrected them. Written by receipts.py; the triggers below write state, duplicate_of, updated_at.
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
    currency TEXT,
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
    -- The id below two letters of the currency: receipts of a currency are in a row, as db.places
    place INTEGER AS (
        id + ((ifnull(unicode(currency), 0) % 128 * 128
            + ifnull(unicode(substr(currency, 2)), 0) % 128) << 40)
    ) VIRTUAL,
    UNIQUE (file_id, position)
);

-- What a search of receipts looks through: all words of a receipt (rowid: its place), as words_of
-- makes them. Written by db.set_words. Without positions: each word is looked for by itself.
CREATE VIRTUAL TABLE receipt_search
    USING fts5 (words, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '2 3');
CREATE VIRTUAL TABLE receipt_word USING fts5vocab (receipt_search, 'instance');

-- What the sums of a search take, on a sixth of the pages that receipts are on. Kept by triggers.
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
    date TEXT NOT NULL,  -- '*': of all dates; '' where it is null, as currency
    currency TEXT NOT NULL,
    state TEXT NOT NULL,
    duplicate INTEGER NOT NULL,  -- 0 or 1
    n INTEGER NOT NULL,
    total INTEGER NOT NULL,
    tax INTEGER NOT NULL,
    PRIMARY KEY (date, currency, state, duplicate)
) WITHOUT ROWID;

-- One row where an older release made the database: its receipts are filled in from their
-- executions by receipts.read_old, the newest first.
CREATE TABLE unfilled (
    below INTEGER NOT NULL  -- those of files with a lower id are still to be filled in
);

INSERT INTO receipt (id, file_id, duplicate_of, added_at, updated_at)
SELECT
    file.id, file.id,
    (SELECT min(id) FROM file AS same WHERE same.sha256 = file.sha256 AND same.id < file.id),
    job.created_at, replace(job.created_at, 'Z', '.000Z')
FROM file JOIN job ON job.id = job_id ORDER BY file.id;

INSERT INTO receipt_number (place, duplicate_of, state)
SELECT place, duplicate_of, state FROM receipt ORDER BY place;

INSERT INTO receipt_sum (date, currency, state, duplicate, n, total, tax)
SELECT column1, '', 'reading', duplicate_of IS NOT NULL, count(*), 0, 0
FROM (VALUES (''), ('*')) JOIN receipt GROUP BY 1, 4;

INSERT INTO unfilled (below) SELECT max(id) + 1 FROM file HAVING count(*) > 0;

ALTER TABLE delivery ADD COLUMN receipt TEXT;

-- Every order of the list of receipts; an index ends in the id of itself.
CREATE INDEX receipt_date ON receipt (date);
CREATE INDEX receipt_total ON receipt (total);
CREATE INDEX receipt_merchant ON receipt (merchant);
CREATE INDEX receipt_merchant_sum  -- has all that is added up by merchant, in the order of the sums
    ON receipt (merchant, currency, total, tax, duplicate_of, date, state);
CREATE INDEX receipt_state ON receipt (state);
CREATE INDEX receipt_key ON receipt (key) WHERE key IS NOT NULL;
CREATE INDEX receipt_duplicate ON receipt (duplicate_of) WHERE duplicate_of IS NOT NULL;

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
    INSERT INTO receipt_sum (date, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(new.currency, ''), new.state, new.duplicate_of IS NOT NULL, 1,
        coalesce(new.total, 0), coalesce(new.tax, 0)
    FROM (VALUES (coalesce(new.date, '')), ('*')) WHERE TRUE
    ON CONFLICT DO UPDATE SET
        n = n + excluded.n, total = total + excluded.total, tax = tax + excluded.tax;
    UPDATE receipt SET
        duplicate_of = (SELECT original FROM receipt_original WHERE id = new.id)
    WHERE id = new.id AND new.duplicate_of IS NOT (
        SELECT original FROM receipt_original WHERE id = new.id
    );
END;

-- In any order with the triggers that write duplicate_of: a number may be below 0 between them.
CREATE TRIGGER receipt_added_up
AFTER UPDATE OF date, currency, state, duplicate_of, total, tax ON receipt BEGIN
    INSERT OR REPLACE INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
    SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt WHERE id = new.id;
    INSERT INTO receipt_sum (date, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(old.currency, ''), old.state, old.duplicate_of IS NOT NULL, -1,
        -coalesce(old.total, 0), -coalesce(old.tax, 0)
    FROM (VALUES (coalesce(old.date, '')), ('*'))
    UNION ALL
    SELECT
        column1, coalesce(new.currency, ''), new.state, new.duplicate_of IS NOT NULL, 1,
        coalesce(new.total, 0), coalesce(new.tax, 0)
    FROM (VALUES (coalesce(new.date, '')), ('*')) WHERE TRUE
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
    WHERE date = new.date AND currency = new.currency AND state = new.state
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
    INSERT INTO receipt_sum (date, currency, state, duplicate, n, total, tax)
    SELECT
        column1, coalesce(old.currency, ''), old.state, old.duplicate_of IS NOT NULL, -1,
        -coalesce(old.total, 0), -coalesce(old.tax, 0)
    FROM (VALUES (coalesce(old.date, '')), ('*')) WHERE TRUE
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
