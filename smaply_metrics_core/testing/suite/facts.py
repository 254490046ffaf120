"""The facts that an author states about a source and the account it is tested with."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar

import httpx

from smaply_metrics_core.context import Clock
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.recording.policy import RecordingPolicy

Expected = float | None | Mapping[str, float | str | None]
"""A number, a number for each answer or group, or a text for each."""


class ContractFacts:
    """The facts of a contract class, as class attributes.

    Attributes:
        source: The id of an installed source, or the object with its hooks.
        credentials: Valid credentials, as a person would enter them. Secrets have to be made up,
            and long enough not to occur anywhere by chance.
        wrong_credentials: The same fields, with credentials that must be rejected.
        survey_id: A survey with answers that these credentials can see. Take one from the last
            page of the list: otherwise a source that reads only the first page passes.
        unknown_survey_id: An id that no survey has, in the form that ids have.
        recorded_at: When one of its counted responses was recorded (aware), to the second; the
            next one was recorded a second later or more. Take one from the last page of responses,
            for the same reason. ``None`` only if the instant cannot be known.
        personal: Texts of columns about the respondents (an IP address, a recipient), which only
            a bundle with personal columns may contain; empty if there are none. With recordings,
            use nothing that these reject, such as an e-mail address.
        expected: Values of the account known from elsewhere: counted by hand, or read off the
            survey tool's own report. ``expected_values.source_values`` explains the names.
        cassettes: The folder of recordings; ``None`` for a source that needs no network, or one
            that is tested against a server of the test.
        server: A function that answers requests in-process instead of the survey tool; used
            instead of cassettes.
        refusals: The bodies with which the survey tool sends the statuses 401, 403 and 404, if
            the source reads them; ``{}`` otherwise.
        allowed: Which destinations the source may use.
        account: The account that the credentials belong to.
        now: The time of the tests (aware); later than the survey's last response.
        policy: What may be stored in cassettes.
        bundle_answers: For a pattern of paths, the file of a debug bundle that holds what the
            survey tool sends there, and a function that makes the response body of it; an empty
            file name if the function needs no file. Only for ``source test --bundle``.
        exceptions: For a test of the suite that is skipped or replaced, the reason in a sentence;
            the report of every run prints it.
        recording: Whether the cassettes are being recorded; ``record`` sets it.
    """

    source: ClassVar[str | object] = ""
    credentials: ClassVar[Mapping[str, str]] = {}
    wrong_credentials: ClassVar[Mapping[str, str]] = {}
    survey_id: ClassVar[str] = ""
    unknown_survey_id: ClassVar[str] = "no_such_survey"
    recorded_at: ClassVar[datetime | None] = None
    personal: ClassVar[tuple[str, ...]] = ()
    expected: ClassVar[Mapping[str, Expected]] = {}
    cassettes: ClassVar[Path | None] = None
    server: ClassVar[Callable[[httpx.Request], httpx.Response] | None] = None
    refusals: ClassVar[Mapping[int, bytes]] = {}
    allowed: ClassVar[AllowedDestinations] = AllowedDestinations()
    account: ClassVar[str] = "contract"
    now: ClassVar[datetime] = datetime(2026, 6, 1, 12, tzinfo=UTC)
    policy: ClassVar[RecordingPolicy | None] = None
    bundle_answers: ClassVar[Mapping[str, tuple[str, Callable[[bytes], bytes]]]] = {}
    exceptions: ClassVar[Mapping[str, str]] = {}
    recording: ClassVar[bool] = False

    def clock(self) -> Clock:
        """Return the clock of one scenario."""
        return ManualClock(self.now)
