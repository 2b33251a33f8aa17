-- Release 6 -> 7: receipts are added up by merchant too, those of a currency are next to each other
-- by all its letters, and words are found without the marks of letters such as an l with a stroke.

DROP INDEX receipt_merchant_sum;
DROP TRIGGER receipt_added;
DROP TRIGGER receipt_added_up;
DROP TRIGGER receipt_moved;
DROP TRIGGER receipt_deleted;

CREATE TABLE moved AS
SELECT (rowid & 0xFFFFFFFFFF) AS id, words_of(words) AS words FROM receipt_search;

ALTER TABLE receipt DROP COLUMN place;
ALTER TABLE receipt ADD COLUMN place INTEGER AS (
    id + (((ifnull(unicode(currency), 0) << 14) + (ifnull(unicode(substr(currency, 2)), 0) << 7)
        + ifnull(unicode(substr(currency, 3)), 0)) << 40)
) VIRTUAL;

DROP TABLE receipt_search;
CREATE VIRTUAL TABLE receipt_search
    USING fts5 (words, tokenize = 'ascii', detail = none, columnsize = 0, prefix = '2 3');
INSERT INTO receipt_search (rowid, words)
SELECT place, words FROM moved JOIN receipt USING (id) ORDER BY place;
DROP TABLE moved;

DELETE FROM receipt_number;
INSERT INTO receipt_number (place, total, tax, duplicate_of, currency, date, state)
SELECT place, total, tax, duplicate_of, currency, date, state FROM receipt ORDER BY place;

DROP TABLE receipt_sum;
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
INSERT INTO receipt_sum (part, currency, state, duplicate, n, total, tax)
SELECT
    part, coalesce(currency, ''), state, duplicate_of IS NOT NULL, count(*),
    sum(coalesce(total, 0)), sum(coalesce(tax, 0))
FROM (
    SELECT *, '*' AS part FROM receipt
    UNION ALL SELECT *, coalesce(date, '') FROM receipt
    UNION ALL SELECT *, '=' || coalesce(merchant, '') FROM receipt
)
GROUP BY part COLLATE NOCASE, 2, state, 4;

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
