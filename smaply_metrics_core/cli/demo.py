"""``demo``: the main job from connecting to a debug bundle, against an invented account."""

from __future__ import annotations

import csv
import os
import random
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.cli.card_table import show_cards
from smaply_metrics_core.cli.command_context import CommandContext, command_actor, opened
from smaply_metrics_core.cli.json_output import card_json
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.sandbox_process import SandboxProcess, running_sandbox
from smaply_metrics_core.errors import InputError, MetricsError, NotFound
from smaply_metrics_core.models.metric import Freshness
from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    GroupBy,
    MetricType,
)
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from smaply_metrics_core.host import Actor, ConnectionView, MetricsHost, Settings
    from smaply_metrics_core.models.metric import Card
    from smaply_metrics_core.models.survey import Survey

SANDBOX_VARIABLE: Final = "SMAPLY_QUALTRICS_SANDBOX"
LEFT_OUT: Final = {
    "SMAPLY_METRICS_DATABASE_URL",
    "SMAPLY_METRICS_FILES_DIR",
    "SMAPLY_METRICS_REFRESH_EXECUTOR",
}
"""Settings of real accounts: a demo keeps everything in its own home."""
NEEDED: Final = {
    "qualtrics": "smaply-metrics-qualtrics[sandbox]",
    "csv_example": "smaply-metrics-csv-example",
}
WORKSPACE: Final = "demo"
"""The demo's metrics are in a workspace of their own, so that it finds them again."""
VISITS_FOLDER: Final = "demo"
SECONDS_TO_LOAD: Final = 300.0

app = typer.Typer()


@dataclass(frozen=True)
class _DemoResult:
    cards: tuple[Card, ...]
    bundle: Path
    zone: str


@app.command()
@option_groups
def demo(
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="End when done; for now the demo does so anyway."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed invents other people.")] = 1,
    invocation: CommandContext,
) -> None:
    """Show it working, from connecting to a debug bundle.

    Qualtrics is played by a sandbox on this machine. Everything is kept in --home when it is
    given, else only the debug bundle is.
    """
    del once  # It always ends; scripts say so already, for the day when it goes on.
    with _home(invocation.given_home) as (home, bundle), running_sandbox(seed) as sandbox:
        outcome = _run(home, bundle, sandbox, seed, quiet=invocation.wants_json)
    if invocation.wants_json:
        cards = [card_json(card) for card in outcome.cards]
        print_json({"cards": cards, "bundle": str(outcome.bundle)})
    else:
        print_text()
        show_cards(outcome.cards, outcome.zone)
        print_text()
        print_text("Debug bundle: ", text(str(outcome.bundle), "bold"))
        if invocation.given_home is not None:
            where = shlex.quote(str(invocation.given_home))
            print_text(
                "The sandbox has ended. What is stored is still there: "
                f"smaply-metrics card load --wait 0 --home {where}"
            )
    if any(card.freshness is not Freshness.FRESH for card in outcome.cards):
        raise typer.Exit(1)


@contextmanager
def _home(given: Path | None) -> Iterator[tuple[Path, Path]]:
    """Give the demo's home and where its bundle goes."""
    if given is not None:
        yield given, given.absolute() / "demo-bundle.zip"
        return
    folder = Path(tempfile.mkdtemp(prefix="smaply-metrics-demo-"))
    try:
        with tempfile.TemporaryDirectory(prefix="home-", dir=folder) as home:
            yield Path(home), folder / "demo-bundle.zip"
    finally:
        if not any(folder.iterdir()):  # It came to no bundle.
            folder.rmdir()


