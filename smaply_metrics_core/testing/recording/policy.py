"""What is stored of recorded HTTP: only what an allow-list names.

vcrpy stores every header that nobody filters. Here it is the other way round: a request and an
answer are written anew from the parts named below, and nothing else reaches the file.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

from vcr.request import Request

from smaply_metrics_core.testing.assertions import broken

REQUEST_HEADERS: Final = ("accept", "content-type")
ANSWER_HEADERS: Final = ("content-type", "retry-after")

ORIGIN: Final = "recorded://origin"
"""Stands in a stored answer for the scheme and host that were called."""


@dataclass(frozen=True)
class RecordingPolicy:
    """What is stored, beyond what holds for every source. Names are regular expressions.

    Attributes:
        fields: Fields of JSON bodies, at any depth: those that the source reads. What is below a
            field that is not named is left out with it.
        parameters: Parameters in the address of a request.
        changing: Patterns of ids that are others with each recording, such as request ids. They
            are numbered instead, so that recording again changes nothing in the file.
    """

    fields: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()


class CassetteRecorder:
    """Writes each exchange of one cassette anew, from what may be stored.

    Attributes:
        left_out: The fields of answers that were not stored.
    """

    def __init__(self, policy: RecordingPolicy) -> None:
        self.left_out: set[str] = set()
        self._fields = _any_of(policy.fields)
        self._parameters = _any_of(policy.parameters)
        self._changing = re.compile("|".join(policy.changing)) if policy.changing else None
        self._numbers: dict[str, str] = {}

    def __call__(self, request: Request, answer: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
        """Give what is stored of a request and its answer.

        Raises:
            AssertionError: when the request has a part that no policy names: without it, no
                recording could be found again.
        """
        parts = urlsplit(request.uri)
        origin = f"{parts.scheme}://{parts.netloc}"
        for name, _ in parse_qsl(parts.query, keep_blank_values=True):
            if not self._parameters.fullmatch(name):
                raise _unnamed(f"the parameter {name}", "parameters")
        where = f"{parts.path}?{parts.query}" if parts.query else parts.path
        stored = Request(
            request.method,
            self._steady(where),
            self._asked(request.body, origin),
            {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers},
        )
        headers = {name.lower(): values for name, values in answer["headers"].items()}
        return stored, {
            "status": dict(answer["status"]),
            "headers": {name: list(headers[name]) for name in ANSWER_HEADERS if name in headers},
            "body": {"string": self._answered(answer["body"]["string"], origin)},
        }

    def _asked(self, content: bytes | None, origin: str) -> bytes | None:
        found = _json(content)
        if found is None:
            return self._text(content, origin)
        kept = self._allowed(found)
        if kept != found:
            raise _unnamed("a field in the body of a request", "fields")
        return self._text(content, origin)

    def _answered(self, content: bytes | None, origin: str) -> bytes | None:
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
        self.left_out |= {name for name in value if not self._fields.fullmatch(name)}
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
            return content  # A file: stored as it is, and searched afterwards.
        return self._steady(text.replace(origin, ORIGIN)).encode()

    def _steady(self, text: str) -> str:
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


def _json(content: bytes | None) -> Any:  # noqa: ANN401  # JSON is anything; `None` where it is none.
    try:
        return json.loads(content or b"")
    except ValueError:
        return None


def _unnamed(what: str, attribute: str) -> AssertionError:
    return broken(
        f"A recording would hold {what}, which the policy does not name.",
        f"name it in Policy.{attribute} if it is no secret and tells about nobody",
    )
