"""The page /docs: openapi.json for people, as HTML without a script."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

FILE = Path(__file__).resolve().parent.parent / "openapi.json"
CSP = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
METHODS = ("get", "post", "patch", "delete")

JSON = "application/json"

Json = dict[str, Any]


class Field(NamedTuple):
    """A parameter, or a field of a form."""

    name: str
    place: str  # path, query, header, form or JSON
    required: bool
    text: str


class Answer(NamedTuple):
    status: str
    text: str
    examples: list[tuple[str, str]]  # media type and body


class Operation(NamedTuple):
    id: str
    method: str
    path: str
    summary: str
    text: str
    call: str  # for a shell
    fields: list[Field]
    answers: list[Answer]


class Schema(NamedTuple):
    """An object with its fields, or a list of words with what each means."""

    name: str
    text: str
    rows: list[tuple[str, str, str]]  # name, type ("" for a word) and meaning


def page() -> Json:
    """The values that templates/docs.html shows; all of them come from the document."""
    document = read()
    return {
        "info": document["info"],
        "groups": groups(document),
        "schemas": schemas(document),
        "prose": prose,
    }


@cache
def version() -> str:
    """The release of this service, such as 1.0.0: openapi.json is the one place that names it."""
    return str(read()["info"]["version"])


def groups(document: Json) -> dict[str, list[Operation]]:
    """The operations under their tag, in the document's order."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = _operation(document, path, method)
                found[methods[method]["tags"][0]].append(operation)
    return found


def schemas(document: Json) -> list[Schema]:
    """Every schema of the document, in its order."""
    return [
        Schema(name, about.get("description", ""), [*_properties(about), *_words(about)])
        for name, about in document["components"]["schemas"].items()
    ]


def _properties(about: Json) -> Iterator[tuple[str, str, str]]:
    for name, schema in about.get("properties", {}).items():
        yield name, _type(schema), schema.get("description", "")


def _words(about: Json) -> Iterator[tuple[str, str, str]]:
    for word, meaning in about.get("x-enumDescriptions", {}).items():
        yield word, "", meaning


def _type(schema: Json) -> str:
    """The type as a person reads it: "list of Item", "string or null"."""
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2]
    if "oneOf" in schema:
        return " or ".join(map(_type, schema["oneOf"]))
    if "const" in schema or "enum" in schema:
        return " or ".join(map(json.dumps, schema.get("enum") or [schema["const"]]))
    kinds = schema.get("type", "anything")
    written = kinds if isinstance(kinds, str) else " or ".join(kinds)
    items = _type(schema["items"]) if "items" in schema else "anything"
    return written.replace("array", f"list of {items}")


def prose(text: str) -> Markup:
    """The text as HTML, with the words in backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _operation(document: Json, path: str, method: str) -> Operation:
    about = document["paths"][path][method]
    named = [*document["paths"][path].get("parameters", []), *about.get("parameters", [])]
    parameters = [_resolved(document, parameter) for parameter in named]
    form, body = _body(document, about, "multipart/form-data"), _body(document, about, JSON)
    fields = [
        Field(one["name"], one["in"], one.get("required", False), one.get("description", ""))
        for one in parameters
    ]
    fields += [*_fields("form", form), *_fields("JSON", body)]
    return Operation(
        about["operationId"],
        method.upper(),
        path,
        about["summary"],
        about.get("description", ""),
        _call(path, method, parameters, form, _example(about)),
        fields,
        [_answer(document, *answer) for answer in sorted(about["responses"].items())],
    )


def _fields(place: str, schema: Json) -> Iterator[Field]:
    for name, about in schema.get("properties", {}).items():
        required = name in schema.get("required", [])
        yield Field(name, place, required, about.get("description", ""))


def _body(document: Json, about: Json, media_type: str) -> Json:
    """The schema of the body that the operation takes in this form; {} for none."""
    content = _resolved(document, about.get("requestBody", {})).get("content", {})
    return _resolved(document, content.get(media_type, {}).get("schema", {}))


def _example(about: Json) -> Any:
    """Of the JSON that the operation takes; None for none."""
    return about.get("requestBody", {}).get("content", {}).get(JSON, {}).get("example")


def _call(path: str, method: str, parameters: list[Json], form: Json, body: Any) -> str:
    """A curl command that works unchanged, with the document's example values."""
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    values = {name: about.get("example") for name, about in form.get("properties", {}).items()}
    if "file" in values:
        values["file"] = "@receipt.jpg"
    words = [f"-F {name}={value}" for name, value in values.items() if value is not None]
    if body is not None:
        words.append(f"--json '{json.dumps(body)}'")
    if method in ("delete", "patch"):
        words.append(f"-X {method.upper()}")
    return " ".join(["curl", *words, f"localhost:3000{path}"])


def _answer(document: Json, status: str, about: Json) -> Answer:
    response = _resolved(document, about)
    examples = [
        (media_type, _text(content["example"]))
        for media_type, content in response.get("content", {}).items()
        if "example" in content
    ]
    return Answer(status, response["description"], examples)


def _text(example: Any) -> str:
    return example if isinstance(example, str) else json.dumps(example, indent=2)


def _resolved(document: Json, thing: Json) -> Json:
    """The target of a reference; anything else unchanged."""
    if "$ref" not in thing:
        return thing
    found = document
    for name in thing["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return _resolved(document, found)


def read() -> Json:
    return dict(json.loads(FILE.read_text("utf-8")))
