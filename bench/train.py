"""Learns fields/weights.json from receipts with known fields, and says how well that travels.

    python -m bench.train [NAME=]PATH ... [--engines paddle-ocr-local tesseract] [--drawn 300]

PATH is a folder with images/ and truth.jsonl, which the engines read once (the readings are kept
beside it, or in --cache), or a file of readings: one object a line with image, rows (lists of
[text, confidence, [left, top, right, bottom]]) and fields. Paths of one NAME are one source. The
same data give the same file. Printed is, for each source, how often a field is right when that
source was left out of the training, when a quarter of the merchants was, each in turn, and by the
weights that were there before.
"""

import argparse
import json
import os
import random
from collections import Counter
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import lightgbm
import numpy as np

from bench.accuracy import JUDGED, is_right
from bench.drawn import draw
from fields import learned
from fields.amounts import find_candidates
from fields.currencies import find_home
from fields.labels import read_rows
from fields.merchants import find_names
from fields.purchase import find_possible_dates
from fields.receipt import read_receipt
from providers import PROVIDERS
from result import Line, OcrResult, Receipt
from settings import read_settings

OUT = Path(learned.__file__).with_name("weights.json")
SEED = 7
ROUNDS = {"total": 150, "subtotal": 100, "tax": 100, "date": 150, "merchant": 225}
AMOUNTS = ("total", "subtotal", "tax")
TREES = {
    "objective": "binary",
    "learning_rate": 0.08,
    "num_leaves": 15,
    "min_data_in_leaf": 15,
    "feature_fraction": 0.6,
    "bagging_fraction": 0.8,
    "bagging_freq": 1,
    "lambda_l2": 3,
    "use_missing": False,
    "max_bin": 63,
    "deterministic": True,
    "force_row_wise": True,
    "num_threads": 1,  # two wait for each other on a busy machine
    "seed": SEED,
    "verbose": -1,
}

# Few features a tree: with a source left out 7 receipts of 1,390 more are all right (mean of three
# seeds). Limits by chance too (extra_trees) gain as many in Malaysia and lose them elsewhere.
TREES_OF = {"merchant": {"feature_fraction": 0.35}}


@dataclass(frozen=True, eq=False)  # each is its own, so that its candidates can be remembered
class Example:
    """A receipt as an engine read it, with the fields it really has."""

    source: str
    engine: str
    rows: list[list[Line]]
    fields: dict[str, Any]


class Candidates(NamedTuple):
    """The candidates of one receipt for a field, or for all sums."""

    names: tuple[str, ...]  # of the features
    features: np.ndarray  # a row for each candidate
    values: list[Any]


class Choice(NamedTuple):
    """The candidates for a field of one receipt, and which are right."""

    names: tuple[str, ...]
    features: np.ndarray
    right: list[bool]


def main() -> None:
    arguments = _arguments()
    examples = [example for path in arguments.paths for example in _examples(path, arguments)]
    drawn = list(_drawn(arguments.drawn))
    if not arguments.quick:
        _tell(examples, drawn)
    weights = learn([*examples, *drawn])
    arguments.out.write_text(_written(weights), "utf-8")
    print(f"{arguments.out}: {arguments.out.stat().st_size:,} bytes from {len(examples)} readings")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("paths", nargs="+", metavar="[NAME=]PATH")
    parser.add_argument("--engines", nargs="+", default=["paddle-ocr-local", "tesseract"])
    parser.add_argument("--drawn", type=int, default=300, help="receipts drawn from the lexicon")
    parser.add_argument("--cache", type=Path, help="folder of readings, else that of the pictures")
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--quick", action="store_true", help="leave no source out")
    return parser.parse_args()


# Readings


def _examples(path: str, arguments: argparse.Namespace) -> Iterator[Example]:
    name, _, rest = path.rpartition("=")
    place = Path(rest)
    files = _readings(place, arguments) if place.is_dir() else [place]
    for file in files:
        engine = next((e for e in PROVIDERS if e in file.name), "paddle-ocr-local")
        for line in file.open(encoding="utf-8"):
            reading = json.loads(line)
            rows = [[_line(*piece) for piece in row] for row in reading["rows"]]
            yield Example(name or place.stem, engine, rows, reading["fields"])


def _line(text: str, confidence: float | None, box: Sequence[int] | None) -> Line:
    left, top, right, bottom = box or (0, 0, 0, 0)
    return Line(text, confidence, (left, top, right, bottom) if box else None)


