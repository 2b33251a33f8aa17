"""Requests that wait for their job, and the job as text or Markdown.

The requests that wait for a job share an event that its next change sets, so no request polls, and
the end of a job wakes only them. At most MAX_WAITING requests wait at once, because each holds a
thread of the server and uploads need threads too.
"""

import json
import threading
import time
from collections.abc import Callable
from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import BadRequest, Conflict, UnprocessableEntity
from werkzeug.wrappers import Request

MAX_WAIT_S = 120
RETRY_AFTER_S = 2  # the header of every answer with an unfinished job


class Waiting:
    """The waiting requests of one server, at most `most` at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.count = 0
        self._changes: dict[int, threading.Event] = {}  # the next one of each job
        self._lock = threading.Lock()
        self._closed = False

    def wait(self, job_id: int, seconds: float, ended: Callable[[], bool]) -> None:
        """Return when the job has `ended`, the time is over, or too many other requests wait."""
        deadline = time.monotonic() + seconds
        with self._lock:
            if self.count >= self._most:
                return
            self.count += 1
        try:
            while True:
                change = self._changes.setdefault(job_id, threading.Event())  # before the look
                if self._closed or ended():
                    self.wake(job_id)  # so nothing is kept of a job that has ended
                    return
                if not change.wait(deadline - time.monotonic()):
                    return
        finally:
            with self._lock:
                self.count -= 1

    def wake(self, job_id: int) -> None:
        """Let the requests that wait for this job look at it again."""
        if change := self._changes.pop(job_id, None):
            change.set()

    def close(self) -> None:
        """Answer all waiting requests; from now on none waits. Takes no lock of ours."""
        self._closed = True
        for job_id in list(self._changes):
            self.wake(job_id)


def seconds_wanted(request: Request) -> int | None:
    """The seconds that the request wants to wait, at most MAX_WAIT_S; None if it names none.

    Raises BadRequest for a malformed `?wait=`. A malformed `Prefer` counts as none (RFC 7240, 2).
    """
    text = request.args.get("wait")
    if text is None:
        return preferred(request)
    if (seconds := _whole_number(text)) is None:
        raise BadRequest(f"wait must be a whole number of seconds, not {text!r}")
    return min(seconds, MAX_WAIT_S)


def preferred(request: Request) -> int | None:
    """The seconds of `Prefer: wait=N`, at most MAX_WAIT_S; the first counts (RFC 7240, 2)."""
    for preference in request.headers.get("Prefer", "").split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":
            seconds = _whole_number(value.strip().strip('"'))
            return None if seconds is None else min(seconds, MAX_WAIT_S)
    return None


def _whole_number(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 20 else None


# The job as text

FORMATS = {  # media type asked for: the key of ocrData, and what goes between files
    "text/plain": ("text", "\n\n"),
    "text/markdown": ("markdown", "\n\n---\n\n"),
}
OFFERED = ["application/json", *FORMATS, *(f"{name};charset=utf-8" for name in FORMATS)]


def media_type_wanted(accept: MIMEAccept) -> str:
    """The best of JSON and FORMATS by the client's q-values; JSON for one that takes neither."""
    return accept.best_match(OFFERED, "application/json").partition(";")[0]


def text_of(job: dict[str, Any], media_type: str) -> str:
    """The text of a finished job's files in their order.

    Raises Conflict while the job is unfinished, UnprocessableEntity when nothing could be read:
    a program that wants only text must not take "" for the text of an empty receipt.
    """
    if job["status"] in ("pending", "running"):
        raise Conflict(
            f"Job {job['id']} is not finished, so there is no text yet; its status is at"
            f" /ocr-jobs/{job['id']}"
        )
    key, between = FORMATS[media_type]
    readings = [reading for file in job["files"] if (reading := latest_reading(file))]
    if job["files"] and not readings:
        last = job["files"][0]["executions"][-1]
        reason = f"{last['ocrProvider']}: {last['error']['message']}"
        raise UnprocessableEntity(f"No file of job {job['id']} could be read: {reason}")
    return between.join(reading[key] for reading in readings) + "\n"


def latest_reading(file: dict[str, Any]) -> dict[str, Any] | None:
    """The ocrData of a file's latest completed execution."""
    for execution in reversed(file["executions"]):
        if execution["status"] == "completed":
            return dict(json.loads(execution["ocrData"]))
    return None
