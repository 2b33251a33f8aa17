"""Which printed rows stand in a vendor's Markdown? Markdown in, text out, one row a line. Pure."""

import html
import re

from providers.rows import COLUMN_GAP

MAX_ROWS = 2_000
MAX_ROW_LENGTH = 300

# A match never runs past the sign it begins with: the cost stays linear, whatever the text.
_PICTURE = re.compile(r"!\[[^\[\]\n]*\]\([^()\n]*\)|<img\b[^<>]*>", re.I)
_TAGS = (
    (re.compile(r"</t[dh]>\s*(?=<t[dh]\b)", re.I), COLUMN_GAP),
    (re.compile(r"<br\s*/?>|</(?:tr|p|div|li|h\d)>", re.I), "\n"),
    (re.compile(r"</?[a-z][^<>]*>", re.I), ""),
)
_TABLE_RULE = re.compile(r"[|\s:-]*-[|\s:-]*")  # |---|:-:|
_MARKS = (
    (re.compile(r"^(?:#{1,6}|>|[-*+](?=\s+[^\d\s]))\s+"), ""),  # heading, quotation, list
    (re.compile(r"^(?:```\w*|\*[*\s]+|_[_\s]+)$"), ""),  # fence, ruler
    (re.compile(r"\[([^\[\]]*)\]\([^()]*\)"), r"\1"),
    (re.compile(r"\*\*(?=\S)([^*]+)(?<=\S)\*\*"), r"\1"),
    (re.compile(r"__(?=\S)([^_]+)(?<=\S)__"), r"\1"),
    (re.compile(r"(?<![\\*\w])\*(?=[^\s*])([^*]+)(?<=[^\s*])\*(?![*\w])"), r"\1"),
    (re.compile(r"\\([\\`*_{}\[\]()#+\-.!|$~<>])"), r"\1"),
)


def text_from_markdown(markdown: str) -> str:
    """The text alone: a table's row is one line, its columns stay apart; pictures are gone."""
    text = without_pictures(markdown)
    for pattern, replacement in _TAGS:
        text = pattern.sub(replacement, text)
    lines = [line for line in html.unescape(text).splitlines() if line.strip()][:MAX_ROWS]
    rows = (_row(line.strip()[:MAX_ROW_LENGTH]) for line in lines)
    return "\n".join(row for row in rows if row)


def without_pictures(markdown: str) -> str:
    """The Markdown less its `![img-0.jpeg](img-0.jpeg)`, whose pictures we do not keep."""
    return _PICTURE.sub("", markdown)


def _row(line: str) -> str:
    if _TABLE_RULE.fullmatch(line):
        return ""
    if line.startswith("|"):
        cells = re.split(r"(?<!\\)\|", line)
        line = COLUMN_GAP.join(cell.strip() for cell in cells if cell.strip())
    for pattern, replacement in _MARKS:
        line = pattern.sub(replacement, line)
    return line.strip()
