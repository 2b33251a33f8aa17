"""Which printed rows stand in a vendor's Markdown? One row per line of the text. Pure."""

import html
import re

COLUMN_GAP = "   "
_TABLE_RULE = re.compile(r"[|\s:-]*-[|\s:-]*")  # |---|:-:|
_PICTURE = re.compile(r"!\[[^\]]*\]\([^)]*\)|<img\b[^>]*>", re.I)  # ![img-0.jpeg](img-0.jpeg)
_MARKS: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"\[([^\]]*)\]\([^)]*\)"), r"\1"),
    (re.compile(r"</t[dh]>\s*(?=<t[dh]\b)", re.I), COLUMN_GAP),
    (re.compile(r"<br\s*/?>|</(tr|p|div|li|h\d)>", re.I), "\n"),
    (re.compile(r"</?[a-z][^<>]*>", re.I), ""),
    (re.compile(r"^[ \t]*(#{1,6}|>|[-*+](?=[ \t]+[^\d\s]))[ \t]+", re.M), ""),
    (re.compile(r"^[ \t]*(```\w*|[-*_](?:[ \t]*[-*_]){2,})[ \t]*$", re.M), ""),
    (re.compile(r"(\*\*|__)(?=\S)(.+?)(?<=\S)\1"), r"\2"),
    (re.compile(r"(?<![\\*\w])\*(?=[^\s*])([^*\n]+)(?<=[^\s*])\*(?![*\w])"), r"\1"),
)


def text_from_markdown(markdown: str) -> str:
    """The text alone: a table's row is one line, its columns stay apart; pictures are gone."""
    markdown = without_pictures(markdown)
    for pattern, replacement in _MARKS:
        markdown = pattern.sub(replacement, markdown)
    rows = (_row(line) for line in html.unescape(markdown).splitlines())
    return "\n".join(row for row in rows if row)


def without_pictures(markdown: str) -> str:
    return _PICTURE.sub("", markdown)


def _row(line: str) -> str:
    line = line.strip()
    if _TABLE_RULE.fullmatch(line):
        return ""
    if line.startswith("|"):
        cells = re.split(r"(?<!\\)\|", line.strip("|"))
        line = COLUMN_GAP.join(cell.strip() for cell in cells if cell.strip())
    return re.sub(r"\\([\\`*_{}\[\]()#+\-.!|$~<>])", r"\1", line)
