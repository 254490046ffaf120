"""The facts that an author states about a source and its test account."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import httpx

from smaply_metrics_core.context import Clock
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.faults.refusal import Refusal
from smaply_metrics_core.testing.recording.policy import RecordingPolicy

Expected = float | None | Mapping[str, float | str | None]
"""A number, or numbers or texts by answer or group."""


class ContractFacts:
    """The facts of a contract class, as class attributes.

    Attributes:
        source: The id of an installed source, or the object with its hooks.
        credentials: Valid credentials, as a user enters them. Secrets must be made up, and long
            enough not to occur anywhere by chance.
        wrong_credentials: Credentials with the same fields that must be rejected.
        survey_id: A survey with answers that the credentials can access. Choose one from the last
            page of the list; otherwise a source that reads only the first page passes.
        unknown_survey_id: A well-formed id of a survey that does not exist.
        empty_survey_ids: Surveys without responses, and one without questions if the survey tool
            allows that; empty if the account has none.
        recorded_at: When one of the survey's counted responses was recorded (aware), to the second;
            the next response was recorded at least a second later. Choose one from the last page
            of responses, for the same reason. ``None`` only if it cannot be known.
        excluded_at: When one of the survey's excluded responses (a preview, an unfinished one) was
            recorded, to the second; ``None`` if it has none or it cannot be known.
        personal: Texts in columns about the respondents (an IP address, a recipient), which only a
            bundle with personal columns may contain; empty if there are none. With cassettes,
            choose texts that these do not reject, unlike e-mail addresses.
        expected: Known values of the account, counted by hand or taken from the survey tool's own
            report. ``expected_values.source_values`` explains the names.
        cassettes: The folder of the cassettes; ``None`` for a source without a network, or one that
            is tested against a server of the test.
        server: A function that responds to requests in-process, instead of cassettes.
        refusals: What the survey tool sends instead of an answer. By a status, the body with which
            it sends 401, 403 or 404, if the source reads it. By a name, a ``Refusal`` for each
            refusal inside a response with status 200: no permission, a session that has ended, an
            inactive survey, too many attempts to sign in.
        sign_in: A text in the path or body of requests that open a login session. They are sent
            once, since a second one may count as another wrong password.
        sign_out: A text in the path or body of requests that end a login session, such as
            ``/logout``. A source need not report that one failed: the session expires anyway.
        allowed: The destinations that the source may use.
        account: The account that the credentials belong to.
        now: The time of the tests (aware), later than the survey's last response.
        policy: The allow-list of stored parts in cassettes.
        bundle_answers: For each pattern of paths, a file of a debug bundle and a function that
            converts its content to the survey tool's response body; an empty file name if the
            function needs no file. If the source names operations, the pattern is of the path, a
            space and the operation. Used by ``source test --bundle``.
        fault_sample: Where each fault is tried at every request, if this class tries it at one
            request of each call only; every report prints it.
        exceptions: The reason, in a sentence, for each skipped or replaced test; every report
            prints it.
        recording: Whether cassettes are being recorded; ``record`` sets it.
    """

    source: ClassVar[str | object] = ""
    credentials: ClassVar[Mapping[str, str]] = {}
    wrong_credentials: ClassVar[Mapping[str, str]] = {}
    survey_id: ClassVar[str] = ""
    unknown_survey_id: ClassVar[str] = "no_such_survey"
    empty_survey_ids: ClassVar[tuple[str, ...]] = ()
    recorded_at: ClassVar[datetime | None] = None
    excluded_at: ClassVar[datetime | None] = None
    personal: ClassVar[tuple[str, ...]] = ()
    expected: ClassVar[Mapping[str, Expected]] = {}
    cassettes: ClassVar[Path | None] = None
    server: ClassVar[Callable[[httpx.Request], httpx.Response] | None] = None
    refusals: ClassVar[Mapping[int | str, bytes | Refusal]] = {}
    sign_in: ClassVar[str] = ""
    sign_out: ClassVar[str] = ""
    allowed: ClassVar[AllowedDestinations] = AllowedDestinations()
    account: ClassVar[str] = "contract"
    now: ClassVar[datetime] = datetime(2026, 6, 1, 12, tzinfo=UTC)
    policy: ClassVar[RecordingPolicy | None] = None
    bundle_answers: ClassVar[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {}
    fault_sample: ClassVar[str] = ""
    exceptions: ClassVar[Mapping[str, str]] = {}
    recording: ClassVar[bool] = False

    def clock(self) -> Clock:
        """Return the clock of one scenario."""
        return ManualClock(self.now)
