"""Measures how well a local engine reads a folder of receipts, and has the answers scored.

    python bench/accuracy.py DATASET [--provider paddle-ocr-local] [--score score.py]

DATASET holds images/ and truth.jsonl (one object a line: image, lines, fields). The receipts go
through the same code as the service's. Written are the predictions; printed is how often a field is
right that is not in `review`, and one that is.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from difflib import SequenceMatcher
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from engines import process
from providers import PROVIDERS
from result import Item, OcrResult, Receipt
from settings import read_settings

THREADS = 2
JUDGED = ("total", "date", "merchant")


def main() -> None:
    arguments = _arguments()
    truth = [
        json.loads(line) for line in (arguments.dataset / "truth.jsonl").open(encoding="utf-8")
    ]
    names = [receipt["image"] for receipt in truth]
    if arguments.only:
        names = [name for name in names if name in arguments.only.read_text("utf-8").split()]
    started = time.perf_counter()
    with ThreadPoolExecutor(THREADS) as pool:
        results = list(pool.map(lambda name: _read(arguments, name), names))
    _write(arguments.out, names, results)
    fields = {receipt["image"]: receipt.get("fields") or {} for receipt in truth}
    for told in doubts([fields[name] for name in names], [result.receipt for result in results]):
        print(told)
    process.stop()  # the time of a child is known when it has ended
    _tell_time(len(names), time.perf_counter() - started)
    if arguments.score:
        only = ["--only", str(arguments.only)] if arguments.only else []
        truth_path = arguments.dataset / "truth.jsonl"
        command = [sys.executable, str(arguments.score), str(truth_path), str(arguments.out), *only]
        raise SystemExit(subprocess.run(command).returncode)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0] if __doc__ else None)
    parser.add_argument("dataset", type=Path, help="a folder with images/ and truth.jsonl")
    parser.add_argument("--provider", choices=sorted(PROVIDERS), default="paddle-ocr-local")
    parser.add_argument("--out", type=Path, default=Path("predictions.jsonl"))
    parser.add_argument("--score", type=Path, help="a scorer: TRUTH.jsonl PREDICTIONS.jsonl")
    parser.add_argument("--only", type=Path, help="a file of image names, one a line")
    return parser.parse_args()


def _read(arguments: argparse.Namespace, name: str) -> OcrResult:
    provider = PROVIDERS[arguments.provider]
    return provider.ocr(arguments.dataset / "images" / name, read_settings(os.environ))


def doubts(truth: Sequence[dict[str, Any]], receipts: Sequence[Receipt]) -> Iterator[str]:
    """How often each field is right where it is not in `review`, and where it is."""
    for field in JUDGED:
        found = [
            (field in r.review, is_right(field, t[field], getattr(r, field)))
            for t, r in zip(truth, receipts, strict=True)
            if t.get(field) is not None
        ]
        sure = [right for is_reviewed, right in found if not is_reviewed]
        unsure = [right for is_reviewed, right in found if is_reviewed]
        yield (
            f"{field}: right {sum(sure)} of {len(sure)} not in review,"
            f" {sum(unsure)} of {len(unsure)} in review"
        )


def is_right(field: str, wanted: Any, found: Any) -> bool:
    """Money and dates are right when equal, names when four letters of five are; None never."""
    if found is None:
        return False
    if field != "merchant":
        return bool(found == wanted if field == "date" else f"{found:.2f}" == f"{wanted:.2f}")
    a, b = ("".join(filter(str.isalnum, name.casefold())) for name in (wanted, found))
    return (min(len(a), len(b)) >= 4 and (a in b or b in a)) or SequenceMatcher(
        None, a, b
    ).ratio() >= 0.8


def _write(path: Path, names: list[str], results: list[OcrResult]) -> None:
    with path.open("w", encoding="utf-8") as file:
        for name, result in zip(names, results, strict=True):
            fields = _fields(result.receipt)
            file.write(json.dumps({"image": name, "text": result.text, "fields": fields}) + "\n")
    print(f"{len(names)} receipts, predictions in {path}")


def _fields(receipt: Receipt) -> dict[str, Any]:
    """The receipt in the scorer's names, money as the scorer's numbers."""
    fields = {
        name: value if value is None or isinstance(value, str) else float(value)
        for name, value in asdict(receipt).items()
        if name in ("merchant", "date", "total", "subtotal", "tax", "currency")
    }
    items = [_item(item) for item in receipt.items]
    return fields | {"address": receipt.merchant_address, "items": items}


def _item(item: Item) -> dict[str, Any]:
    quantity = None if item.quantity is None else float(item.quantity)
    price = None if item.amount is None else float(item.amount)
    return {"name": item.description, "qty": quantity, "price": price}


def _tell_time(count: int, elapsed_s: float) -> None:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    cpu_s = sum(usage.ru_utime + usage.ru_stime for usage in used)
    print(
        f"{elapsed_s / count:.2f} s and {cpu_s / count:.2f} CPU-seconds a receipt, loading included"
    )


if __name__ == "__main__":
    main()
