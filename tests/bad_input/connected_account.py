"""An account that is connected to the Qualtrics sandbox."""

from __future__ import annotations

import base64
import csv
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
from pydantic import SecretStr

from smaply_metrics_core import MetricsError, Problem
from smaply_metrics_core.host import (
    Actor,
    AllowedDestinations,
    Card,
    ConnectionView,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.models.query import Calculation, Definition, MetricType
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_qualtrics.credentials import SANDBOX_SETTING
from smaply_metrics_qualtrics_sandbox import SandboxServer

if TYPE_CHECKING:
    import httpx

TOKEN: Final = "Tok3nOfTheTroubledAccountThatNobodySees1"
NEW_TOKEN: Final = "Tok3nGeneratedLaterThatNobodySeesEither2"
KEY: Final = base64.urlsafe_b64encode(bytes(range(7, 39))).decode()
OTHER_KEY: Final = base64.urlsafe_b64encode(bytes(range(150, 182))).decode()
NOON: Final = datetime(2026, 4, 1, 12, tzinfo=UTC)
ADMIN: Final = Actor("acme", "ada", Role.ADMIN)
HOST: Final = "iad1.qualtrics.com"

SURVEY: Final = "SV_StorePilotDemoA"
EMPTY: Final = "SV_NobodyAnswered1"
PREVIEWS: Final = "SV_OnlyPreviewsA01"
UNRATED: Final = "SV_NobodyRatedUsA1"
NPS: Final = "QID1"
STORE: Final = "QID2"
COMMENT: Final = "QID4"
HEADER_ROWS: Final = 3
WAIT: Final = 300.0
"""In seconds of the manual clock; longer than any retry."""
HOUR: Final = 3_600.0


def write_surveys(invented: Path, folder: Path) -> Path:
    """Write a survey with answers, and surveys with nothing to count; return their folder.

    Args:
        invented: The folder of invented surveys, one of which is changed.
        folder: Where to write.
    """
    store = invented / "store"
    with (store / "responses.csv").open(encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream))
    header, responses = rows[:HEADER_ROWS], rows[HEADER_ROWS:]
    usual = {"Status": "0", "Finished": "1"}
    for survey_id, name, kept in (
        (SURVEY, "Store pilot", responses),
        (EMPTY, "Empty survey", []),
        (PREVIEWS, "Survey with previews", _with(rows[0], responses[:12], Status="1")),
        (UNRATED, "Survey without a score", _with(rows[0], responses[:8], NPS="", **usual)),
    ):
        definition = json.loads((store / "survey.json").read_text(encoding="utf-8"))
        definition |= {"SurveyID": survey_id, "SurveyName": name}
        place = folder / "served" / survey_id
        place.mkdir(parents=True)
        (place / "survey.json").write_text(json.dumps(definition), encoding="utf-8")
        with (place / "responses.csv").open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream, lineterminator="\n").writerows([*header, *kept])
    return folder / "served"


def _with(header: list[str], rows: list[list[str]], **cells: str) -> list[list[str]]:
    """Return the rows with some cells replaced."""
    return [[cells.get(name, cell) for name, cell in zip(header, row, strict=True)] for row in rows]


@dataclass
class World:
    """The account, its host app, and the sandbox."""

    sandbox: SandboxServer
    home: Path
    clock: ManualClock = field(default_factory=lambda: ManualClock(NOON))
    environment: dict[str, str] = field(
        default_factory=lambda: {"SMAPLY_METRICS_ENCRYPTION_KEYS": KEY}
    )
    transport: Callable[[], httpx.BaseTransport] | None = None
    allowed_hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _hosts: list[MetricsHost] = field(default_factory=list)

    @property
    def state(self) -> Any:  # noqa: ANN401  # SandboxState, whose methods are dynamic.
        """The state of the account in the sandbox."""
        return self.sandbox.state

    def open(self) -> MetricsHost:
        """Open the home folder as a new process of the host app."""
        keys = self.environment.get("SMAPLY_METRICS_ENCRYPTION_KEYS")
        host = MetricsHost(
            Settings(
                home=self.home,
                allowed=AllowedDestinations(hosts=self.allowed_hosts, store=self.home / "store.db"),
                encryption_keys=None if keys is None else SecretStr(keys),
            ),
            clock=self.clock,
            registry=SourceRegistry(clock=self.clock, transport_factory=self.transport),
        )
        self._hosts.append(host)
        return host

    def close(self) -> None:
        """Close all hosts."""
        for host in self._hosts:
            host.close()

    def connect(self, host: MetricsHost, actor: Actor = ADMIN, /, **values: str) -> ConnectionView:
        """Connect the account to the sandbox; ``values`` override the credentials."""
        given = {"api_token": TOKEN, "base_url": self.sandbox.host, **values}
        return host.connections.connect(actor, "qualtrics", given)

    def refused(self, **values: str) -> Problem:
        """Return the problem of credentials that are rejected and not stored."""
        host = self.open()
        problem = problem_of(lambda: self.connect(host, **values))
        assert host.connections.list(ADMIN) == ()
        return problem

    def measured(self, survey_id: str = SURVEY, question: str = NPS) -> MetricsHost:
        """Return a connected host with one metric: NPS, or answered responses."""
        host = self.open()
        self.connect(host)
        calculation = Calculation.NPS if question == NPS else Calculation.ANSWERED
        definition = Definition(survey_id=survey_id, question_id=question, calculation=calculation)
        host.metrics.add(ADMIN, "qualtrics", "The metric", definition)
        return host

    def card(self, host: MetricsHost, *, later: float = 0.0) -> Card:
        """Load the card after some seconds, and wait for its refresh."""
        self.clock.forward(later)
        (card,) = host.cards.load(ADMIN, wait=WAIT)
        return card

    def preview(self, host: MetricsHost, **parts: Any) -> Problem:  # noqa: ANN401  # As Definition.
        """Return the problem of a metric that cannot be previewed."""
        kind = MetricType.SERIES if "group_by" in parts else MetricType.NUMBER
        definition = Definition(survey_id=SURVEY, type=kind, **parts)
        return problem_of(lambda: host.metrics.preview(ADMIN, "qualtrics", definition))

    def fault(self, route: str, **options: object) -> None:
        """Add a permanent fault to a route of the API."""
        self.state.add_fault(route, times=0, **options)

    def calls(self) -> int:
        """Return the number of requests to the sandbox."""
        return len(self.state.calls())


def problem_of(work: Callable[[], object]) -> Problem:
    """Return the problem of an error that a function raises."""
    with pytest.raises(MetricsError) as caught:
        work()
    return caught.value.to_problem()


@contextmanager
def a_world(surveys: Path, folder: Path) -> Iterator[World]:
    """Yield a new account in a new sandbox."""
    with (
        SandboxServer(surveys, token=TOKEN, export_polls=0, now=lambda: NOON) as sandbox,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv(SANDBOX_SETTING, sandbox.host)
        world = World(sandbox, folder / "home")
        try:
            yield world
        finally:
            world.close()
