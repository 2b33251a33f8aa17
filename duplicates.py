"""Which receipt has been seen before? The same bytes, or the same merchant, date and total.

Found by two indexes, so that it takes as long among a million jobs as among ten.
"""

import json
import sqlite3
import unicodedata
from typing import Any


def receipt_key(ocr_data: str) -> str | None:
    """The same for two photos of one receipt; None where merchant, date or total is missing.

    Of the merchant's name only letters and digits count, without case: engines differ in the rest.
    """
    receipt = json.loads(ocr_data).get("receipt") or {}
    name = unicodedata.normalize("NFKC", receipt.get("merchant") or "").casefold()
    merchant = "".join(character for character in name if character.isalnum())
    date, total = receipt.get("date"), receipt.get("total")
    return f"{merchant} {date} {total}" if merchant and date and total is not None else None


def earliest(db: sqlite3.Connection, file_id: int) -> dict[str, Any] | None:
    """The first file before this one with the same bytes or, as read last, the same receipt."""
    row = db.execute(
        """
        SELECT job_id AS jobId, id AS fileId FROM file WHERE id = (
            SELECT min(earlier) FROM (
                SELECT min(id) AS earlier FROM file
                WHERE sha256 = (SELECT sha256 FROM file WHERE id = :id) AND id < :id
                UNION ALL
                SELECT min(file_id) FROM execution AS reading
                WHERE receipt_key = (
                    SELECT receipt_key FROM execution
                    WHERE file_id = :id AND status = 'completed' ORDER BY id DESC LIMIT 1
                )
                AND file_id < :id
                AND NOT EXISTS (
                    SELECT 1 FROM execution
                    WHERE file_id = reading.file_id AND status = 'completed' AND id > reading.id
                )
            )
        )
        """,
        {"id": file_id},
    ).fetchone()
    return dict(row) if row else None
