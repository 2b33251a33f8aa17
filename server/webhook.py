"""Sends finished jobs and confirmed receipts to WEBHOOK_URL, by the Standard Webhooks rules.

https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
Triggers of schema.sql write a delivery in the transaction that ends or confirms. A thread sends it
and deletes it only when it was accepted: at least once, across restarts. OCR never waits for it.
"""

import base64
import hmac
import json
import logging
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from pathlib import Path
from typing import Any

import db
from settings import Settings
from worker import log_failure

log = logging.getLogger(__name__)

MINUTE, HOUR = 60, 3600
# Before each further try, as the specification recommends; after these it is given up.
WAITS_S = (5, 5 * MINUTE, 30 * MINUTE, *(hours * HOUR for hours in (2, 5, 10, 14, 20, 24)))
TIMEOUT_S = (5, 15)  # to connect, and of silence
DELIVERY_S = 30  # all of it: a receiver that sends a byte now and then is never silent


class Webhook:
    """The deliveries of one server; `send_due` is one step and can be called without the thread."""

    def __init__(self, database: Path, settings: Settings, delivery_s: float = DELIVERY_S) -> None:
        self._database = database
        self._url = settings.webhook_url
        self._key = settings.webhook_secret
        self._delivery_s = delivery_s
        self._changed = threading.Event()
        self._stopping = False

    def start(self) -> None:
        """Store deliveries from now on, and send those that are left from before."""
        with closing(db.connect(self._database)) as connection, connection:
            db.set_webhook(connection, self._url)
        if self._url:
            threading.Thread(target=self._run, name="webhook", daemon=True).start()

    def wake(self) -> None:
        """Look for new deliveries."""
        self._changed.set()

    def stop(self) -> None:
        """Send nothing more; a request whose answer did not come is repeated at the next start."""
        self._stopping = True
        self._changed.set()

    def send_due(
        self, connection: sqlite3.Connection, clock: Callable[[], datetime]
    ) -> float | None:
        """Send what is due. Returns the seconds until the next delivery is due, None without one.

        The clock is read before and after each delivery, since each can take many seconds.
        """
        while not self._stopping and (delivery := db.next_delivery(connection)):
            wait_s = (datetime.fromisoformat(delivery["next_at"]) - clock()).total_seconds()
            if wait_s > 0:
                return wait_s
            status = self._post(delivery)
            with connection:
                _record(connection, delivery, status, clock())
        return None

    def _run(self) -> None:
        with closing(db.connect(self._database)) as connection:
            while not self._stopping:
                self._changed.clear()  # first, so that a wake during the step is not lost
                try:
                    with connection:  # the clock may have been set back
                        now, waits_s = datetime.now(UTC), (0, *WAITS_S)
                        latest = [db.timestamp(now + timedelta(seconds=s)) for s in waits_s]
                        db.bring_forward(connection, latest)
                    wait_s = self.send_due(connection, lambda: datetime.now(UTC))
                except Exception as error:  # a locked database must not end the thread
                    log_failure("webhook", error)
                    wait_s = MINUTE
                self._changed.wait(wait_s)

    def _post(self, delivery: dict[str, Any]) -> int | str:
        """The status of the answer, or the name of what went wrong. Follows no redirect."""
        from providers import sockets

        body, now = _body(delivery), int(datetime.now(UTC).timestamp())
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "open-receipt-ocr",
            "webhook-id": delivery["id"],
            "webhook-timestamp": str(now),
            "webhook-signature": signature(self._key, delivery["id"], now, body),
        }
        sockets.begin_call(time.monotonic() + self._delivery_s, TIMEOUT_S[1])
        try:
            with (
                sockets.new_session() as session,
                session.post(
                    self._url,
                    data=body,
                    headers=headers,
                    timeout=TIMEOUT_S,
                    allow_redirects=False,
                    stream=True,  # nobody reads the answer's body
                ) as response,
            ):
                return response.status_code
        except sockets.ERRORS as error:
            return type(error).__name__  # its text holds the URL, which may hold a secret


def signature(key: bytes, delivery_id: str, timestamp: int, body: bytes) -> str:
    """The header webhook-signature: version 1, HMAC-SHA256."""
    signed = f"{delivery_id}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.digest(key, signed, "sha256")).decode()


def _body(delivery: dict[str, Any]) -> bytes:
    """The JSON of the event: the same bytes at every try."""
    if delivery["receipt"]:
        kind, data = "receipt", json.loads(delivery["receipt"])
        data |= {name: db.amount(data[name]) for name in ("total", "tax")}
    else:
        kind, data = "job", {"id": delivery["job_id"], "name": delivery["name"]}
        data |= {"status": delivery["status"], "failedFiles": delivery["failed_files"]}
    type_ = f"{kind}.{delivery['status']}"
    event = {"type": type_, "timestamp": delivery["ended_at"], "data": data}
    return json.dumps(event, separators=(",", ":")).encode()


def _record(
    connection: sqlite3.Connection, delivery: dict[str, Any], status: int | str, now: datetime
) -> None:
    """Delete an accepted delivery and put off a failed one; give up after the last try or 410."""
    tries, failed = delivery["tries"], f"job {delivery['job_id']}: not delivered ({status})"
    if isinstance(status, int) and 200 <= status < 300:
        db.delete_delivery(connection, delivery["id"])
    elif status == HTTPStatus.GONE:
        log.warning("webhook: it answered 410 and gets nothing more until WEBHOOK_URL is changed")
        db.end_webhook(connection)
    elif tries == len(WAITS_S):
        log.error("webhook: %s; given up", failed)
        db.delete_delivery(connection, delivery["id"])
    else:
        wait_s = WAITS_S[tries]
        log.warning("webhook: %s; next try in %d s", failed, wait_s)
        next_at = db.timestamp(now + timedelta(seconds=wait_s))
        db.put_off_delivery(connection, delivery["id"], next_at)
