"""Rebuilds the exchanges of a cassette from what a recording policy allows."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
from functools import lru_cache
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, unquote_plus, urlsplit

from vcr.request import Request

from smaply_metrics_core.testing.assertions import broken
from smaply_metrics_core.testing.recording.body_paths import BodyPath, Location
from smaply_metrics_core.testing.recording.body_values import (
    FORM,
    Scalar,
    ValueChange,
    change_query,
    change_values,
    read_json_body,
    write_json_body,
)
from smaply_metrics_core.testing.recording.inflation import inflate
from smaply_metrics_core.testing.recording.placeholders import SHORTEST, Placeholders
from smaply_metrics_core.testing.recording.policy import (
    NamedPath,
    RecordingPolicy,
    Side,
    named_paths,
)

REQUEST_HEADERS: Final = ("accept", "content-type")
RESPONSE_HEADERS: Final = ("content-type", "retry-after")

ORIGIN: Final = "recorded://origin"
"""Replaces the scheme and host of the service in stored data."""

Response = dict[str, Any]
"""A response of vcrpy."""

Exchanges = Iterable[tuple[Request, Response]]


class ValueRedaction:
    """Redacts the values of one cassette.

    Attributes:
        placeholders: The placeholders of the values.
        matched: The paths that named a value.
    """

    def __init__(self, policy: RecordingPolicy) -> None:
        self.placeholders = Placeholders()
        self.matched: set[NamedPath] = set()
        self._redactions = [
            (one, {named: BodyPath(named.path) for named in named_paths(one)})
            for one in policy.redactions
        ]

    def learn(self, exchanges: Exchanges) -> None:
        """Find the values that paths name, in the order of the exchanges."""
        for request, response in exchanges:
            self._visit(request, request, "request", self.placeholders.sent)
            self._visit(request, response, "response", self.placeholders.issued)

    def learn_stored(self, exchanges: Exchanges) -> None:
        """Find the placeholders of issued values in stored exchanges, which stay as they are."""
        for request, response in exchanges:
            self._visit(request, response, "response", self.placeholders.keep)

    def in_target(self, request: Request) -> str:
        """Return the path and query of a request with its values redacted."""
        parts = urlsplit(request.uri)
        change = self._replace(request, "request")
        path = self.placeholders.in_text(parts.path)
        return f"{path}?{change_query(parts.query, change)}" if parts.query else path

    def in_request_body(self, request: Request) -> bytes:
        """Return the body of a request with its values redacted."""
        change = self._replace(request, "request")
        return change_values(body_of(request), content_type_of(request), change)

    def in_response_body(self, request: Request, response: Response) -> bytes:
        """Return the body of a response with its values redacted."""
        change = self._replace(request, "response")
        return change_values(body_of(response), content_type_of(response), change)

    def named_values(
        self, request: Request, response: Response | None = None
    ) -> tuple[Scalar, ...]:
        """Return the values in a request, or else in its response, that paths name."""
        found: list[Scalar] = []
        if response is None:
            self._visit(request, request, "request", found.append)
        else:
            self._visit(request, response, "response", found.append)
        return tuple(found)

    def _visit(
        self,
        request: Request,
        message: Request | Response,
        side: Side,
        see: Callable[[Scalar], object],
    ) -> None:
        """Call a function with each value that a path names; the request decides which paths."""
        paths = self._paths(request, side)
        if not paths:
            return

        def change(location: Location, value: Scalar) -> Scalar:
            if self._is_named(paths, location, value):
                see(value)
                return None  # What is encoded in it is no value of its own.
            return value

        if side == "request":
            change_query(urlsplit(request.uri).query, change)
        change_values(body_of(message), content_type_of(message), change)

    def _replace(self, request: Request, side: Side) -> ValueChange:
        paths = self._paths(request, side)
        placeholder = self.placeholders.sent if side == "request" else self.placeholders.issued

        def change(location: Location, value: Scalar) -> Scalar:
            if self._is_named(paths, location, value):
                return placeholder(value)
            return self.placeholders.elsewhere(value)

        return change

    def _paths(self, request: Request, side: Side) -> dict[NamedPath, BodyPath]:
        body = body_of(request)
        return {
            named: path
            for redaction, paths in self._redactions
            if redaction.applies_to(target_of(request), body)
            for named, path in paths.items()
            if named.side == side
        }

    def _is_named(
        self, paths: dict[NamedPath, BodyPath], location: Location, value: Scalar
    ) -> bool:
        if value is None or isinstance(value, bool):
            return False
        found = [named for named, path in paths.items() if path.matches(location)]
        self.matched.update(found)
        if not all(paths[named].names_many for named in found):
            self.placeholders.replace_in_texts(value)
        return bool(found)


class CassetteRecorder:
    """Rewrites the exchanges of one cassette with only the allowed parts.

    Attributes:
        unstored_fields: The fields of responses that were not stored.
        login_secrets: The redacted values of logins that are long enough to be searched for.
        redaction: The redacted values.
    """

    def __init__(self, policy: RecordingPolicy) -> None:
        self.unstored_fields: set[str] = set()
        self.login_secrets: set[str] = set()
        self.redaction = ValueRedaction(policy)
        self._fields = _any_of(policy.fields)
        self._parameters = _any_of(policy.parameters)
        self._changing = re.compile("|".join(policy.changing)) if policy.changing else None
        self._numbers: dict[str, str] = {}

    def stored(self, exchanges: Exchanges) -> list[tuple[Request, Response]]:
        """Return the stored requests and responses.

        Raises:
            AssertionError: if a request has a part that the policy does not allow, without which
                the replay could not match it.
        """
        exchanges = list(exchanges)
        self.redaction.learn(exchanges)
        for request, response in exchanges:
            if sent := self.redaction.named_values(request):
                values = (*sent, *self.redaction.named_values(request, response))
                self.login_secrets |= {str(one) for one in values if len(str(one)) >= SHORTEST}
        return [self._stored(request, response) for request, response in exchanges]

    def _stored(self, request: Request, response: Response) -> tuple[Request, Response]:
        origin = origin_of(request)
        for name, _ in parse_qsl(urlsplit(request.uri).query, keep_blank_values=True):
            if not self._parameters.fullmatch(name):
                raise _not_allowed(f"the parameter {name}", "parameters")
        stored = Request(
            request.method,
            self._stable(self.redaction.in_target(request)),
            self._stored_request_body(request, origin),
            {
                name: self.redaction.placeholders.in_text(request.headers[name])
                for name in REQUEST_HEADERS
                if name in request.headers
            },
        )
        headers = {name.lower(): values for name, values in response["headers"].items()}
        return stored, {
            "status": dict(response["status"]),
            "headers": {name: list(headers[name]) for name in RESPONSE_HEADERS if name in headers},
            "body": {"string": self._stored_response_body(request, response, origin)},
        }

    def _stored_request_body(self, request: Request, origin: str) -> bytes | None:
        content = self.redaction.in_request_body(request)
        if content_type_of(request).startswith(FORM):
            names = [pair.partition("=")[0] for pair in content.decode().split("&")]
            self._require_allowed({unquote_plus(name) for name in names if name})
            return self._text(content, origin)
        try:
            found = read_json_body(content)
        except ValueError:
            return self._text(content, origin)
        self._require_allowed(set(_field_names(found)))
        return self._text(write_json_body(found).encode(), origin)

    def _require_allowed(self, names: set[str]) -> None:
        for name in sorted(names):
            if not self._fields.fullmatch(name):
                raise _not_allowed(f"the field {name} in its body", "fields")

    def _stored_response_body(
        self, request: Request, response: Response, origin: str
    ) -> bytes | None:
        content = self.redaction.in_response_body(request, response)
        try:
            found = read_json_body(content)
        except ValueError:
            return self._text(content, origin)
        return self._text(write_json_body(self._allowed(found)).encode(), origin)

    def _allowed(self, value: Any) -> Any:  # noqa: ANN401  # JSON.
        if isinstance(value, list):
            return [self._allowed(item) for item in value]
        if not isinstance(value, dict):
            return value
        self.unstored_fields |= {name for name in value if not self._fields.fullmatch(name)}
        return {
            name: self._allowed(item)
            for name, item in value.items()
            if self._fields.fullmatch(name)
        }

    def _text(self, content: bytes, origin: str) -> bytes:
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content  # A binary file is stored unchanged and scanned afterwards.
        return self._stable(text.replace(origin, ORIGIN)).encode()

    def _stable(self, text: str) -> str:
        if self._changing is None:
            return text
        return self._changing.sub(lambda found: self._numbered(found[0]), text)

    def _numbered(self, changing: str) -> str:
        if changing not in self._numbers:
            number = str(len(self._numbers) + 1)
            zeros = re.sub("[0-9a-f]", "0", changing)
            self._numbers[changing] = zeros[: -len(number)] + number
        return self._numbers[changing]


class CassettePlayer:
    """Matches requests with the stored ones of a cassette, with the same redaction.

    Args:
        policy: The policy of the recording.
        exchanges: The stored exchanges.
    """

    def __init__(self, policy: RecordingPolicy, exchanges: Exchanges) -> None:
        self._redaction = ValueRedaction(policy)
        self._redaction.learn_stored(exchanges)

    def request(self, request: Request) -> Request:
        """Return a request as the cassette would store it."""
        origin = origin_of(request).encode()
        body = self._redaction.in_request_body(request)
        if origin != _NO_ORIGIN:
            body = body.replace(origin, ORIGIN.encode())
        return Request(request.method, self._redaction.in_target(request), body, request.headers)


_NO_ORIGIN: Final = b"://"


def same_path(one: Request, other: Request) -> bool:
    """Whether the paths of two requests are equal, however they are percent-encoded."""
    return [*map(unquote, one.path.split("/"))] == [*map(unquote, other.path.split("/"))]


def same_body(one: Request, other: Request) -> bool:
    """Whether the bodies of two requests are equal: in JSON and forms, the values."""
    return one.body == other.body or _comparable(one) == _comparable(other)


def _comparable(request: Request) -> object:
    is_form = content_type_of(request).startswith(FORM)
    return _comparable_body(body_of(request), is_form=is_form)


@lru_cache(maxsize=1024)  # Each request is compared with every stored one.
def _comparable_body(body: bytes, *, is_form: bool) -> object:
    if is_form:
        return parse_qsl(body.decode(errors="replace"), keep_blank_values=True)
    try:
        return json.dumps(read_json_body(body), sort_keys=True)
    except ValueError:
        return body


def target_of(request: Request) -> str:
    """Return the path and query of a request."""
    parts = urlsplit(request.uri)
    return f"{parts.path}?{parts.query}" if parts.query else str(parts.path)


def origin_of(request: Request) -> str:
    """Return the scheme and host of a request; those of a stored one are empty."""
    parts = urlsplit(request.uri)
    return f"{parts.scheme}://{parts.netloc}"


def content_type_of(message: Request | Response) -> str:
    """Return the content type of a request or a response, in lower case."""
    return _header(message, "content-type").lower()


def body_of(message: Request | Response) -> bytes:
    """Return the body of a request or a response, decompressed."""
    found = message["body"]["string"] if isinstance(message, dict) else message.body
    content = found.encode() if isinstance(found, str) else bytes(found or b"")
    if _header(message, "content-encoding").lower() in {"gzip", "x-gzip", "deflate"}:
        return inflate(content)
    return content


def _header(message: Request | Response, name: str) -> str:
    headers = message["headers"] if isinstance(message, dict) else message.headers
    for key, value in headers.items():
        if key.lower() == name:
            return str(value if isinstance(value, str) else value[0])
    return ""


def _field_names(value: Any) -> Iterator[str]:  # noqa: ANN401  # JSON.
    if isinstance(value, dict):
        yield from value
        for item in value.values():
            yield from _field_names(item)
    elif isinstance(value, list):
        for item in value:
            yield from _field_names(item)


def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{name})" for name in names) if names else r"(?!)")


def _not_allowed(what: str, attribute: str) -> AssertionError:
    return broken(
        f"A request has {what} that the recording policy does not allow.",
        f"add it to RecordingPolicy.{attribute} if it is neither secret nor personal; name a "
        "secret in RecordingPolicy.redactions as well",
    )
