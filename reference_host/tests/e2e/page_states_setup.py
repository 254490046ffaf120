"""What pages are shown of: accounts in the conditions that they can be in."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from reference_host.tests.app_fixture import ACCOUNT, TOKEN, MovableClock, World, running
from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    Definition,
    Display,
    GroupBy,
    MetricType,
    Role,
)
from smaply_metrics_host.demo.sandbox_process import SandboxProcess
from smaply_metrics_host.demo.seed import ACCOUNT as DEMO
from smaply_metrics_host.demo.seed import seed_demo_account
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_qualtrics_sandbox import SandboxServer
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

SURVEY: Final = "SV_RelationshipA01"
RECOMMEND: Final = "QID1"
BOUGHT_AT: Final = "QID3"
SECONDS: Final = 60.0
Ids = dict[str, str]
Scene = Callable[[World], Ids]
"""Arranges a condition; gives the ids that the addresses of its pages need."""

LONG: Final = "Wie zufrieden sind unsere Kundinnen und Kunden mit der Zustellung? " * 4
NAMES: Final = (
    LONG[:300],
    "Weiterempfehlungsbereitschaftsentwicklung der Österreich-Filialen",
    "お客様満足度 オンライン購入後のアンケート",
    "رضا العملاء عن التوصيل في الموعد",
    "🚲 Fahrradkauf 💚 4,5 ⭐",
    "<script>alert('metric')</script> & <b>bold</b>",
)
"""Names that break what was made for short English ones."""
MARKUP: Final = "<img src=x onerror=alert(1)> & &lt;img src=x onerror=alert(2)&gt; <b>bold</b>"
"""Markup that a survey tool sends, and the same as text: that is kept, the markup is not."""


@contextmanager
def stage(sandbox_clock: MovableClock) -> Iterator[World]:
    """Run the app with a sandbox of its own, and nothing in it."""
    with tempfile.TemporaryDirectory(prefix="smaply-stage-") as folder:
        surveys, home = Path(folder, "surveys"), Path(folder, "home")
        generate(surveys, seed=1, until=datetime.now(UTC))
        with SandboxServer(surveys, token=TOKEN, now=sandbox_clock.now) as sandbox:
            enter(sandbox.host)
            with running(home, sandbox) as world:
                yield world


def enter(sandbox_host: str) -> None:
    """Let the source go to this sandbox: it reads the variable itself, whichever app calls it."""
    os.environ["SMAPLY_QUALTRICS_SANDBOX"] = sandbox_host


def nothing(_: World) -> Ids:
    """Leave the account as empty as it began."""
    return {}


def connected(world: World) -> Ids:
    """Connect Qualtrics, and no more."""
    world.connect()
    return {}


def without_surveys(world: World) -> Ids:
    """Connect Qualtrics, whose user then sees no survey."""
    world.connect()
    for survey in list(world.sandbox.state.surveys):
        world.sandbox.state.share(survey, listed=False)
    return {}


def with_5000_surveys(world: World) -> Ids:
    """Connect Qualtrics, whose user sees 5,000 surveys."""
    world.connect()
    surveys = world.sandbox.state.surveys
    first = surveys[SURVEY]
    for number in range(len(surveys), 5_000):
        name = f"Survey {number:,} of the shop in the {NAMES[number % len(NAMES)]} street"
        named = {"SurveyID": f"SV_Shop{number:011}", "SurveyName": name[:300]}
        surveys[named["SurveyID"]] = SandboxSurvey({**first.definition, **named}, first.columns)
    return {}


def demo(world: World) -> Ids:
    """Furnish the demo's account."""
    world.app_state.people.invite(DEMO, "Ada", Role.ADMIN)
    seed = 1
    sandbox = SandboxProcess(world.sandbox.host, TOKEN)

    async def furnished() -> str:
        async with asyncio.timeout(SECONDS):
            return await seed_demo_account(world.app_state, sandbox, seed)

    map_id = world.run(furnished())
    metrics = world.run(world.app_state.metrics.metrics.list(world.actor(account=DEMO)))
    return {"map": map_id, "metric": metrics[0].id}


