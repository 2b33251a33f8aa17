"""What is written to the log? One line an event, whatever a file name holds, and never a secret."""

import logging
import re
import sys

from providers.base import Env

SECRET_NAMES = re.compile(r"(KEY|TOKEN|SECRET|PASSWORD)(_ID)?$")
PATTERNS = (
    (re.compile(r"\b(Bearer|Basic)\s+[^\s\"',;]+", re.IGNORECASE), r"\1 [secret]"),
    (
        re.compile(r"([?&][\w-]*(?:key|token|secret|signature)=)[^\s&\"'<>]+", re.IGNORECASE),
        r"\1[secret]",
    ),
    (re.compile(r"(https?://)[^\s/@]+@"), r"\1[secret]@"),
)


def redacted(text: str, env: Env) -> str:
    """The text without the values of our own keys and without what looks like anyone's."""
    for name, value in env.items():
        if len(value) >= 6 and SECRET_NAMES.search(name):
            text = text.replace(value, "[secret]")
    for pattern, replacement in PATTERNS:
        text = pattern.sub(replacement, text)
    return text


class OneLine(logging.Formatter):
    """A record as one line without secrets; tracebacks keep their line breaks as `\\n`."""

    def __init__(self, env: Env) -> None:
        super().__init__("%(asctime)s %(levelname)s %(message)s")
        self._env = env

    def format(self, record: logging.LogRecord) -> str:
        text = redacted(super().format(record), self._env)
        return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def write_to_stderr(env: Env) -> None:
    """Send every logger's records of INFO and above to standard error, unless logs go elsewhere."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(OneLine(env))
    root = logging.getLogger()
    if not root.handlers:
        root.addHandler(handler)
        root.setLevel(logging.INFO)
