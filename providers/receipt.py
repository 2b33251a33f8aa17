"""What does the receipt say? Printed rows in, merchant, date, items, taxes and total out. Pure."""

from collections.abc import Sequence

from providers.base import Line, Receipt


def read_receipt(rows: Sequence[Sequence[Line]]) -> Receipt:
    """The fields our rules find; `warnings` says `no_text` when there is nothing to read."""
    return Receipt(source="rules", warnings=() if any(rows) else ("no_text",))
