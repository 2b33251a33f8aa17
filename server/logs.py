"""The log: one line for each event, without secrets and without the names of files."""

import json
import logging
import re
import sys
import uuid
from contextvars import ContextVar

from providers.redact import redacted
from settings import Settings

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")

request_id: ContextVar[str] = ContextVar("request_id", default="")  # "" outside of requests


def take_request_id(sent: str) -> str:
    """The id on every log line of this request: the client's if it is valid, else a new one."""
    request_id.set(sent if REQUEST_ID.fullmatch(sent) else uuid.uuid4().hex)
    return request_id.get()


class OneLine(logging.Formatter):
    """A record as one line without secrets: text, or by LOG_FORMAT a JSON object."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings

    def format(self, record: logging.LogRecord) -> str:
        message = redacted(super().format(record), self._settings.secrets)
        request = request_id.get()
        if self._settings.log_format == "json":
            fields = {
                "time": self.formatTime(record, "%Y-%m-%dT%H:%M:%S%z"),
                "level": record.levelname,
                "logger": record.name,
                "message": message,
                "request": request or None,
            }
            return json.dumps(fields)
        who = f"[{request}] " if request else ""
        text = f"{self.formatTime(record)} {record.levelname} {who}{message}"
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_to_stderr(settings: Settings) -> None:
    """Send every logger's records of INFO and above to standard error, unless logs go elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(settings))
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(logging.INFO)
        # `flask run` logs each request with its query, which holds what is searched: app.py logs
        # it without; and its banner, for which there is lifecycle's.
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        # waitress warns of each request that waits a moment for a thread.
        logging.getLogger("waitress.queue").setLevel(logging.ERROR)
