"""Recorded HTTP: how it is recorded and played. It needs the extra ``testing``.

A cassette is YAML, as vcrpy writes it, with a head that says when it was recorded, with which
version of the source, and a hash by which a change by hand is noticed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import vcr
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.serializers import yamlserializer

from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.recording.policy import ORIGIN, CassetteRecorder, RecordingPolicy
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data

MATCHED: Final = ("method", "path", "query", "body")
"""What a request has to share with a recorded one; hosts and ports are no matter."""

RECORD_AGAIN: Final = (
    "record the cassettes again with smaply_metrics_core.testing.record(TheTestClass, folder), and "
    "look at what has changed"
)

HASH: Final = "content_hash"
_BODY: Final = "interactions:"
"""With this begins what vcrpy has written."""


@dataclass
class CassetteSession:
    """A cassette in use.

    Attributes:
        missed: The requests that no recording was left for.
        left_out: The fields of answers that were not stored.
    """

    path: Path
    missed: list[str] = field(default_factory=list)
    left_out: set[str] = field(default_factory=set)

    def transport(self) -> httpx.BaseTransport:
        """Make a transport whose every request the cassette answers, or records."""
        return _CassetteTransport(self.missed)


class _CassetteTransport(httpx.HTTPTransport):
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
def playing(path: Path) -> Iterator[CassetteSession]:
    """Answer every request from a cassette; nothing is ever sent.

    Raises:
        AssertionError: when there is no such cassette, a request is not in it, or one that is in
            it was not made.
    """
    expect(path.is_file(), f"There is no recording {path.name} in {path.parent}.", RECORD_AGAIN)
    expect(
        is_as_recorded(path),
        f"{path.name} is not as it was recorded: it was changed by hand, or has no head.",
        RECORD_AGAIN,
    )
    tape = CassetteSession(path)
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
def recording(
    path: Path, policy: RecordingPolicy, secrets: Sequence[str], about: Mapping[str, str]
) -> Iterator[CassetteSession]:
    """Send every request and store what is allowed of it; what went wrong is not stored.

    Args:
        path: The cassette; an old one is replaced.
        policy: What may be stored.
        secrets: What must not stand anywhere in it.
        about: What its head says, beside the hash.

    Raises:
        AssertionError: when a secret or data about a person would have been stored, or a request
            has a part that the policy does not name; the cassette is then removed.
    """
    path.unlink(missing_ok=True)
    storing = CassetteRecorder(policy)
    tape = CassetteSession(path, left_out=storing.left_out)
    try:
        with _cassette(path, "all", before_save_interaction=storing):
            yield tape
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    if not path.is_file():
        return
    found = find_sensitive_data(path, secrets)
    if found:
        path.unlink()
        raise broken(
            f"{path.name} would have held {', '.join(found)}.",
            "name fewer fields in Policy.fields, or use made-up data",
        )
    _write_head(path, about)


def _write_head(path: Path, about: Mapping[str, str]) -> None:
    body = path.read_text(encoding="utf-8")
    head = yamlserializer.serialize({"about": {**about, HASH: _hash(body)}})
    path.write_text(head + body, encoding="utf-8")


def is_as_recorded(path: Path) -> bool:
    """Whether nobody has changed a cassette since it was recorded."""
    head, found, body = path.read_text(encoding="utf-8").partition(_BODY)
    return bool(found) and _about(head).get(HASH) == _hash(found + body)


def head_of(path: Path) -> Mapping[str, str]:
    """Give what a cassette says of itself: ``recorded_at``, ``plugin``, ``content_hash``."""
    return _about(path.read_text(encoding="utf-8").partition(_BODY)[0])


def _about(head: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (yamlserializer.deserialize(head) or {}).get("about", {})
    return found


def _hash(body: str) -> str:
    return f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


@contextmanager
def _cassette(path: Path, mode: str, **options: object) -> Iterator[Cassette]:
    settings = vcr.VCR(record_mode=mode, match_on=MATCHED, record_on_exception=False, **options)
    using = settings.use_cassette(path)
    cassette = using.__enter__()
    try:
        yield cassette
        using.__exit__(None, None, None)
    except BaseException as error:
        # Also when it refuses to store: httpx stays patched until it ends as after a failure.
        using.__exit__(type(error), error, error.__traceback__)
        raise
