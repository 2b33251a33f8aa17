"""The page /docs: openapi.json for people, as HTML without a script."""

import json
import re
from collections.abc import Iterator
from functools import cache, reduce
from operator import getitem
from pathlib import Path
from typing import Any

from markupsafe import Markup, escape

from result import Json

FILE = Path(__file__).resolve().parent.parent / "openapi.json"
CSP = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
METHODS = ("get", "post", "patch", "delete")
JSON = "application/json"


def page() -> Json:
    """The values that templates/docs.html shows; all of them come from the document."""
    document = read()
    return {
        "info": document["info"],
        "groups": groups(document),
        "schemas": document["components"]["schemas"],
        "prose": prose,
        "type_of": type_of,
        "example_text": example_text,
    }


@cache
def version() -> str:
    """The release of this service, such as 1.0.0: openapi.json is the one place that names it."""
    return str(read()["info"]["version"])


def groups(document: Json) -> dict[str, list[Json]]:
    """The operations under their tag, in the document's order.

    Each is as it stands there, with its `method`, `path`, `fields` and `call`.
    """
    found: dict[str, list[Json]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        whole = resolved(document, methods)
        for method in METHODS:
            if method in methods:
                operation = _operation(path, method, whole)
                found[operation["tags"][0]].append(operation)
    return found


def _operation(path: str, method: str, methods: Json) -> Json:
    """An operation with `fields`, its parameters and parts of its body, and a `call` by curl."""
    about = methods[method]
    parameters = [*methods.get("parameters", []), *about.get("parameters", [])]
    content = about.get("requestBody", {}).get("content", {})
    form, body = (content.get(kind, {}) for kind in ("multipart/form-data", JSON))
    return about | {
        "method": method.upper(),
        "path": path,
        "fields": [*parameters, *_fields("form", form), *_fields("JSON", body)],
        "call": _call(path, method, parameters, form, body.get("example")),
    }


def _fields(place: str, body: Json) -> Iterator[Json]:
    schema = body.get("schema", {})
    for name, about in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        yield {"name": name, "in": place, "required": required, **about}


def _call(path: str, method: str, parameters: list[Json], form: Json, example: Any) -> str:
    """A curl command that works unchanged, with the document's example values."""
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    values = {field["name"]: field.get("example") for field in _fields("form", form)}
    if "file" in values:
        values["file"] = "@receipt.jpg"
    words = [f"-F {name}={value}" for name, value in values.items() if value is not None]
    if example is not None:
        words.append(f"--json '{json.dumps(example)}'")
    if method in ("delete", "patch"):
        words.append(f"-X {method.upper()}")
    return " ".join(["curl", *words, f"localhost:3000{path}"])


def type_of(schema: Json) -> str:
    """The type as a person reads it: "list of Item", "string or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "oneOf" in schema:
        return " or ".join(map(type_of, schema["oneOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(map(json.dumps, schema.get("enum") or [schema["const"]]))
    kinds = schema.get("type", "anything")
    written = kinds if isinstance(kinds, str) else " or ".join(kinds)
    items = type_of(schema["items"]) if "items" in schema else "anything"
    return written.replace("array", f"list of {items}")


def prose(text: str) -> Markup:
    """The text as HTML, with the words in backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def example_text(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2)


def resolved(document: Json, part: Any) -> Any:
    """A part of the document, with references replaced by what they refer to."""
    if isinstance(part, list):
        return [resolved(document, one) for one in part]
    if not isinstance(part, dict):
        return part
    if "$ref" not in part:
        return {name: resolved(document, one) for name, one in part.items()}
    names = part["$ref"].removeprefix("#/").split("/")
    beside = {name: one for name, one in part.items() if name != "$ref"}
    return resolved(document, reduce(getitem, names, document) | beside)


def read() -> Json:
    return dict(json.loads(FILE.read_text("utf-8")))
