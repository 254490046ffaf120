"""The schemas of the OpenAPI document: limits of request bodies, texts from docstrings."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from smaply_metrics_host.web.json_body import LARGEST_NUMBER, LONGEST_TEXT, MOST_ITEMS

REFERENCE: Final = "#/components/schemas/"
_WITHIN: Final = {"minimum": -LARGEST_NUMBER, "maximum": LARGEST_NUMBER}
BOUNDS: Final[dict[str, dict[str, float]]] = {
    "string": {"maxLength": LONGEST_TEXT},
    "array": {"maxItems": MOST_ITEMS},
    "number": _WITHIN,
    "integer": _WITHIN,
}
"""The limits of every request body, by JSON type."""
NARROWER: Final = {"enum", "const", "format", "pattern"}
_ATTRIBUTES: Final = re.compile(r"\n+Attributes:\n(.*)", re.DOTALL)
_ATTRIBUTE: Final = re.compile(r"^    (\w+): (.+(?:\n {8}.+)*)", re.MULTILINE)


def names_in(part: object, schemas: dict[str, Any]) -> set[str]:
    """Return the names of all schemas that a part of the document refers to, recursively."""
    found: set[str] = set()
    pending = list(_references(part))
    while pending:
        name = pending.pop()
        if name not in found:
            found.add(name)
            pending += _references(schemas[name])
    return found


def add_limits(schema: object) -> None:
    """Add the limits of request bodies to a schema, except where it has narrower ones."""
    if isinstance(schema, list):
        for one in schema:
            add_limits(one)
    if not isinstance(schema, dict):
        return
    for name, one in schema.items():
        if name not in {"examples", "default"}:
            add_limits(one)
    kind = schema.get("type")
    if isinstance(kind, str) and not NARROWER & schema.keys():
        for name, value in BOUNDS.get(kind, {}).items():
            schema.setdefault(name, value)


def apply_docstring(schema: dict[str, Any]) -> None:
    """Describe each property with the text of its attribute in the model's docstring."""
    text = schema.get("description", "")
    properties = schema.get("properties", {})
    if attributes := _ATTRIBUTES.search(text):
        for name, description in _ATTRIBUTE.findall(attributes[1]):
            if name in properties:
                properties[name].setdefault("description", _plain(description))
        text = text[: attributes.start()]
    if text:
        schema["description"] = _plain(text)


def _plain(text: str) -> str:
    """Return the text of a docstring as Markdown, one line per paragraph."""
    paragraphs = re.split(r"\n\s*\n", text.replace("``None``", "null").replace("``", "`"))
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def _references(part: object) -> Iterator[str]:
    if isinstance(part, list):
        for one in part:
            yield from _references(one)
    elif isinstance(part, dict):
        for name, one in part.items():
            if name == "$ref":
                yield one.removeprefix(REFERENCE)
            else:
                yield from _references(one)
