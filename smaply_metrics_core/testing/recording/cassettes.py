"""Records and plays cassettes with vcrpy, which needs the extra ``testing``.

A cassette is a YAML file of vcrpy with a head: when it was recorded, with which version of the
source, and a hash by which manual changes are detected.
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
"""What a request has to share with a recorded one; hosts and ports may differ."""

RECORD_AGAIN: Final = (
    "record the cassettes again with smaply_metrics_core.testing.record(TheTestClass, folder), and "
    "look at what has changed"
)

HASH: Final = "content_hash"
_BODY: Final = "interactions:"
"""The first line that vcrpy writes."""


@dataclass
class CassetteSession:
    """A cassette in use.

    Attributes:
        unmatched: The requests for which no recording was left.
        unstored_fields: The fields of responses that were not stored.
    """

    path: Path
    unmatched: list[str] = field(default_factory=list)
    unstored_fields: set[str] = field(default_factory=set)

    def transport(self) -> httpx.BaseTransport:
        """Return a transport whose requests are answered from the cassette, or recorded."""
        return _CassetteTransport(self.unmatched)


class _CassetteTransport(httpx.HTTPTransport):
    """A transport that vcrpy intercepts; it notes requests without a recording.

    The error of vcrpy is not enough: the isolation of sources converts it to one of the error tree.
    """

    def __init__(self, unmatched: list[str]) -> None:
        super().__init__()
        self._unmatched = unmatched

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = super().handle_request(request)
        except CannotOverwriteExistingCassetteException:
            target = request.url.raw_path.decode("ascii")
            self._unmatched.append(f"{request.method} {target}")
            raise
        content = b"".join(response.stream)  # type: ignore[arg-type]  # A synchronous one.
        origin = f"{request.url.scheme}://{request.url.netloc.decode('ascii')}"
        return httpx.Response(
            response.status_code,
            headers=[
                pair for pair in response.headers.multi_items() if pair[0] != "content-length"
            ],
            stream=httpx.ByteStream(content.replace(ORIGIN.encode(), origin.encode())),
            extensions={
                name: value
                for name, value in response.extensions.items()
                if name == "reason_phrase"
            },
        )


@contextmanager
def playing(path: Path) -> Iterator[CassetteSession]:
    """Answer every request from a cassette, without sending any.

    Raises:
        AssertionError: if the cassette does not exist or was changed, a request is not in it, or
            a recorded request was not made.
    """
    expect(path.is_file(), f"There is no recording {path.name} in {path.parent}.", RECORD_AGAIN)
    expect(
        is_as_recorded(path),
        f"{path.name} is not as it was recorded: it was changed by hand, or has no head.",
        RECORD_AGAIN,
    )
    session = CassetteSession(path)
    with _cassette(path, "none") as cassette:
        try:
            yield session
        finally:
            if session.unmatched:
                raise broken(
                    f"{path.name} holds no answer (any more) to {session.unmatched[0]}",
                    RECORD_AGAIN,
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
    """Send every request, and store what is allowed of it; a failed run stores nothing.

    Args:
        path: The cassette; an existing one is replaced.
        policy: What may be stored.
        secrets: What must not occur in it.
        about: What its head contains in addition to the hash.

    Raises:
        AssertionError: if a secret or personal data would have been stored, or a request has a
            part that the policy does not name; the cassette is then removed.
    """
    path.unlink(missing_ok=True)
    recorder = CassetteRecorder(policy)
    session = CassetteSession(path, unstored_fields=recorder.unstored_fields)
    try:
        with _cassette(path, "all", before_save_interaction=recorder):
            yield session
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
            "name fewer fields in RecordingPolicy.fields, or use made-up data",
        )
    _write_head(path, about)


def _write_head(path: Path, about: Mapping[str, str]) -> None:
    body = path.read_text(encoding="utf-8")
    head = yamlserializer.serialize({"about": {**about, HASH: _hash(body)}})
    path.write_text(head + body, encoding="utf-8")


def is_as_recorded(path: Path) -> bool:
    """Whether a cassette has not been changed since it was recorded."""
    head, found, body = path.read_text(encoding="utf-8").partition(_BODY)
    return bool(found) and _about(head).get(HASH) == _hash(found + body)


def head_of(path: Path) -> Mapping[str, str]:
    """Return the head of a cassette: ``recorded_at``, ``plugin``, ``content_hash``."""
    return _about(path.read_text(encoding="utf-8").partition(_BODY)[0])


def _about(head: str) -> Mapping[str, str]:
    found: Mapping[str, str] = (yamlserializer.deserialize(head) or {}).get("about", {})
    return found


def _hash(body: str) -> str:
    return f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


@contextmanager
def _cassette(path: Path, mode: str, **options: object) -> Iterator[Cassette]:
    recorder = vcr.VCR(record_mode=mode, match_on=MATCHED, record_on_exception=False, **options)
    manager = recorder.use_cassette(path)
    cassette = manager.__enter__()
    try:
        yield cassette
        manager.__exit__(None, None, None)
    except BaseException as error:
        # Also if storing was rejected: otherwise httpx stays patched.
        manager.__exit__(type(error), error, error.__traceback__)
        raise
