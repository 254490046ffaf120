"""A debug bundle from a user's failure as a cassette, and as a test that fails until it is mended.

A bundle tells every request without its body, and holds the survey's raw data. With the fact
``bundle_answers`` of a contract class, which says what the survey tool sends for a path, that is
enough to play the user's calls again.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx
from pydantic import TypeAdapter

from smaply_metrics_core.bundle.contents import EXCHANGE, METRICS, METRICS_FILE
from smaply_metrics_core.bundle.reader import BundleReader, open_bundle
from smaply_metrics_core.context import Deadline
from smaply_metrics_core.date_ranges import make_query
from smaply_metrics_core.errors import MetricsError, PluginError
from smaply_metrics_core.http import Exchange
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.sources import SourceSession
from smaply_metrics_core.sources.temp_dirs import private_directory
from smaply_metrics_core.testing.assertions import broken, expect, with_fix
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.lab import SECONDS, ScenarioResult
from smaply_metrics_core.testing.suite.runner import ContractTestResult

TEST: Final = "test_what_is_in_the_bundle_ends_as_no_bug"
ASKS: Final = "What the user's survey tool answered is answered again, or told as an error."
_EXCHANGES: Final = TypeAdapter(tuple[Exchange, ...])


class BundleCassette:
    """The exchanges of a bundle, played again.

    Args:
        exchanges: As the bundle has them.
        bodies: For a path, as the tool sends it, what it answers; the first that fits.
        refusals: For a status, the body with which the tool sends it.
    """

    def __init__(
        self,
        exchanges: tuple[Exchange, ...],
        bodies: dict[str, bytes],
        refusals: dict[int, bytes],
    ) -> None:
        self._failed = {
            one.path: one
            for one in exchanges
            if (one.status or 0) >= httpx.codes.BAD_REQUEST or one.error
        }
        self._bodies = bodies
        self._refusals = refusals

    def transport(self) -> httpx.BaseTransport:
        """Make the transport that plays them."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        failed = self._failed.get(request.url.path)
        if failed is not None:
            if failed.status is None:
                raise httpx.ConnectError("as in the bundle")
            return httpx.Response(
                failed.status, content=self._refusals.get(failed.status, b"{}"), headers=_JSON
            )
        for pattern, body in self._bodies.items():
            if re.fullmatch(pattern, request.url.path):
                return httpx.Response(200, content=body, headers=_JSON)
        return httpx.Response(404, content=self._refusals.get(404, b"{}"), headers=_JSON)


_JSON: Final = {"content-type": "application/json"}


def cassette_from_bundle(reader: BundleReader, contract: type[SourceContract]) -> BundleCassette:
    """Load a bundle as a cassette.

    Raises:
        AssertionError: when the class does not say what the tool sends.
    """
    expect(
        contract.bundle_answers,
        f"{contract.__name__} does not say what the survey tool sends for which path.",
        "set `bundle_answers`: for a pattern of paths a file of the bundle, and a function that "
        "makes of its content what the tool sends",
    )
    bodies = {}
    for pattern, (name, sent) in contract.bundle_answers.items():
        if not name:
            bodies[pattern] = sent(b"")
        elif name in reader.names:
            with reader.open(name) as stream:
                bodies[pattern] = sent(stream.read())
    exchanges = reader.read(EXCHANGE, _EXCHANGES) if EXCHANGE in reader.names else ()
    return BundleCassette(exchanges, bodies, dict(contract.refusals))


def run_bundle(contract: type[SourceContract], path: Path) -> ContractTestResult:
    """Play a bundle's survey through a source: the test fails as long as it ends in a bug.

    Args:
        contract: The class with the source's facts.
        path: A debug bundle, as ``smaply-metrics bundle export`` writes it.

    Raises:
        InputError: when it is no debug bundle.
    """
    with private_directory() as folder, open_bundle(path, folder) as reader:
        try:
            _play(contract, reader)
        except Exception as error:  # noqa: BLE001  # Whatever it ends with is its verdict.
            return ContractTestResult(TEST, ASKS, "failed", with_fix(error))
    return ContractTestResult(TEST, ASKS, "passed")


def _play(contract: type[SourceContract], reader: BundleReader) -> None:
    manifest = reader.manifest
    queries = _queries(reader)
    clock = ManualClock(manifest.made_at)
    outcome = ScenarioResult(clock.now())
    tape = cassette_from_bundle(reader, contract)

    def work(session: SourceSession) -> None:
        try:
            session.questions(manifest.survey_id)
        except MetricsError as error:
            _refuse_bug("list_questions", error)
        for answer in session.fetch(manifest.survey_id, queries).values():
            _refuse_bug("fetch_metric", answer)

    contract()._try(  # noqa: SLF001  # A part of the suite.
        work,
        contract.credentials,
        clock,
        outcome,
        tape.transport,
        deadline=Deadline.after(SECONDS, clock),
    )
    _refuse_bug("a hook", outcome.error)


def _refuse_bug(doing: str, answer: object) -> None:
    if isinstance(answer, PluginError):
        raise broken(
            f"{doing}, with what is in the bundle, ends as a bug: {answer.message}",
            "mend the hook: what the survey tool sent is in the bundle",
        )


def _queries(reader: BundleReader) -> tuple[MetricQuery, ...]:
    if METRICS not in reader.names:
        return ()
    manifest = reader.manifest
    return tuple(
        make_query(
            bundled.metric.id,
            bundled.metric.definition,
            zone=manifest.zone,
            week_start=manifest.week_start,
            now=manifest.made_at,
        )
        for bundled in reader.read(METRICS, METRICS_FILE)
    )
