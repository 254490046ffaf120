"""What a cassette stores of requests and responses: allowed parts, and redacted values.

vcrpy stores everything that is not filtered out. Here requests and responses are rebuilt from the
allowed parts, and nothing else is stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple
from urllib.parse import unquote

from smaply_metrics_core.testing.recording.body_paths import BodyPath

Side = Literal["request", "response"]


class NamedPath(NamedTuple):
    """A path of a recording policy."""

    operation: str
    side: Side
    path: str

    def __str__(self) -> str:
        """Return the path as messages name it."""
        of = f" of “{self.operation}”" if self.operation else ""
        return f"`{self.path}` in the {self.side}{of}"


@dataclass(frozen=True)
class Redaction:
    """Values in bodies that are replaced, by their paths.

    A path names a text or a number in JSON, in a form, or in JSON that is encoded in either, such
    as base64: ``params[1]``, ``access_token``, ``responses[*].email``, ``?token`` for a parameter
    of the query, or ``$`` for the whole body. Where there is an object, a list, true, false or
    null, nothing is replaced: a refusal at the path of a session key stays readable.

    Attributes:
        operation: A text in the path or body of the requests, such as the method of JSON-RPC; empty
            for every request.
        request: Paths in the request: the credentials of a login.
        response: Paths in the response: a session key or an access token. It is then replaced in
            later requests too, in the path, the query and the body.

    Raises:
        TypeError: if the paths are one text.
        ValueError: if there is no path, or an invalid one.
    """

    operation: str = ""
    request: tuple[str, ...] = ()
    response: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Validate the paths."""
        for side in (self.request, self.response):
            if isinstance(side, str):
                raise TypeError(f"Paths are a tuple of texts: ({side!r},).")
            for path in side:
                BodyPath(path)
        if not (self.request or self.response):
            raise ValueError("A Redaction needs a path in `request` or `response`.")

    def applies_to(self, target: str, body: bytes) -> bool:
        """Whether the values of a request and of its response are redacted."""
        return self.operation in unquote(target) or self.operation.encode() in body


@dataclass(frozen=True)
class RecordingPolicy:
    """The parts that cassettes of one source may store. Names are regular expressions.

    Attributes:
        fields: Fields of JSON bodies at any depth, and of forms that are sent: those that the
            source reads or sends. Other fields are not stored, nor is anything below them.
        parameters: Query parameters of requests.
        changing: Patterns of ids that differ in each recording, such as request ids. They are
            replaced by numbers, so that a new recording does not change the file.
        redactions: Values of stored fields that are replaced, such as passwords and session keys.
    """

    fields: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    changing: tuple[str, ...] = ()
    redactions: tuple[Redaction, ...] = ()


def named_paths(redaction: Redaction) -> tuple[NamedPath, ...]:
    """Return the paths of a redaction."""
    sides: tuple[tuple[Side, tuple[str, ...]], ...] = (
        ("request", redaction.request),
        ("response", redaction.response),
    )
    return tuple(
        NamedPath(redaction.operation, side, path) for side, paths in sides for path in paths
    )
