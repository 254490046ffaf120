"""Records and replays cassettes with vcrpy, which requires the extra ``testing``.

A cassette is a YAML file of vcrpy with a head: the time of the recording, the version of the
source, and a hash that detects manual changes.
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
"""The parts of a request that must equal the recorded ones; hosts and ports may differ."""

RECORD_AGAIN: Final = (
    "record the cassettes again with `smaply-metrics source record`, and review the changes"
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
        """Return a transport that replays the cassette or records into it."""
        return _CassetteTransport(self.unmatched)


class _CassetteTransport(httpx.HTTPTransport):
    """A transport that vcrpy intercepts and that stores unmatched requests.

    The isolation of sources would hide the error of vcrpy in an error of the framework's tree.
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
    """Replay a cassette instead of sending requests.

    Raises:
        AssertionError: if the cassette does not exist or was changed, a request is not in it, or
            a recorded request was not sent.
    """
    expect(path.is_file(), f"There is no cassette {path.name} in {path.parent}.", RECORD_AGAIN)
    expect(
        is_as_recorded(path),
        f"{path.name} was changed after it was recorded, or has no head.",
        RECORD_AGAIN,
    )
    session = CassetteSession(path)
    with _cassette(path, "none") as cassette:
        try:
            yield session
        finally:
            if session.unmatched:
                raise broken(
                    f"{path.name} has no (further) response for {session.unmatched[0]}.",
                    RECORD_AGAIN,
                )
    unplayed = [
        f"{request.method} {request.uri}"
        for number, request in enumerate(cassette.requests)
        if not cassette.play_counts[number]
    ]
    expect(
        not unplayed,
        f"{path.name} has responses that were not requested: {', '.join(unplayed)}.",
        RECORD_AGAIN,
    )


@contextmanager
def recording(
    path: Path, policy: RecordingPolicy, secrets: Sequence[str], about: Mapping[str, str]
) -> Iterator[CassetteSession]:
    """Send every request and store the allowed parts; a failed run stores nothing.

    Args:
        path: The cassette; an existing one is replaced.
        policy: The allow-list of stored parts.
        secrets: Secrets that must not occur in the cassette.
        about: The head without the hash.

    Raises:
        AssertionError: if the cassette contains a secret or personal data, or a request has a part
            that the policy does not allow; the cassette is then deleted.
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
            f"{path.name} contained {', '.join(found)}, so it was deleted.",
            "allow fewer fields in RecordingPolicy.fields, or use made-up data",
        )
    _write_head(path, about)


def _write_head(path: Path, about: Mapping[str, str]) -> None:
    body = path.read_text(encoding="utf-8")
    head = yamlserializer.serialize({"about": {**about, HASH: _hash(body)}})
    path.write_text(head + body, encoding="utf-8")


def is_as_recorded(path: Path) -> bool:
    """Whether a cassette is unchanged since it was recorded."""
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
        # Without this, httpx would stay patched after a rejected recording.
        manager.__exit__(type(error), error, error.__traceback__)
        raise
