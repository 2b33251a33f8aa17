-- Release 7 -> 8: a sign is among the words of each receipt, so that those without a word are found.

UPDATE receipt_search_content SET c0 = c0 || '∀ ';
INSERT INTO receipt_search_content (id, c0)
SELECT place, ' ∀ ' FROM receipt WHERE place NOT IN (SELECT id FROM receipt_search_content);
INSERT INTO receipt_search (receipt_search) VALUES ('rebuild');

DROP TRIGGER receipt_added;
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