def _run(
    home: Path, bundle: Path, sandbox: SandboxProcess, seed: int, *, quiet: bool
) -> _DemoResult:
    def tell(title: str, detail: str) -> None:
        if not quiet:
            print_text(text(f"{title:<9}", "bold cyan"), detail)

    with _environment(sandbox) as environment, opened(_settings(home, environment)) as host:
        _require_sources(host)
        _refuse_real_connections(host)
        _clear(host)
        tell("Sandbox", f"a Qualtrics account invented with seed {seed}, on {sandbox.host}")
        credentials = {"base_url": sandbox.host, "api_token": sandbox.token}
        qualtrics = _connect(host, "qualtrics", credentials)
        tell("Connect", f"{qualtrics.title}: {qualtrics.status}")
        visits = home.absolute() / "files" / VISITS_FOLDER
        visits.mkdir(parents=True, exist_ok=True)
        write_visits(visits / "store_visits.csv", seed=seed, now=datetime.now(UTC))
        files = _connect(host, "csv_example", {"folder": VISITS_FOLDER})
        tell("Connect", f"{files.title}: {files.status}")
        survey = _measure_first(host, qualtrics, tell)
        _measure_first(host, files, tell)
        ids = [metric.id for metric in host.metrics.list(_admin()) if metric.workspace == WORKSPACE]
        with progress_bar() as progress:
            cards = host.cards.load(_admin(), ids, wait=SECONDS_TO_LOAD, progress=progress)
        bundle.unlink(missing_ok=True)  # That of an earlier demo in this home.
        host.debug_bundles.export(_admin(), qualtrics.id, survey.id, bundle)
        return _DemoResult(cards, bundle, host.accounts.show(_admin()).zone)


def _settings(home: Path, environment: dict[str, str]) -> Settings:
    from smaply_metrics_core.host import Settings  # Loads the host: only on use.

    return Settings.from_environment(home, environment, account="default")


def _admin() -> Actor:
    """Give the demo as an actor, so that its connections can be told from those of people."""
    return command_actor("default", "demo")


@contextmanager
def _environment(sandbox: SandboxProcess) -> Iterator[dict[str, str]]:
    """Give the environment of the demo's host, with plain HTTP to the sandbox allowed.

    The process's own is changed as well, as the source reads the variable itself.
    """
    before = os.environ.get(SANDBOX_VARIABLE)
    os.environ[SANDBOX_VARIABLE] = sandbox.host
    try:
        yield {name: value for name, value in os.environ.items() if name not in LEFT_OUT}
    finally:
        if before is None:
            del os.environ[SANDBOX_VARIABLE]
        else:
            os.environ[SANDBOX_VARIABLE] = before


def _require_sources(host: MetricsHost) -> None:
    for source, distribution in NEEDED.items():
        try:
            host.sources.get(source)
        except NotFound:
            raise InputError(
                f"The demo needs the source {source}, which is not installed.",
                remedy=f"Install {distribution} and try again.",
            ) from None


def _clear(host: MetricsHost) -> None:
    """Remove the metrics of an earlier demo, in a home that it was run in before."""
    for metric in host.metrics.list(_admin()):
        if metric.workspace == WORKSPACE:
            host.metrics.delete(_admin(), metric.id)


def _refuse_real_connections(host: MetricsHost) -> None:
    """Touch nothing where people have connected an account: theirs is not to be overwritten."""
    for view in host.connections.list(_admin()):
        if not (view.created_by == _admin().user and _is_invented(view)):
            raise InputError(
                f"This home holds a connection to {view.title} that no demo has made.",
                remedy="Choose another folder with --home, or leave it out.",
            )


def _connect(host: MetricsHost, source: str, values: dict[str, str]) -> ConnectionView:
    """Connect, or give the connection of an earlier demo the new sandbox."""
    for view in host.connections.list(_admin()):
        if view.source == source:
            return host.connections.edit(_admin(), view.id, values)
    return host.connections.connect(_admin(), source, values)


def _is_invented(view: ConnectionView) -> bool:
    """Whether it leads to a sandbox or the demo's files; one to a sandbox that is gone is blank."""
    values = {field.value for field in view.fields if not field.secret}
    return all(value.startswith("127.0.0.1:") or value == VISITS_FOLDER for value in values)


