"""What is the text of a job? What was read last from each of its files, as text or Markdown."""

import json
from typing import Any

from werkzeug.datastructures import MIMEAccept
from werkzeug.exceptions import Conflict, UnprocessableEntity

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
    a program that wants only text must not take "" for what is on the paper.
    """
    if job["status"] in ("pending", "running"):
        raise Conflict(
            f"Job {job['id']} is not finished: there is no text yet; get it from"
            f" /ocr-jobs/{job['id']}"
        )
    key, between = FORMATS[media_type]
    readings = [reading for file in job["files"] if (reading := latest_reading(file))]
    if job["files"] and not readings:
        raise UnprocessableEntity(f"No file of job {job['id']} could be read: {_reason(job)}")
    return between.join(reading[key] for reading in readings) + "\n"


def latest_reading(file: dict[str, Any]) -> dict[str, Any] | None:
    """The ocrData of a file's latest completed execution."""
    for execution in reversed(file["executions"]):
        if execution["status"] == "completed":
            reading: dict[str, Any] = json.loads(execution["ocrData"])
            return reading
    return None


def _reason(job: dict[str, Any]) -> str:
    last = job["files"][0]["executions"][-1]
    return f"{last['ocrProvider']}: {last['error']['message']}"
