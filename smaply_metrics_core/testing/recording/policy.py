"""The allow-list of the parts of requests and responses that a cassette stores.

vcrpy stores everything that is not filtered out. Here requests and responses are rebuilt from the
allowed parts, and nothing else is stored.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl, urlsplit

from smaply_metrics_core.testing.assertions import broken

if TYPE_CHECKING:  # Optional: contract classes with a policy load without it.
    from vcr.request import Request

REQUEST_HEADERS: Final = ("accept", "content-type")
RESPONSE_HEADERS: Final = ("content-type", "retry-after")

ORIGIN: Final = "recorded://origin"
"""Replaces the scheme and host of the service in stored data."""


@dataclass(frozen=True)
class RecordingPolicy:
    """The parts that cassettes of one source may store. Names are regular expressions.

    Attributes:
        fields: Fields of JSON bodies at any depth: those that the source reads. Other fields are
            not stored, nor is anything below them.
        parameters: Query parameters of requests.
        changing: Patterns of ids that differ in each recording, such as request ids. They are
            replaced by numbers, so that a new recording does not change the file.
    """

    fields: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()


class CassetteRecorder:
    """Rewrites each exchange of one cassette with only the allowed parts.

    Attributes:
        unstored_fields: The fields of responses that were not stored.
    """

    def __init__(self, policy: RecordingPolicy) -> None:
        self.unstored_fields: set[str] = set()
        self._fields = _any_of(policy.fields)
        self._parameters = _any_of(policy.parameters)
        self._changing = re.compile("|".join(policy.changing)) if policy.changing else None
        self._numbers: dict[str, str] = {}

    def __call__(
        self, request: Request, response: dict[str, Any]
    ) -> tuple[Request, dict[str, Any]]:
        """Return the stored request and response.

        Raises:
            AssertionError: if the request has a part that the policy does not allow, without which
                the replay could not match it.
        """
        from vcr.request import Request  # Optional.

        parts = urlsplit(request.uri)
        origin = f"{parts.scheme}://{parts.netloc}"
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if not self._parameters.fullmatch(name):
                raise _not_allowed(f"the parameter {name}", "parameters")
        target = f"{parts.path}?{parts.query}" if parts.query else parts.path
        stored = Request(
            request.method,
            self._stable(target),
            self._stored_request_body(request.body, origin),
            {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers},
        )
        headers = {name.lower(): values for name, values in response["headers"].items()}
        return stored, {
            "status": dict(response["status"]),
            "headers": {name: list(headers[name]) for name in RESPONSE_HEADERS if name in headers},
            "body": {"string": self._stored_response_body(response["body"]["string"], origin)},
        }

    def _stored_request_body(self, content: bytes | None, origin: str) -> bytes | None:
        found = _json(content)
        if found is None:
            return self._text(content, origin)
        kept = self._allowed(found)
        if kept != found:
            raise _not_allowed("a field in its body", "fields")
        return self._text(content, origin)

    def _stored_response_body(self, content: bytes | None, origin: str) -> bytes | None:
        found = _json(content)
        if found is None:
            return self._text(content, origin)
        kept = json.dumps(self._allowed(found), ensure_ascii=False, separators=(",", ":"))
        return self._text(kept.encode(), origin)

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

    def _text(self, content: bytes | None, origin: str) -> bytes | None:
        if not content:
            return content
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


def _any_of(names: tuple[str, ...]) -> re.Pattern[str]:
    return re.compile("|".join(f"(?:{name})" for name in names) if names else r"(?!)")


def _json(content: bytes | None) -> Any:  # noqa: ANN401  # Any JSON; `None` for other contents.
    try:
        return json.loads(content or b"")
    except ValueError:
        return None


def _not_allowed(what: str, attribute: str) -> AssertionError:
    return broken(
        f"A request has {what} that the recording policy does not allow.",
        f"add it to RecordingPolicy.{attribute} if it is neither secret nor personal",
    )
