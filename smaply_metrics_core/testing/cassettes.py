"""Recorded HTTP: what is stored of it, how it is played, and a search for what must not be in it.

vcrpy stores every header that nobody filters. Here it is the other way round: a request and an
answer are written anew from the parts named below, and nothing else reaches the file. It needs the
extra ``testing``.
"""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
import vcr
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request

from smaply_metrics_core.secret_search import find_secrets
from smaply_metrics_core.testing.verdict import broken, expect

REQUEST_HEADERS: Final = ("accept", "content-type")
ANSWER_HEADERS: Final = ("content-type", "retry-after")
PRIVATE_FIELDS: Final = ("email", "firstName", "lastName", "userName")
"""Fields of a JSON answer that tell about a person: their texts are not stored."""

MATCHED: Final = ("method", "path", "query", "body")
"""What a request has to share with a recorded one; hosts and ports are no matter."""

ORIGIN: Final = "recorded://origin"
"""Stands in a stored answer for the scheme and host that were called."""

RECORD_AGAIN: Final = (
    "record the cassettes again with smaply_metrics_core.testing.record(TheTestClass, folder), and "
    "look at what has changed"
)

_EMAIL: Final = re.compile(rb"[A-Za-z0-9_.+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)*\.[A-Za-z]{2,}")


@dataclass(frozen=True)
class Policy:
    """What is stored, beyond what holds for every source.

    Attributes:
        private_fields: Fields of JSON answers whose texts are left out.
        changing: Patterns of ids that are others with each recording, such as request ids. They
            are numbered instead, so that recording again changes nothing in the file.
    """

    private_fields: tuple[str, ...] = PRIVATE_FIELDS
    changing: tuple[str, ...] = ()


class _Storing:
    """Writes each exchange of one cassette anew, from what may be stored."""

    def __init__(self, policy: Policy) -> None:
        names = "|".join(map(re.escape, policy.private_fields))
        self._private = re.compile(rf'("(?:{names})"\s*:\s*)"(?:[^"\\]|\\.)*"') if names else None
        self._changing = re.compile("|".join(policy.changing)) if policy.changing else None
        self._numbers: dict[str, str] = {}

    def __call__(self, request: Request, answer: dict[str, Any]) -> tuple[Request, dict[str, Any]]:
        parts = urlsplit(request.uri)
        origin = f"{parts.scheme}://{parts.netloc}"
        where = f"{parts.path}?{parts.query}" if parts.query else parts.path
        stored = Request(
            request.method,
            self._steady(where),
            self._text(request.body, origin),
            {name: request.headers[name] for name in REQUEST_HEADERS if name in request.headers},
        )
        headers = {name.lower(): values for name, values in answer["headers"].items()}
        return stored, {
            "status": dict(answer["status"]),
            "headers": {name: list(headers[name]) for name in ANSWER_HEADERS if name in headers},
            "body": {"string": self._text(answer["body"]["string"], origin)},
        }

    def _text(self, content: bytes | None, origin: str) -> bytes | None:
        if not content:
            return content
        try:
            text = content.decode()
        except UnicodeDecodeError:
            return content  # A file: stored as it is, and searched afterwards.
        if self._private is not None:
            text = self._private.sub(r'\1"removed"', text)
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


@dataclass
class Tape:
    """A cassette in use.

    Attributes:
        missed: The requests that no recording was left for.
    """

    path: Path
    missed: list[str] = field(default_factory=list)

    def transport(self) -> httpx.BaseTransport:
        """Make a transport whose every request the cassette answers, or records."""
        return _TapeTransport(self.missed)


class _TapeTransport(httpx.HTTPTransport):
    """What vcrpy plays or records, with what it has no recording for written down.

    The error alone would be lost: a source's guard turns it into an error like any other.
    """

    def __init__(self, missed: list[str]) -> None:
        super().__init__()
        self._missed = missed

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = super().handle_request(request)
        except CannotOverwriteExistingCassetteException:
            where = request.url.raw_path.decode("ascii")
            self._missed.append(f"{request.method} {where}")
            raise
        content = b"".join(answer.stream)  # type: ignore[arg-type]  # A synchronous one.
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        return httpx.Response(
            answer.status_code,
            headers=[pair for pair in answer.headers.multi_items() if pair[0] != "content-length"],
            stream=httpx.ByteStream(content.replace(ORIGIN.encode(), origin.encode())),
            extensions={
                name: value for name, value in answer.extensions.items() if name == "reason_phrase"
            },
        )


@contextmanager
def playing(path: Path) -> Iterator[Tape]:
    """Answer every request from a cassette; nothing is ever sent.

    Raises:
        AssertionError: when there is no such cassette, a request is not in it, or one that is in
            it was not made.
    """
    expect(path.is_file(), f"There is no recording {path.name} in {path.parent}.", RECORD_AGAIN)
    tape = Tape(path)
    with _cassette(path, "none") as cassette:
        try:
            yield tape
        finally:
            if tape.missed:
                raise broken(
                    f"{path.name} holds no answer (any more) to {tape.missed[0]}", RECORD_AGAIN
                )
    unplayed = [
        f"{request.method} {request.uri}"
        for number, request in enumerate(cassette.requests)
        if not cassette.play_counts[number]
    ]
    expect(
        not unplayed,
        f"{path.name} holds answers that nothing asked for: {', '.join(unplayed)}.",
        RECORD_AGAIN,
    )


@contextmanager
def recording(path: Path, policy: Policy, secrets: Sequence[str]) -> Iterator[Tape]:
    """Send every request and store what is allowed of it; what went wrong is not stored.

    Raises:
        AssertionError: when a secret or an e-mail address would have been stored; the cassette is
            then removed.
    """
    path.unlink(missing_ok=True)
    with _cassette(path, "all", before_save_interaction=_Storing(policy)):
        yield Tape(path)
    found = offences(path, secrets) if path.is_file() else ()
    if found:
        path.unlink()
        raise broken(
            f"{path.name} would have held {', '.join(found)}.",
            "name the field in Policy.private_fields, or use made-up data",
        )


@contextmanager
def _cassette(path: Path, mode: str, **options: object) -> Iterator[Cassette]:
    settings = vcr.VCR(record_mode=mode, match_on=MATCHED, record_on_exception=False, **options)
    with settings.use_cassette(path) as cassette:
        yield cassette


def offences(path: Path, secrets: Sequence[str]) -> tuple[str, ...]:
    """Say what a cassette holds that it must not: a secret in any form, or an e-mail address.

    Files in it are unpacked and searched as well.
    """
    cassette = Cassette.load(path=path, record_mode="none")
    contents = [path.read_bytes()]
    for answer in cassette.responses:
        contents += _unpacked(answer["body"]["string"] or b"")
    found: list[str] = []
    for content in contents:
        if find_secrets(io.BytesIO(content), secrets):
            found.append("a secret")
        if address := _EMAIL.search(content):
            found.append(f"the e-mail address {address[0].decode()}")
    return tuple(dict.fromkeys(found))


def _unpacked(content: bytes) -> list[bytes]:
    if not zipfile.is_zipfile(io.BytesIO(content)):
        return [content]
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return [member.encode() for member in archive.namelist()] + [
            archive.read(member) for member in archive.infolist()
        ]
