"""No text makes a regular expression slow: while one runs, every thread of the server waits."""

import ast
import importlib
import re
import signal
from contextlib import contextmanager
from itertools import product
from re import _constants as ops  # type: ignore[attr-defined]
from re import _parser  # type: ignore[attr-defined]

import pytest

from tests.conftest import ROOT
from tests.test_imports import FILES, nodes

LENGTH = 4_000
MAX_S = 0.05  # of CPU time; the slowest takes a fifth of it
MAX_PARTS = 5  # of a pattern that are combined with each other
MAX_TEXTS = 60  # of a pattern that are repeated; lists of words have thousands
# Functions that make patterns of escaped text, or patterns that are attributes of their modules.
MAKERS = {"rule", "_compiled", "_ends"}


# The patterns of the code


def compiled(value):
    """The patterns in a value, in containers too."""
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, dict):
        yield from compiled([*value.keys(), *value.values()])
    elif type(value) in (list, tuple, set, frozenset) or hasattr(type(value), "_fields"):
        for part in value:
            yield from compiled(part)


def calls(found):
    """Those of the nodes that call a function of `re` which takes a pattern."""
    for node in found:
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            module = node.func.value
            if isinstance(module, ast.Name) and module.id == "re" and node.func.attr != "escape":
                yield node


def patterns():
    """{where: (pattern, whether it is used with fullmatch)} for all of the service."""
    found = {}
    for path in FILES:
        source = path.read_text("utf-8")
        name = ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
        for attribute, value in vars(importlib.import_module(name)).items():
            for number, pattern in enumerate(compiled(value)):
                found[f"{name}.{attribute}-{number}"] = pattern, f"{attribute}.fullmatch(" in source
        for call in calls(nodes(path)):
            if isinstance(call.args[0], ast.Constant) and call.func.attr != "compile":
                pattern = re.compile(call.args[0].value)
                found[f"{name}:{call.lineno}"] = pattern, call.func.attr == "fullmatch"
    return {pair: where for where, pair in found.items()}  # those imported elsewhere once


PATTERNS = patterns()


def test_each_pattern_is_an_attribute_or_stands_in_its_call():
    for function in (node for path in FILES for node in nodes(path)):
        if isinstance(function, ast.FunctionDef) and function.name not in MAKERS:
            made = [call.args[0] for call in calls(ast.walk(function))]
            assert [ast.unparse(x) for x in made if not isinstance(x, ast.Constant)] == []


# Texts made of a pattern's parts

OF_CATEGORY = {"DIGIT": "7", "SPACE": " ", "WORD": "a"}
OTHERS = " a7!\n-A\u00e9"


def pieces(pattern):
    """Texts that match a part of the pattern, or several parts in a row."""
    found = {}
    example(_parser.parse(pattern.pattern), found)
    return sorted(found, key=len)


def example(sequence, found):
    """A text that a part of a pattern matches; those of its own parts go into `found`."""
    parts = [part(op, value, found) for op, value in sequence]
    for start, end in product(range(len(parts)), range(1, len(parts) + 1)):
        if text := "".join(parts[start:end]):
            found.setdefault(text)
    return "".join(parts)


def part(op, value, found):
    if op is ops.LITERAL:
        return chr(value)
    if op is ops.ANY:
        return "x"
    if op in (ops.IN, ops.NOT_LITERAL):
        characters = of_class(value if op is ops.IN else [(ops.NEGATE, None), (ops.LITERAL, value)])
        found.update(dict.fromkeys(characters))
        return characters[0]
    if op is ops.BRANCH:
        first, *_ = [example(way, found) for way in (*value[1][:3], *value[1][-2:])]
        return first
    if op in (ops.MAX_REPEAT, ops.MIN_REPEAT, ops.POSSESSIVE_REPEAT):
        return example(value[2], found) * max(value[0], 1)
    if op in (ops.SUBPATTERN, ops.ATOMIC_GROUP, ops.ASSERT, ops.ASSERT_NOT):
        inside = example(value if op is ops.ATOMIC_GROUP else value[-1], found)
        return "" if op in (ops.ASSERT, ops.ASSERT_NOT) else inside
    return ""


def of_class(members):
    """Some characters of a class."""
    if members[0][0] is ops.NEGATE:
        excluded = of_class(members[1:])
        return [character for character in OTHERS if character not in excluded][:2]
    characters = []
    for op, value in members:
        if op is ops.CATEGORY:
            characters.append(OF_CATEGORY.get(str(value).removeprefix("CATEGORY_"), "!"))
        else:
            characters.append(chr(value[0] if op is ops.RANGE else value))
    return [*characters[:2], *characters[-2:]]


def adversarial(pattern, length=LENGTH):
    """Texts of so many characters that nearly match, again and again."""
    parts = pieces(pattern)
    short = [" ", *parts[:MAX_PARTS]]
    for text in parts[:: len(parts) // MAX_TEXTS + 1]:
        yield text * (length // len(text))
    for a, b in product(short, [*short, *parts[-4:]]):
        yield (a + b) * (length // len(a + b))
        yield b + a * (length // 2 // len(a)) + b * (length // 2 // len(b))
        yield b + a * ((length - 2 * len(b)) // len(a)) + b


# How long they take


@contextmanager
def cpu_limit(seconds):
    """Raises TimeoutError after so much CPU time: `re` looks for signals while it searches."""

    def stop(_signal, _frame):
        raise TimeoutError

    before = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


def is_quick(pattern, whole, text):
    """Whether the pattern goes through the text within MAX_S."""
    text = text.encode() if isinstance(pattern.pattern, bytes) else text
    try:
        with cpu_limit(MAX_S):
            pattern.fullmatch(text) if whole else pattern.sub(text[:0], text)
    except TimeoutError:
        return False
    return True


@pytest.mark.slow
@pytest.mark.parametrize(("pattern", "whole"), PATTERNS, ids=PATTERNS.values())
def test_a_pattern_is_quick_with_any_text_made_of_its_parts(pattern, whole):
    for text in adversarial(pattern):
        assert is_quick(pattern, whole, text + "\0"), (pattern.pattern, text[:60], text[-20:])


@pytest.mark.parametrize(
    "slow", [r"\s*(?:GST\b\s*)?\s*\d{5}$", r"(a+)+$", r"x(\.{3,})[\w.]*\w", r"(\w|_)*!"]
)
def test_these_texts_find_the_slow_patterns_they_are_for(slow):
    """Longer texts than elsewhere: a fast machine goes through LENGTH in about MAX_S."""
    pattern, texts = re.compile(slow), adversarial(re.compile(slow), 3 * LENGTH)
    assert not all(is_quick(pattern, False, text + "\0") for text in texts)
