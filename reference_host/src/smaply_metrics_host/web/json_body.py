"""JSON request bodies: parsed strictly, with limits, and with errors that name the field."""

from __future__ import annotations

from email.message import Message
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic_core import from_json

from smaply_metrics_core.host import InputError

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_BYTES: Final = 256 * 1024
LONGEST_TEXT: Final = 5_000
LONGEST_NAME: Final = 200
MOST_ITEMS: Final = 5_000
LARGEST_NUMBER: Final = 1e18
MOST_REPORTED: Final = 20
"""The maximum number of values of which a response says that they exceed a limit."""

Place = tuple[str | int, ...]


class NotJson(InputError):
    """The request body is not declared as JSON."""

    kind = "not_json"


class BodyTooLarge(InputError):
    """The request body is larger than allowed."""

    kind = "too_large"


class JsonRequest(Request):
    """A request whose body is one JSON object within the limits."""

    async def body(self) -> bytes:
        """Return the body; no more of it is read than the limit.

        Raises:
            BodyTooLarge: if it is longer than ``MOST_BYTES``.
        """
        if not hasattr(self, "_body"):
            content = bytearray()
            async for block in self.stream():
                content += block
                if len(content) > MOST_BYTES:
                    raise _too_large()
            self._body = bytes(content)
        return self._body

    async def json(self) -> dict[str, Any]:
        """Return the body as an object.

        Raises:
            NotJson: if the content type is not JSON.
            BodyTooLarge: if the body is longer than ``MOST_BYTES``.
            RequestValidationError: if it is not a JSON object, or a value exceeds a limit.
        """
        if not hasattr(self, "_object"):
            _require_json(self.headers.get("content-type", ""))
            self._object = checked_object(await self.body())
        return self._object


def checked_object(body: bytes) -> dict[str, Any]:
    """Parse a JSON object; raises the errors of ``JsonRequest.json``."""
    if len(body) > MOST_BYTES:
        raise _too_large()
    try:
        # Unlike ``json.loads``, this refuses lone surrogates, NaN and very long numbers.
        value = from_json(body, allow_inf_nan=False)
    except ValueError as error:
        raise _refused([((), f"not valid JSON: {error}")]) from None
    if not isinstance(value, dict):
        raise _refused([((), "must be a JSON object")])
    wrong = list(islice(_out_of_bounds((), value), MOST_REPORTED))
    if wrong:
        raise _refused(wrong)
    return value


def _require_json(content_type: str) -> None:
    header = Message()
    header["content-type"] = content_type
    if header.get_content_type() != "application/json":
        raise NotJson(
            "The request body is not JSON.", remedy="Send Content-Type: application/json."
        )


def _out_of_bounds(place: Place, value: object) -> Iterator[tuple[Place, str]]:
    if wrong := _wrong_with(value):
        yield place, wrong
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _out_of_bounds((*place, index), one)
    elif isinstance(value, dict):
        for name, one in value.items():
            yield from _out_of_bounds((*place, name), one)


def _wrong_with(value: object) -> str:
    match value:
        case str() if len(value) > LONGEST_TEXT:
            return f"a text can have up to {LONGEST_TEXT:,} characters"
        case str() if "\0" in value:
            return "a text cannot contain NUL characters"
        case int() | float() if abs(value) > LARGEST_NUMBER:
            return f"a number must be within ±{LARGEST_NUMBER:g}"
        case list() if len(value) > MOST_ITEMS:
            return f"a list can have up to {MOST_ITEMS:,} items"
        case dict() if any(len(name) > LONGEST_NAME or "\0" in name for name in value):
            return f"a name can have up to {LONGEST_NAME} characters and no NUL"
        case _:
            return ""


def _too_large() -> BodyTooLarge:
    return BodyTooLarge(
        "The request is too large.", remedy=f"Send {MOST_BYTES // 1024} KB or less."
    )


def _refused(wrong: list[tuple[Place, str]]) -> RequestValidationError:
    return RequestValidationError(
        [{"type": "body", "loc": ("body", *place), "msg": message} for place, message in wrong]
    )
