"""The schemas of openapi.json are those of result.py, and what is read and raised fits them."""

import ast
import json
import re
from dataclasses import fields, replace
from types import NoneType
from typing import get_args

import jsonschema_rs
import pytest

from providers import PROVIDERS
from providers.vision import SCHEMA
from result import (
    ERRORS,
    WARNINGS,
    ErrorCode,
    OcrResult,
    Page,
    ProviderError,
    Receipt,
    ReceiptWarning,
    camel_name,
    ocr_data,
)
from server.contract import FILE, OBJECTS, with_schemas
from tests.conftest import ROOT
from tests.fakes import fake, upload, wait

TEXT = FILE.read_text("utf-8")
DOCUMENT = json.loads(TEXT)
SCHEMAS = DOCUMENT["components"]["schemas"]
WORD = re.compile("[a-z]+(_[a-z]+)*")


def validator(name):
    components = DOCUMENT["components"]
    return jsonschema_rs.validator_for({**SCHEMAS[name], "components": components})


def test_the_document_has_the_schemas_of_the_classes():
    assert with_schemas(TEXT) == TEXT, "run: python -m server.contract"


def test_every_field_of_a_class_is_a_required_property_and_nothing_else_is():
    for kind, name in OBJECTS.items():
        names = [camel_name(field.name) for field in fields(kind)]
        assert list(SCHEMAS[name]["properties"]) == names, "run: python -m server.contract"
        assert SCHEMAS[name]["required"] == names
        assert SCHEMAS[name]["additionalProperties"] is False


@pytest.mark.parametrize("kind", OBJECTS, ids=OBJECTS.values())
def test_a_property_is_null_only_where_the_field_may_be_none(kind):
    for field in fields(kind):
        schema = SCHEMAS[OBJECTS[kind]]["properties"][camel_name(field.name)]
        checker = jsonschema_rs.validator_for({**schema, "components": DOCUMENT["components"]})
        type_ = get_args(field.type)[0] if hasattr(field.type, "__metadata__") else field.type
        is_optional = type_ is object or NoneType in get_args(type_)
        assert checker.is_valid(None) == is_optional, field.name
        assert type_ is object or not checker.is_valid({"an": "object"}), field.name


# What is read


@pytest.mark.slow
def test_what_tesseract_reads_and_a_failure_fit_their_schemas(make_app):
    def fail(image, env):
        raise ProviderError("unreachable", "nobody there")

    broken = replace(fake(), ocr=fail)
    client = make_app(
        {"tesseract": PROVIDERS["tesseract"], "fake": fake(), "broken": broken}
    ).test_client()
    photo = ((ROOT / "samples/receipt.jpg").read_bytes(), "receipt.jpg")
    job = wait(client, upload(client, "tesseract", "fake", "broken", files=[photo] * 3))
    read, faked, failed = [file["executions"][0] for file in job["files"]]
    for execution in (read, faked):
        validator("OcrData").validate(json.loads(execution["ocrData"]))
    assert json.loads(read["ocrData"])["receipt"]["total"] == 13.2
    validator("ExecutionError").validate(failed["error"])


@pytest.mark.parametrize("page", [Page(None, None), Page(1, 2)])
def test_a_result_without_a_field_fits_and_one_with_another_does_not(page):
    result = OcrResult("", "", (page,), Receipt("rules"), "fake", raw={"any_thing": [None]})
    data = json.loads(ocr_data(result))
    assert validator("OcrData").is_valid(data)
    assert not validator("OcrData").is_valid({**data, "more": None})
    assert not validator("OcrData").is_valid({**data, "receipt": {**data["receipt"], "total": "1"}})
    data["receipt"].pop("tip")
    assert not validator("OcrData").is_valid(data)


def test_a_result_of_one_receipt_lists_it_as_all_of_the_file():
    data = json.loads(ocr_data(OcrResult("", "", (), Receipt("rules", merchant="SHOP"), "fake")))
    assert data["receipts"] == [{**data["receipt"], "page": 0, "box": None}]


# What is raised


COLUMNS = set(re.findall(r"(?m)^    (\w+) [A-Z]+", (ROOT / "schema.sql").read_text("utf-8")))


def trees(*parts):
    for part in parts:
        for path in sorted(ROOT.glob(part)):
            yield ast.parse(path.read_text("utf-8"))


def words(*nodes):
    """The nodes' string constants that look like a code or a warning."""
    values = [node.value for node in nodes if isinstance(node, ast.Constant)]
    return {value for value in values if isinstance(value, str) and WORD.fullmatch(value)}


def codes(node):
    """Error codes in a call that makes an error, or in a pair of code and message."""
    name = getattr(getattr(node, "func", None), "id", "")
    if name in ("ProviderError", "Failure", "failure", "Ended"):
        return words(*node.args)
    if isinstance(node, ast.Tuple) and len(node.elts) == 2 and is_sentence(node.elts[1]):
        return words(node.elts[0])
    return set()


def is_sentence(node):
    return " " in "".join(
        part.value
        for part in ast.walk(node)
        if isinstance(part, ast.Constant) and isinstance(part.value, str)
    )


def test_every_error_code_has_a_sentence_and_is_raised_somewhere():
    sources = trees("worker/*.py", "db.py", "engines/*.py", "providers/*.py", "commands/*.py")
    raised = {code for tree in sources for node in ast.walk(tree) for code in codes(node)}
    assert set(get_args(ErrorCode)) == set(ERRORS), "ErrorCode and ERRORS of result.py differ"
    assert set(SCHEMAS["ErrorCode"]["enum"]) == set(ERRORS), "run: python -m server.contract"
    assert raised == set(ERRORS), "remove what nothing raises from ERRORS of result.py, or add it"


def test_every_warning_has_a_sentence():
    assert set(get_args(ReceiptWarning)) == set(WARNINGS), (
        "ReceiptWarning and WARNINGS of result.py differ"
    )
    assert set(SCHEMAS["Warning"]["enum"]) == set(WARNINGS), "run: python -m server.contract"


@pytest.mark.slow
def test_every_warning_is_given_somewhere():
    functions = [
        node
        for tree in trees("fields/*.py", "providers/*.py")
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef) and "arning" in ast.unparse(node)
    ]
    found = {word for node in functions for word in words(*ast.walk(node)) if "_" in word}
    given = found - set(SCHEMA["required"]) - COLUMNS  # names of fields, as tables call them too
    assert given == set(WARNINGS), "remove what nothing gives from WARNINGS of result.py, or add it"


def test_the_documentation_lists_every_error_code_and_every_warning():
    text = (ROOT / "docs/errors.md").read_text("utf-8")
    listed = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.M))
    assert listed == ERRORS | WARNINGS, "make the tables of docs/errors.md as result.py has them"
