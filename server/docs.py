"""How is the API read by a person? /openapi.json as one page without a script."""

import json
import re
from pathlib import Path
from typing import Any, NamedTuple

from markupsafe import Markup, escape

CSP = "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'"
METHODS = ("get", "post", "delete")

Json = dict[str, Any]


class Field(NamedTuple):
    """A parameter, or a field of a form."""

    name: str
    place: str  # path, query, header or form
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


def page(path: Path) -> Json:
    """What templates/docs.html shows: all that is in the document, and nothing else."""
    document = read(path)
    return {"info": document["info"], "groups": groups(document), "prose": prose}


def groups(document: Json) -> dict[str, list[Operation]]:
    """The operations by tag, in the document's order."""
    found: dict[str, list[Operation]] = {tag["name"]: [] for tag in document["tags"]}
    for path, methods in document["paths"].items():
        for method in METHODS:
            if method in methods:
                operation = _operation(document, path, method)
                found[methods[method]["tags"][0]].append(operation)
    return found


def prose(text: str) -> Markup:
    """The text with what stands in backticks as code."""
    return Markup(re.sub("`([^`]+)`", r"<code>\1</code>", str(escape(text))))


def _operation(document: Json, path: str, method: str) -> Operation:
    about = document["paths"][path][method]
    named = [*document["paths"][path].get("parameters", []), *about.get("parameters", [])]
    parameters = [_resolved(document, parameter) for parameter in named]
    form = _form(document, about)
    fields = [
        Field(one["name"], one["in"], one.get("required", False), one.get("description", ""))
        for one in parameters
    ]
    required = form.get("required", [])
    fields += [
        Field(name, "form", name in required, about_field.get("description", ""))
        for name, about_field in form.get("properties", {}).items()
    ]
    return Operation(
        about["operationId"],
        method.upper(),
        path,
        about["summary"],
        about.get("description", ""),
        _call(path, method, parameters, form),
        fields,
        [_answer(document, *answer) for answer in sorted(about["responses"].items())],
    )


def _form(document: Json, about: Json) -> Json:
    """The schema of the form that the operation takes; {} for none."""
    content = _resolved(document, about.get("requestBody", {})).get("content", {})
    return _resolved(document, content.get("multipart/form-data", {}).get("schema", {}))


def _call(path: str, method: str, parameters: list[Json], form: Json) -> str:
    """A curl that works as it is, with the document's example values."""
    for parameter in parameters:
        if parameter["in"] == "path":
            path = path.replace(f"{{{parameter['name']}}}", str(parameter["example"]))
    values = {name: about.get("example") for name, about in form.get("properties", {}).items()}
    if "file" in values:
        values["file"] = "@receipt.jpg"
    words = [f"-F {name}={value}" for name, value in values.items() if value is not None]
    if method == "delete":
        words.append("-X DELETE")
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
    """What a reference stands for, or the thing itself."""
    if "$ref" not in thing:
        return thing
    found = document
    for name in thing["$ref"].removeprefix("#/").split("/"):
        found = found[name]
    return _resolved(document, found)


def read(path: Path) -> Json:
    document: Json = json.loads(path.read_text("utf-8"))
    return document
