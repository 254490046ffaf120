"""The scenes of page states: accounts with different data."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Final

from reference_host.tests.app_fixture import ACCOUNT, TOKEN, MovableClock, World, running
from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import add_questions
from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    Definition,
    Display,
    EnteredUnit,
    Filter,
    GroupBy,
    MetricType,
    Role,
    Weight,
    read_cells,
    split_pasted,
)
from smaply_metrics_host.demo.sandbox_process import SandboxProcess
from smaply_metrics_host.demo.seed import ACCOUNT as DEMO
from smaply_metrics_host.demo.seed import seed_demo_account
from smaply_metrics_host.metric_form.narrowed_list import MOST_OPTIONS
from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.uploads.upload_storage import EXAMPLE
from smaply_metrics_qualtrics_sandbox import SandboxServer
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

SURVEY: Final = "SV_RelationshipA01"
RECOMMEND: Final = "QID1"
BOUGHT_AT: Final = "QID3"
SECONDS: Final = 180.0
Ids = dict[str, str]
Scene = Callable[[World], Ids]
"""Sets up data, and returns the ids for the paths of the pages."""

LONG: Final = "Wie zufrieden sind unsere Kundinnen und Kunden mit der Zustellung? " * 4
NAMES: Final = (
    LONG[:300],
    "Weiterempfehlungsbereitschaftsentwicklung der Österreich-Filialen",
    "お客様満足度 オンライン購入後のアンケート",
    "رضا العملاء عن التوصيل في الموعد",
    "🚲 Fahrradkauf 💚 4,5 ⭐",
    "<script>alert('metric')</script> & <b>bold</b>",
)
"""Long, unbroken, non-Latin and markup names, which can break a layout."""
AMBIGUOUS: Final = "".join(
    f"{row}\n"
    for row in (
        f"Datum;{';'.join(name.replace(';', ',')[:200] for name in NAMES)};NPS",
        f"03/10/2026;{';'.join(name.replace(';', ',') for name in NAMES)};9",
        "04/10/2026;;;;;;;k. A.",
        "04/10/2026;;;;;;;8",
    )
)
"""A file with names and cells that can break a layout, whose dates have two meanings."""
MARKUP: Final = "<img src=x onerror=alert(1)> & &lt;img src=x onerror=alert(2)&gt; <b>bold</b>"
"""Markup from a survey tool, and escaped markup, which must be shown as text."""


@contextmanager
def stage(sandbox_clock: MovableClock) -> Iterator[World]:
    """Run the app with its own sandbox and without data."""
    with tempfile.TemporaryDirectory(prefix="smaply-stage-") as folder:
        surveys, home = Path(folder, "surveys"), Path(folder, "home")
        generate(surveys, seed=1, until=datetime.now(UTC))
        with SandboxServer(surveys, token=TOKEN, now=sandbox_clock.now) as sandbox:
            enter(sandbox.host)
            with running(home, sandbox) as world:
                yield world


def enter(sandbox_host: str) -> None:
    """Allow the source to connect to this sandbox."""
    os.environ["SMAPLY_QUALTRICS_SANDBOX"] = sandbox_host


def nothing(_: World) -> Ids:
    """An empty account."""
    return {}


def connected(world: World) -> Ids:
    """An account that is connected to Qualtrics, without metrics."""
    world.connect()
    return {}


def with_many_questions(world: World) -> Ids:
    """A metric of a survey with more questions than a select lists."""
    add_questions(world, MOST_OPTIONS + 50)
    connection = world.connect()
    by_topic = Definition(
        type=MetricType.SERIES,
        survey_id=SURVEY,
        question_id=RECOMMEND,
        calculation=Calculation.NPS,
        group_by=GroupBy.parse("question:QID1000"),
        filters=(Filter(kind="question", of="QID1001", values=("5",)),),
        weight=Weight(kind="question", of="QID1002"),
    )
    add = world.app_state.metrics.metrics.add(world.actor(), connection, "By topic", by_topic)
    return {"metric": world.run(add).id}


def without_surveys(world: World) -> Ids:
    """A Qualtrics connection whose user has no surveys."""
    world.connect()
    for survey in list(world.sandbox.state.surveys):
        world.sandbox.state.share(survey, listed=False)
    return {}


def with_5000_surveys(world: World) -> Ids:
    """A Qualtrics connection whose user has 5,000 surveys."""
    world.connect()
    surveys = world.sandbox.state.surveys
    first = surveys[SURVEY]
    for number in range(len(surveys), 5_000):
        name = f"Survey {number:,} of the shop in the {NAMES[number % len(NAMES)]} street"
        named = {"SurveyID": f"SV_Shop{number:011}", "SurveyName": name[:300]}
        surveys[named["SurveyID"]] = SandboxSurvey({**first.definition, **named}, first.columns)
    return {}


def with_uploads(world: World) -> Ids:
    """Previews of two files: one with an open question, and one that replaces another file."""
    form = FormFiller(world.client(Role.EDITOR), "/metrics/upload")
    form.upload("visits.csv", EXAMPLE.encode())
    ids = {}
    for name, content in (("asked", AMBIGUOUS), ("visits", EXAMPLE)):
        form = FormFiller(form.browser, "/metrics/upload")
        form.choose_file(f"{name}.csv", content.encode())
        ids[name] = form.answer.url.path
    return ids


def with_entered_values(world: World) -> Ids:
    """A table of entered values with labels."""
    text = "31.08.2026\t\t30,5\t1200\n31.10.2026\tWien\t43\t"
    values = read_cells(split_pasted(text), EnteredUnit.POINTS, date(2026, 11, 30)).require()
    add = world.app_state.metrics.entered_values.add
    saved = world.run(add(world.actor(), "NPS of the call centre", EnteredUnit.POINTS, values))
    return {"table": saved.table.id}


def demo(world: World) -> Ids:
    """The account of the demo."""
    world.app_state.people.invite(DEMO, "Ada", Role.ADMIN)
    seed = 1
    sandbox = SandboxProcess(world.sandbox.host, TOKEN)

    async def furnished() -> str:
        async with asyncio.timeout(SECONDS):
            return await seed_demo_account(world.app_state, sandbox, seed)

    map_id = world.run(furnished())
    metrics = world.run(world.app_state.metrics.metrics.list(world.actor(account=DEMO)))
    journey = world.app_state.maps.show(DEMO, map_id)
    (card, *_) = journey.cards
    ada = world.app_state.people.of_account(DEMO)[0]
    _, token = world.app_state.share_links.add(map_id, 30, by=ada)
    ids = {"card": card.id, "stage": card.stage, "lane": card.lane, "token": token}
    return {"map": map_id, "metric": metrics[0].id, **ids}


def revoked(world: World) -> Ids:
    """The demo with a revoked token, after a refresh."""
    ids = demo(world)
    world.sandbox.state.set_token("another-token-of-forty-characters-000001")
    _refresh_later(world)
    return ids


def with_chosen_surveys(world: World) -> Ids:
    """The demo, restricted to its least used surveys, one of which is no longer shared."""
    ids = demo(world)
    admin, chosen = world.actor(account=DEMO), world.app_state.metrics.chosen_surveys
    choice = world.run(chosen.show(admin, "qualtrics"))
    least = [one.id for one in sorted(choice.surveys, key=lambda one: one.metrics)][:2]
    world.run(chosen.edit(admin, "qualtrics", least))
    world.sandbox.state.share(least[0], listed=False)
    world.run(chosen.show(admin, "qualtrics", reload=True))
    return ids


def unreachable(world: World) -> Ids:
    """The demo while Qualtrics fails with HTTP 503, after a refresh."""
    ids = demo(world)
    world.sandbox.state.add_fault("definition", kind="status", status=503, times=0)
    world.sandbox.state.add_fault("export_start", kind="status", status=503, times=0)
    _refresh_later(world)
    return ids


def _refresh_later(world: World) -> None:
    world.clock.forward(timedelta(hours=1, minutes=5))
    world.run(world.app_state.metrics.cards.load(world.actor(account=DEMO), wait=SECONDS))


def awkward(world: World) -> Ids:
    """A map whose names can break its layout, as that of its connection."""
    connection = world.connect(name=LONG[:200])
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
    """A survey with markup in its texts, shown in each chart with answer labels."""
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