def revoked(world: World) -> Ids:
    """Revoke the token that the demo's account is connected with, and let a map find out."""
    ids = demo(world)
    world.sandbox.state.set_token("another-token-of-forty-characters-000001")
    _refresh_later(world)
    return ids


def unreachable(world: World) -> Ids:
    """Let Qualtrics fail while a map is refreshed."""
    ids = demo(world)
    world.sandbox.state.add_fault("definition", kind="status", status=503, times=0)
    world.sandbox.state.add_fault("export_start", kind="status", status=503, times=0)
    _refresh_later(world)
    return ids


def _refresh_later(world: World) -> None:
    world.clock.forward(timedelta(hours=1, minutes=5))
    world.run(world.app_state.metrics.cards.load(world.actor(account=DEMO), wait=SECONDS))


def awkward(world: World) -> Ids:
    """Give everything on a map a name that breaks what was made for short English ones."""
    connection = world.connect()
    world.app_state.people.invite(ACCOUNT, "Ada", Role.ADMIN)
    maps, card_placements = world.app_state.maps, world.app_state.card_placements
    workspace = world.app_state.people.workspaces(ACCOUNT)[0].id
    journey = maps.add(ACCOUNT, workspace, NAMES[0])
    lanes = [maps.add_lane(ACCOUNT, journey, NAMES[1], kind) for kind in ("text", "data")]
    series = Definition(
        type=MetricType.SERIES,
        survey_id=SURVEY,
        question_id=RECOMMEND,
        calculation=Calculation.NPS,
        group_by=GroupBy.parse("period:quarter"),
    )
    ada = world.actor()
    for name in NAMES:
        stage = maps.add_stage(ACCOUNT, journey, name)
        maps.write(ACCOUNT, Cell(journey, lanes[0], stage), f"{name}\n{name}")
        metric = world.run(
            world.app_state.metrics.metrics.add(ada, connection, name, series, workspace=workspace)
        )
        display = Display(
            chart=ChartType.LINE, heading=name, subheading=name, suffix=" pts", target=40
        )
        card_placements.place(ACCOUNT, Cell(journey, lanes[1], stage), metric.id, display)
    world.run(world.app_state.metrics.cards.load(ada, wait=SECONDS))
    return {"map": journey}


def awkward_answers(world: World) -> Ids:
    """Write markup into a survey's texts, and show its answers in each chart that names them."""
    survey = world.sandbox.state.survey(SURVEY)
    survey.definition["SurveyName"] = f"{MARKUP} survey"
    for question in survey.definition["Questions"].values():
        question["QuestionText"] = f"{MARKUP} {question['QuestionText']}"
    for choice in survey.definition["Questions"][BOUGHT_AT]["Choices"].values():
        choice["Display"] = f"{MARKUP} {choice['Display']}"
    connection = world.connect()
    world.app_state.people.invite(ACCOUNT, "Ada", Role.ADMIN)
    workspace = world.app_state.people.workspaces(ACCOUNT)[0].id
    answers = Definition(
        type=MetricType.SERIES,
        survey_id=SURVEY,
        question_id=BOUGHT_AT,
        calculation=Calculation.DISTRIBUTION,
        group_by=GroupBy.parse("answer"),
    )
    add = world.app_state.metrics.metrics.add(
        world.actor(), connection, "Where people buy", answers, workspace=workspace
    )
    metric = world.run(add)
    maps, card_placements = world.app_state.maps, world.app_state.card_placements
    journey = maps.add(ACCOUNT, metric.workspace, "Answers")
    lane = maps.add_lane(ACCOUNT, journey, "Metrics", "data")
    for chart in (ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE, ChartType.TABLE):
        stage = maps.add_stage(ACCOUNT, journey, chart.value)
        card_placements.place(ACCOUNT, Cell(journey, lane, stage), metric.id, Display(chart=chart))
    world.run(world.app_state.metrics.cards.load(world.actor(), wait=SECONDS))
    return {"map": journey, "metric": metric.id}