def _readings(folder: Path, arguments: argparse.Namespace) -> list[Path]:
    """The files of readings of a folder of pictures; those that are missing are made."""
    truth = [json.loads(line) for line in (folder / "truth.jsonl").open(encoding="utf-8")]
    files = []
    for engine in arguments.engines:
        file = (arguments.cache or folder) / f"{engine}-{folder.name}.jsonl"
        files.append(file)
        if not file.exists():
            with file.open("w", encoding="utf-8") as out:
                for receipt in truth:
                    rows = _read(engine, folder / "images" / receipt["image"])
                    told = {"image": receipt["image"], "rows": rows, "fields": receipt["fields"]}
                    out.write(json.dumps(told) + "\n")
    return files


def _read(engine: str, image: Path) -> list[list[tuple[Any, ...]]]:
    result = PROVIDERS[engine].ocr(image, read_settings(os.environ))
    return [[(line.text, line.confidence, line.box) for line in row] for row in _rows(result)]


def _rows(result: OcrResult) -> Iterator[list[Line]]:
    """The lines of each row of the text, as the service read the fields from them."""
    lines = (line for page in result.pages for line in page.lines)
    for row in result.text.splitlines():
        missing, found = len("".join(row.split())), []
        while missing > 0:
            found.append(next(lines))
            missing -= len("".join(found[-1].text.split()))
        if found:
            yield found


def _drawn(count: int) -> Iterator[Example]:
    chance = random.Random(SEED)
    for _ in range(count):
        rows, fields = draw(chance)
        yield Example("drawn", "drawn", rows, fields)


# Learning


def learn(examples: Sequence[Example]) -> dict[str, Any]:
    """The weights that these receipts teach."""
    return {question: _trees(question, examples) for question in ROUNDS}


def _is_full(example: Example) -> bool:
    """Its source names each field that a receipt has, so that one not named is not there."""
    return example.source in ("receipts-us", "receipts-wild", "drawn", "us", "wild")


def _choices(question: str, example: Example) -> Choice | None:
    """None where the field is not known to be there or not, or there is no candidate."""
    wanted = example.fields.get(question)
    if wanted in (None, "") and not (question in ("subtotal", "tax") and _is_full(example)):
        return None
    found = _candidates("amounts" if question in AMOUNTS else question, example)
    if not found.values:
        return None
    right = [_is_right(question, wanted, value) for value in found.values]
    if question == "tax" and wanted and not any(right):
        return None  # two taxes, of which it is the sum
    return Choice(found.names, found.features, right)


def _is_right(question: str, wanted: Any, found: Any) -> bool:
    if question in AMOUNTS:
        return wanted is not None and abs(float(found) - wanted) < 0.005
    return is_right(question, wanted, found)


@cache
def _candidates(kind: str, example: Example) -> Candidates:
    rows = read_rows(example.rows)
    found: list[tuple[Mapping[str, float], Any]]
    if kind == "merchant":
        found = [(name.features, name.text) for name in find_names(rows)]
    elif kind == "date":
        days = find_possible_dates(rows, find_home([row.text for row in rows]))
        found = [(day.features, day.iso) for day in days]
    else:
        found = [(a.features, a.amount.value) for a in find_candidates(rows)]
    features = np.array([list(features.values()) for features, _ in found], dtype=np.float32)
    return Candidates(tuple(found[0][0]) if found else (), features, [v for _, v in found])


def _trees(question: str, examples: Sequence[Example]) -> list[Any]:
    chosen = [(choice, each) for each in examples if (choice := _choices(question, each))]
    choices = [choice for choice, _ in chosen]
    features = np.concatenate([choice.features for choice in choices])
    right = np.concatenate([choice.right for choice in choices]).astype(float)
    counts = _counts([_shop(each) if question == "merchant" else None for _, each in chosen])
    weight = np.concatenate(
        [
            np.full(len(c.right), count / len(c.right))
            for c, count in zip(choices, counts, strict=True)
        ]
    )
    data = lightgbm.Dataset(features, right, weight=30 * weight)
    dumped = lightgbm.train(TREES | TREES_OF.get(question, {}), data, ROUNDS[question]).dump_model()
    return [_node(tree["tree_structure"], choices[0].names) for tree in dumped["tree_info"]]


def _shop(example: Example) -> tuple[str, ...] | None:
    """What the readings of one shop's receipts by one engine share; None where it has no name."""
    name = "".join(filter(str.isalnum, (example.fields.get("merchant") or "").lower()))[:8]
    return (example.source, example.engine, name) if name else None


