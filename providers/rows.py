"""Which words stand on one printed row? Boxes in, rows, text and Markdown out. Pure."""

from collections.abc import Iterable, Sequence

from providers.base import Line, Receipt


def group_rows(lines: Iterable[Line]) -> list[list[Line]]:
    """Lines grouped into printed rows, top to bottom, each left to right."""
    rows: list[list[Line]] = []
    for line in sorted((ln for ln in lines if ln.box), key=lambda ln: ln.box[1] + ln.box[3]):  # type: ignore[index]
        middle = (line.box[1] + line.box[3]) / 2  # type: ignore[index]
        if rows and rows[-1][0].box[1] <= middle <= rows[-1][0].box[3]:  # type: ignore[index]
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row, key=lambda ln: ln.box[0]) for row in rows]  # type: ignore[index]


def rows_from_text(text: str) -> list[list[Line]]:
    return [[Line(row.strip())] for row in text.splitlines() if row.strip()]


def text_from_rows(rows: Sequence[Sequence[Line]]) -> str:
    return "\n".join(" ".join(line.text for line in row) for row in rows)


def markdown_from_rows(rows: Sequence[Sequence[Line]], receipt: Receipt) -> str:
    return text_from_rows(rows)