def _measure_first(
    host: MetricsHost, connection: ConnectionView, tell: Callable[[str, str], None]
) -> Survey:
    """List the surveys of a connection and make metrics on the first."""
    surveys = host.catalog.surveys(_admin(), connection.id, limit=None).surveys
    if not surveys:
        raise MetricsError(f"{connection.title} shows no survey.", remedy="Tell the authors.")
    for survey in surveys:
        questionnaire = host.catalog.questionnaire(_admin(), connection.id, survey.id)
        asked = sum(1 for _ in questionnaire.walk())
        tell("Survey", f"{survey.name} ({survey.id}), {asked} questions")
        if survey is surveys[0]:
            for name, definition in demo_metrics(questionnaire):
                host.metrics.add(_admin(), connection.id, name, definition, workspace=WORKSPACE)
                tell("Metric", name)
    return surveys[0]


VISITS: Final = 420
DAYS: Final = 360
STORES: Final = ("Graz", "Innsbruck", "Wien")
NUMBER, SERIES, COMPARISON = MetricType.NUMBER, MetricType.SERIES, MetricType.COMPARISON


def write_visits(path: Path, *, seed: int, now: datetime) -> None:
    """Write a file of invented store visits, as the csv_example source reads them.

    Args:
        path: The file; replaced when it is there.
        seed: Another seed makes other visitors.
        now: The end of the year that the visits spread over.
    """
    chance = random.Random(f"visits {seed}")  # noqa: S311  # Invented answers, no secrets.
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["recorded_at", "status", "finished", "field:store", "nps", "satisfaction"])
        for number in range(VISITS):
            at = now - timedelta(days=DAYS * (1 - number / VISITS), minutes=chance.randint(0, 600))
            store = chance.choice(STORES)
            mood = chance.gauss(7.4 + number / VISITS + 0.5 * STORES.index(store), 2.2)
            score = min(10, max(0, round(mood)))
            satisfaction = min(5, max(1, round(mood / 2)))
            rows.writerow(
                [
                    at.isoformat(timespec="seconds"),
                    "test" if chance.random() < 0.02 else "",  # noqa: PLR2004  # A few.
                    int(chance.random() > 0.05),  # noqa: PLR2004  # Some give up.
                    store,
                    score,
                    satisfaction if chance.random() > 0.1 else "",  # noqa: PLR2004  # Blanks.
                ]
            )


def demo_metrics(questionnaire: Questionnaire) -> Iterator[tuple[str, Definition]]:
    """Make metrics of all three types for a survey, as far as its questions allow them."""
    survey_id, name = questionnaire.survey.id, questionnaire.survey.name

    def definition(
        kind: MetricType,
        calculation: Calculation,
        question: Question | None = None,
        group_by: str | None = None,
        preset: str = "all_time",
    ) -> Definition:
        return Definition(
            type=kind,
            survey_id=survey_id,
            question_id=question.id if question else None,
            calculation=calculation,
            group_by=GroupBy.parse(group_by) if group_by else None,
            range=DateRange(preset=preset),
        )

    yield f"Responses ({name})", definition(NUMBER, Calculation.RESPONSES)
    nps = _first(questionnaire, lambda one: one.kind is QuestionKind.NPS)
    if nps is not None:
        yield f"NPS ({name})", definition(NUMBER, Calculation.NPS, nps)
        yield (
            f"NPS by quarter ({name})",
            definition(SERIES, Calculation.NPS, nps, "period:quarter"),
        )
        yield (
            f"NPS, last 90 days and before ({name})",
            definition(COMPARISON, Calculation.NPS, nps, preset="last_90_days"),
        )
    scale = _first(
        questionnaire,
        lambda one: (
            one.kind is QuestionKind.SINGLE_CHOICE and Calculation.TOP_2_BOX in one.calculations
        ),
    )
    if scale is not None:
        yield f"Top 2 box ({name})", definition(NUMBER, Calculation.TOP_2_BOX, scale)
        if questionnaire.fields:
            field = questionnaire.fields[0]
            yield (
                f"Average by {field.label or field.name} ({name})",
                definition(SERIES, Calculation.AVERAGE, scale, f"field:{field.name}"),
            )


def _first(questionnaire: Questionnaire, fits: Callable[[Question], bool]) -> Question | None:
    return next((question for question in questionnaire.walk() if fits(question)), None)