def _counts(shops: Sequence[Hashable | None]) -> list[float]:
    """What each receipt counts, 1 on average: n of one shop as much as the root of n shops.

    Else the names would be learned from the 45 receipts of one stationery shop.
    """
    number = Counter(shops)
    counts = [1.0 if shop is None else number[shop] ** -0.5 for shop in shops]
    return [count * len(counts) / sum(counts) for count in counts]


def _node(node: Mapping[str, Any], names: Sequence[str]) -> Any:
    """The tree as fields/learned.py reads it."""
    if "leaf_value" in node:
        return float(f"{node['leaf_value']:.4g}")
    limit = float(f"{node['threshold']:.6g}")
    branches = [_node(node[side], names) for side in ("left_child", "right_child")]
    return [names[node["split_feature"]], limit, *branches]


def _written(weights: Mapping[str, Any]) -> str:
    """JSON with a tree on each line."""
    parts = []
    for question, trees in weights.items():
        lines = ",\n".join(json.dumps(tree, separators=(",", ":")) for tree in trees)
        parts.append(f"{json.dumps(question)}:[\n{lines}]")
    return "{" + ",\n".join(parts) + "}\n"


# What travels


def _tell(examples: Sequence[Example], drawn: Sequence[Example]) -> None:
    before = dict(learned.WEIGHTS)
    ways: dict[str, dict[Example, Receipt]] = {
        "without source": _left_out(examples, drawn, lambda example: example.source),
        "without merchant": _left_out(examples, drawn, _quarter),
    }
    if before:
        ways["before"] = _receipts(examples, before)
    for source, engine in sorted({(e.source, e.engine) for e in examples}):
        own = [e for e in examples if (e.source, e.engine) == (source, engine)]
        for way, receipts in ways.items():
            found = [(example.fields, receipts[example]) for example in own]
            print(f"{source:10} {engine:17} {way:17}{_score(found)}", flush=True)


def _left_out(
    examples: Sequence[Example], drawn: Sequence[Example], part: Callable[[Example], Any]
) -> dict[Example, Receipt]:
    """The receipt of each example by weights that were learned without any of its part."""
    found: dict[Example, Receipt] = {}
    for one in sorted({part(example) for example in examples}):
        others = [example for example in examples if part(example) != one]
        own = [example for example in examples if part(example) == one]
        found |= _receipts(own, learn([*others, *drawn]))
    return found


def _quarter(example: Example) -> int:
    """The quarter of all merchants that this one is in; names that begin alike are in the same."""
    name = example.fields.get("merchant") or example.rows[0][0].text
    return crc32("".join(filter(str.isalnum, name.lower()))[:6].encode()) % 4


def _receipts(examples: Sequence[Example], weights: Mapping[str, Any]) -> dict[Example, Receipt]:
    learned.WEIGHTS.clear()
    learned.WEIGHTS.update(weights)
    return {example: read_receipt(example.rows) for example in examples}


def _score(found: Sequence[tuple[Mapping[str, Any], Receipt]]) -> str:
    parts = []
    for field in ("total", "date", "merchant", "subtotal", "tax"):
        pairs = [(f[field], getattr(r, field)) for f, r in found if f.get(field) not in (None, "")]
        right = sum(is_right(field, wanted, value) for wanted, value in pairs)
        parts.append(f" {field} {right / len(pairs):.3f}" if pairs else f" {field} -    ")
    whole = sum(_all_right(fields, receipt) for fields, receipt in found)
    return f"n {len(found):3} all {whole / len(found):.3f}" + "".join(parts) + _unreviewed(found)


def _unreviewed(found: Sequence[tuple[Mapping[str, Any], Receipt]]) -> str:
    """How many of total, date and merchant nobody needs to look at, and how many of them are right.

    A field that was not found is one to look at.
    """
    named = [
        (field, fields[field], receipt)
        for fields, receipt in found
        for field in JUDGED
        if fields.get(field) not in (None, "")
    ]
    trusted = [
        is_right(field, wanted, getattr(receipt, field))
        for field, wanted, receipt in named
        if getattr(receipt, field) is not None and field not in receipt.review
    ]
    return f" not in review {len(trusted) / len(named):.3f}, right {_share(trusted)}"


def _share(right: Sequence[bool]) -> str:
    return f"{sum(right) / len(right):.3f}" if right else "-"


def _all_right(fields: Mapping[str, Any], receipt: Receipt) -> bool:
    return all(
        is_right(field, wanted, getattr(receipt, field))
        for field in JUDGED
        if (wanted := fields.get(field)) not in (None, "")
    )


if __name__ == "__main__":
    main()
