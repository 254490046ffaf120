"""Records and replays cassettes with vcrpy, which requires the extra ``testing``.

A cassette is a YAML file of vcrpy with a head: the time of the recording, the version of the
source, and a hash that detects manual changes.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

import httpx
import vcr
from vcr.cassette import Cassette
from vcr.errors import CannotOverwriteExistingCassetteException
from vcr.request import Request
from vcr.serializers import yamlserializer

from smaply_metrics_core.http.trust import trust_machine
from smaply_metrics_core.redaction import Redactor
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.recording.policy import NamedPath, RecordingPolicy
from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data
from smaply_metrics_core.testing.recording.stored_exchanges import (
    ORIGIN,
    CassettePlayer,
    CassetteRecorder,
    same_body,
    same_path,
)

MATCHED: Final = ("method", "same_path", "query", "same_body")
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
        matched_paths: The paths of the policy that named a value.
    """

    path: Path
    unmatched: list[Request] = field(default_factory=list)
    unstored_fields: set[str] = field(default_factory=set)
    matched_paths: set[NamedPath] = field(default_factory=set)

    def transport(self) -> httpx.BaseTransport:
        """Return a transport that replays the cassette or records into it."""
        return _CassetteTransport(self.unmatched)


class _CassetteTransport(httpx.HTTPTransport):
    """A transport that vcrpy intercepts and that stores unmatched requests.

    The isolation of sources would hide the error of vcrpy in an error of the framework's tree.
    """

    def __init__(self, unmatched: list[Request]) -> None:
        super().__init__(verify=trust_machine(shared=True))
        self._unmatched = unmatched

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        try:
            response = super().handle_request(request)
        except CannotOverwriteExistingCassetteException as error:
            self._unmatched.append(error.failed_request)
            # The message of vcrpy repeats the body, and with it the password.
            raise LookupError("The cassette has no response for this request.") from None
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
def playing(
    path: Path, policy: RecordingPolicy | None = None, secrets: Collection[str] = ()
) -> Iterator[CassetteSession]:
    """Replay a cassette instead of sending requests.

    Args:
        path: The cassette.
        policy: The policy that it was recorded with: values that it redacts match any others.
        secrets: Secrets that no message may repeat.

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
    player = CassettePlayer(policy or RecordingPolicy(), Cassette.load(path=path).data)
    with _cassette(path, "none", before_record_request=player.request) as cassette:
        try:
            yield session
        finally:
            if session.unmatched:
                request = _request_text(player.request(session.unmatched[0]), secrets)
                raise broken(f"{path.name} has no (further) response for {request}.", RECORD_AGAIN)
    unplayed = [
        _request_text(request, secrets)
        for number, request in enumerate(cassette.requests)
        if not cassette.play_counts[number]
    ]
    expect(
        not unplayed,
        f"{path.name} has responses that were not requested: {', '.join(unplayed)}.",
        RECORD_AGAIN,
    )


def _request_text(request: Request, secrets: Collection[str]) -> str:
    """Return a request for messages; the body tells requests with one URL apart."""
    body = request.body.decode(errors="replace") if request.body else ""
    return Redactor(secrets).redact_line(f"{request.method} {request.uri} {body}".strip())


@contextmanager
def recording(
    path: Path,
    policy: RecordingPolicy,
    secrets: Collection[str],
    about: Mapping[str, str],
    *,
    sign_in: str = "",
) -> Iterator[CassetteSession]:
    """Send every request and store the allowed parts; a failed run stores nothing.

    Args:
        path: The cassette; an existing one is replaced.
        policy: What is stored, and what is redacted.
        secrets: Secrets that must not occur in the cassette. The block may add some that the survey
            tool issues.
        about: The head without the hash.
        sign_in: A text in the path or body of requests that open a login session.

    Raises:
        AssertionError: if the cassette contains a secret or personal data, or a request has a part
            that the policy does not allow; the cassette is then deleted.
    """
    path.unlink(missing_ok=True)
    recorder = CassetteRecorder(policy)
    session = CassetteSession(path, unstored_fields=recorder.unstored_fields)
    try:
        with _cassette(path, "all") as cassette:
            yield session
            cassette.data[:] = recorder.stored(cassette.data)
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    session.matched_paths |= recorder.redaction.matched
    if not path.is_file():
        return
    found = find_sensitive_data(
        path, [*secrets, *recorder.login_secrets], policy=policy, sign_in=sign_in
    )
    if found:
        path.unlink()
        raise broken(
            f"{path.name} contained {', '.join(found)}, so it was deleted.",
            "redact the values with RecordingPolicy.redactions, allow fewer fields in "
            "RecordingPolicy.fields, or use made-up data",
        )
    _write_head(path, about)


def _write_head(path: Path, about: Mapping[str, str]) -> None:
    body = path.read_text(encoding="utf-8")
    head = yamlserializer.serialize({"about": {**about, HASH: _hash(body)}})
    path.write_text(head + body, encoding="utf-8")


def is_as_recorded(path: Path) -> bool:
    """Whether a cassette is unchanged since it was recorded."""
    try:
        head, found, body = path.read_text(encoding="utf-8").partition(_BODY)
        return bool(found) and _about(head).get(HASH) == _hash(found + body)
    except Exception:  # noqa: BLE001  # After a manual change, anything may be wrong with it.
        return False


def head_of(path: Path) -> Mapping[str, str]:
    """Return the head of a cassette: ``recorded_at``, ``plugin``, ``content_hash``."""
    return _about(path.read_text(encoding="utf-8").partition(_BODY)[0])


def _about(head: str) -> Mapping[str, str]:
    found = yamlserializer.deserialize(head)
    about = found.get("about") if isinstance(found, dict) else None
    return about if isinstance(about, dict) else {}


def _hash(body: str) -> str:
    return f"sha256:{hashlib.sha256(body.encode()).hexdigest()}"


@contextmanager
def _cassette(path: Path, mode: str, **options: object) -> Iterator[Cassette]:
    recorder = vcr.VCR(record_mode=mode, match_on=MATCHED, record_on_exception=False, **options)
    recorder.register_matcher("same_path", same_path)
    recorder.register_matcher("same_body", same_body)
    manager = recorder.use_cassette(path)
    cassette = manager.__enter__()
    try:
        yield cassette
        manager.__exit__(None, None, None)
    except BaseException as error:
        # Without this, httpx would stay patched after a rejected recording.
        manager.__exit__(type(error), error, error.__traceback__)
        raise
