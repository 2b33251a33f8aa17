-- Release 6 -> 7: a search's sums are read from a small table, currency by currency.

-- The id below two letters of the currency: receipts of a currency are in a row, as db.places
ALTER TABLE receipt ADD COLUMN place INTEGER AS (
    id + ((ifnull(unicode(currency), 0) % 128 * 128
        + ifnull(unicode(substr(currency, 2)), 0) % 128) << 40)
) VIRTUAL;

UPDATE receipt_search SET rowid = (SELECT place FROM receipt WHERE id = receipt_search.rowid);

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

INSERT INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt ORDER BY place;

DROP INDEX IF EXISTS receipt_numbers;
DROP INDEX IF EXISTS receipt_merchant;
CREATE INDEX receipt_merchant ON receipt (merchant);
CREATE INDEX receipt_merchant_sum  -- has all that is added up by merchant, in the order of the sums
    ON receipt (merchant, currency, total, tax, duplicate_of, date, state);

DROP TRIGGER receipt_added;
DROP TRIGGER receipt_added_up;
DROP TRIGGER receipt_deleted;

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
