"""A user's debug bundle as a cassette and as a test.

A bundle contains the requests without their bodies, and the survey's raw data. The fact
``bundle_answers`` of a contract class maps paths to response bodies, so that the user's calls can
be replayed.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import httpx
from pydantic import TypeAdapter

from smaply_metrics_core.bundle.contents import EXCHANGE, METRICS, METRICS_FILE
from smaply_metrics_core.bundle.reader import BundleReader, open_bundle
from smaply_metrics_core.date_ranges import make_query
from smaply_metrics_core.errors import MetricsError, PluginError
from smaply_metrics_core.http import Exchange
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import RequestOperation
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.temp_dirs import private_directory
from smaply_metrics_core.testing.assertions import broken, expect, with_fix
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.suite.contract import SourceContract
from smaply_metrics_core.testing.suite.runner import ContractTestResult
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult

TEST: Final = "test_the_bundle_causes_no_bug"
RULE: Final = "The calls of the bundle are answered or end in an error that is not a bug."
_EXCHANGES: Final = TypeAdapter(tuple[Exchange, ...])


class BundleCassette:
    """The exchanges of a bundle, replayed.

    Args:
        exchanges: The exchanges of the bundle.
        bodies: The response body for each pattern of paths, or of paths and operations with a space
            between them; the first match is used.
        refusals: The survey tool's body for each error status.
        operation: The source's function that returns the operation of a request.
    """

    def __init__(
        self,
        exchanges: tuple[Exchange, ...],
        bodies: dict[str, bytes],
        refusals: dict[int, bytes],
        operation: RequestOperation | None = None,
    ) -> None:
        self._operation = operation
        self._failed = {
            (one.path, one.operation): one
            for one in exchanges
            if (one.status or 0) >= httpx.codes.BAD_REQUEST or one.error
        }
        self._bodies = bodies
        self._refusals = refusals

    def transport(self) -> httpx.BaseTransport:
        """Return a transport that replays the exchanges."""
        return httpx.MockTransport(self._answer)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        operation = self._operation(request) if self._operation is not None else ""
        failed = self._failed.get((path, operation))
        if failed is not None:
            if failed.status is None:
                raise httpx.ConnectError("as in the bundle")
            return httpx.Response(
                failed.status, content=self._refusals.get(failed.status, b"{}"), headers=_JSON
            )
        for pattern, body in self._bodies.items():
            if re.fullmatch(pattern, f"{path} {operation}" if operation else path):
                return httpx.Response(200, content=body, headers=_JSON)
        return httpx.Response(404, content=self._refusals.get(404, b"{}"), headers=_JSON)


_JSON: Final = {"content-type": "application/json"}


def cassette_from_bundle(reader: BundleReader, contract: type[SourceContract]) -> BundleCassette:
    """Return a bundle as a cassette.

    Raises:
        AssertionError: if the class does not have ``bundle_answers``.
    """
    expect(
        contract.bundle_answers,
        f"{contract.__name__} does not have `bundle_answers`.",
        "set `bundle_answers`: for each pattern of paths, a file of the bundle and a function that "
        "converts its content to the survey tool's response body",
    )
    bodies = {}
    for pattern, (name, make_body) in contract.bundle_answers.items():
        if not name:
            bodies[pattern] = make_body(b"")
        elif name in reader.names:
            with reader.open(name) as stream:
                bodies[pattern] = make_body(stream.read())
    exchanges = reader.read(EXCHANGE, _EXCHANGES) if EXCHANGE in reader.names else ()
    refusals = {
        status: body
        for status, body in contract.refusals.items()
        if isinstance(status, int) and isinstance(body, bytes)
    }
    operation = contract().lab.load_source().description.operation
    return BundleCassette(exchanges, bodies, refusals, operation)


def run_bundle(contract: type[SourceContract], path: Path) -> ContractTestResult:
    """Replay the calls of a bundle and return the result, a failure if the source has a bug.

    Args:
        contract: The class with the source's facts.
        path: A debug bundle, written by ``smaply-metrics bundle export``.

    Raises:
        InputError: if the file is not a debug bundle.
    """
    with private_directory() as folder, open_bundle(path, folder) as reader:
        try:
            _replay(contract, reader)
        except Exception as error:  # noqa: BLE001  # Any error is a failure of the test.
            return ContractTestResult(TEST, RULE, "failed", with_fix(error))
    return ContractTestResult(TEST, RULE, "passed")


def _replay(contract: type[SourceContract], reader: BundleReader) -> None:
    manifest = reader.manifest
    queries = _queries(reader)
    clock = ManualClock(manifest.made_at)
    result = ScenarioResult(clock.now())
    cassette = cassette_from_bundle(reader, contract)

    def work(session: SourceSession) -> None:
        try:
            session.questions(manifest.survey_id)
        except MetricsError as error:
            _reject_bug("list_questions", error)
        for answer in session.fetch(manifest.survey_id, queries).values():
            _reject_bug("fetch_metric", answer)

    contract().lab.execute(work, result, clock, transports=cassette.transport)
    _reject_bug("a hook", result.error)


def _reject_bug(activity: str, answer: object) -> None:
    if isinstance(answer, PluginError):
        raise broken(
            f"{activity} raised an unexpected exception with the bundle's data: {answer.message}",
            "correct the hook; the bundle contains the survey tool's responses",
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
