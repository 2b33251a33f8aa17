"""The schemas of openapi.json that follow from result.py. `python -m server.contract` writes them.

tests/server/test_openapi.py fails as long as the file differs from what this module would write.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any

from result import (
    ERRORS,
    PRINTED,
    PRINTED_OF_ITEM,
    WARNINGS,
    Code,
    Evidence,
    FieldEvidence,
    FileReceipt,
    Item,
    Json,
    Line,
    OcrResult,
    Page,
    Receipt,
    ReceiptWarning,
    Tax,
    camel_name,
    json_schema,
)
from server.docs import FILE

PARTS = (Page, Line, Code, Receipt, FileReceipt, Item, Tax, FieldEvidence, Evidence)
OBJECTS = {OcrResult: "OcrData"} | {part: part.__name__ for part in PARTS}
_NAMES: Mapping[Any, str] = OBJECTS | {ReceiptWarning: "Warning"}
_REFERENCES = {kind: {"$ref": f"#/components/schemas/{name}"} for kind, name in _NAMES.items()}


def schemas() -> Json:
    """The schema of each class that ocrData is made of, of the warnings and of the error codes."""
    return {name: _object(kind) for kind, name in OBJECTS.items()} | {
        "Corrections": _corrections(),
        "Warning": _words("What to check on the paper before relying on the fields", WARNINGS),
        "ErrorCode": _words("Why an execution failed", ERRORS),
    }


def _object(kind: type) -> Json:
    """The schema of a class: all fields are required, the docstring describes it."""
    properties = {
        camel_name(field.name): json_schema(field.type, _REFERENCES) for field in fields(kind)
    }
    return {
        "type": "object",
        "description": (kind.__doc__ or "").split("\n\n")[0],
        "required": list(properties),
        "properties": properties,
        "additionalProperties": False,
    }


def _corrections() -> Json:
    """The fields that a person may correct; none of them has to be there."""

    def properties(printed: Iterable[Field[Any]], parts: Mapping[Any, Json]) -> Json:
        schemas = {camel_name(field.name): json_schema(field.type, parts) for field in printed}
        return {"type": "object", "properties": schemas}

    parts = {Item: properties(PRINTED_OF_ITEM, {}), Tax: properties(fields(Tax), {})}
    about = {"description": "Fields as a person put them right", "additionalProperties": False}
    return properties(PRINTED, parts) | about


def _words(description: str, sentences: Mapping[Any, str]) -> Json:
    """The schema of a text that is one of these words; their sentences are an extension."""
    return {
        "type": "string",
        "description": description,
        "enum": list(sentences),
        "x-enumDescriptions": dict(sentences),
    }


def with_schemas(text: str) -> str:
    """The text of openapi.json with these schemas in place of those it has."""
    document, new = json.loads(text), schemas()
    old = document["components"]["schemas"]
    document["components"]["schemas"] = {n: old[n] for n in old if n not in new} | new
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(with_schemas(FILE.read_text("utf-8")), "utf-8")
