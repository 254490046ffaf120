"""``demo --once``: the main job from connecting to a debug bundle, then it ends."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.host import (
    Actor,
    Calculation,
    Card,
    ConnectionView,
    DateRange,
    Definition,
    GroupBy,
    InputError,
    MetricsHost,
    MetricType,
    NoSurveys,
    NotFound,
    Question,
    QuestionKind,
    Questionnaire,
    Role,
    Settings,
    Survey,
    TempDirs,
)
from smaply_metrics_host.demo import content
from smaply_metrics_host.demo.connections import (
    DATABASE_FILE,
    database_credentials,
    uses_only_invented_data,
)
from smaply_metrics_host.demo.recorded_limesurvey import recorded_limesurvey
from smaply_metrics_host.demo.sandbox_process import REMEDY, SandboxProcess, demo_environment
from smaply_metrics_host.demo.visits import write_visits, write_visits_database

ACTOR: Final = Actor("default", "demo", Role.ADMIN)
"""In the account that ``smaply-metrics`` uses by default, so that it can show what is stored."""
WORKSPACE: Final = "demo"
"""The demo's metrics are in a workspace of their own, so that the next demo finds them."""
VISITS_FOLDER: Final = "demo"
SECONDS_TO_LOAD: Final = 300.0
NUMBER, SERIES, COMPARISON = MetricType.NUMBER, MetricType.SERIES, MetricType.COMPARISON


@dataclass(frozen=True)
class DemoResult:
    """The result of one run.

    Attributes:
        cards: A card of each metric.
        bundle: The debug bundle.
        zone: The account's time zone.
    """

    cards: tuple[Card, ...]
    bundle: Path
    zone: str


@contextmanager
def one_shot_home(given: Path | None) -> Iterator[tuple[Path, Path]]:
    """Yield the home and the path of the debug bundle; a home that is not given is temporary."""
    if given is not None:
        yield given, given.absolute() / "demo-bundle.zip"
        return
    folder = Path(tempfile.mkdtemp(prefix="smaply-metrics-demo-"))
    try:
        # The next demo deletes the homes of demos that were killed.
        with closing(TempDirs()) as temp_dirs, temp_dirs.folder() as home:
            yield home, folder / "demo-bundle.zip"
    finally:
        if not any(folder.iterdir()):  # The run failed before the bundle was written.
            folder.rmdir()


def check_home(home: Path) -> None:
    """Check that a demo can run in this home, before a sandbox is started for it.

    Raises:
        InputError: A source of the demo is not installed, or the home holds other connections.
    """
    with MetricsHost(_settings(home)) as host:
        _require_sources(host)
        _require_own_home(host)


def run_once(
    home: Path,
    bundle: Path,
    sandbox: SandboxProcess,
    seed: int,
    report: Callable[[str, str], None],
) -> DemoResult:
    """Connect the sources, add metrics of all types, load their cards, write a debug bundle.

    Args:
        home: The folder of the store, which was checked.
        bundle: The path of the debug bundle; an existing file is replaced.
        sandbox: The running sandbox.
        seed: Another seed invents other people.
        report: Called with a title and a text for each step.
    """
    settings = _settings(home)
    visits = settings.allowed.folders[ACTOR.account] / VISITS_FOLDER
    settings.make_files_dirs()
    visits.mkdir(mode=0o700, exist_ok=True)
    with MetricsHost(settings) as host:
        _delete_metrics(host)
        report("Sandbox", f"a generated Qualtrics account (seed {seed}) at {sandbox.host}")
        qualtrics = _connect(host, content.QUALTRICS, sandbox.credentials)
        report("Connect", f"{qualtrics.title}: {qualtrics.status}")
        now = datetime.now(UTC)
        write_visits(visits / "store_visits.csv", seed=seed, until=now)
        write_visits_database(visits / DATABASE_FILE, seed=seed, until=now)
        others = {
            content.FILES: {"folder": VISITS_FOLDER},
            content.DATABASE: database_credentials(VISITS_FOLDER),
        }
        recorded = recorded_limesurvey()
        if recorded is not None:
            others[content.LIMESURVEY] = recorded
        survey = _add_metrics(host, qualtrics, report)
        for source, values in others.items():
            connection = _connect(host, source, values)
            report("Connect", f"{connection.title}: {connection.status}")
            _add_metrics(
                host, connection, report, content.SHOP if source == content.LIMESURVEY else ""
            )
        ids = [metric.id for metric in host.metrics.list(ACTOR) if metric.workspace == WORKSPACE]
        cards = host.cards.load(ACTOR, ids, wait=SECONDS_TO_LOAD)
        bundle.unlink(missing_ok=True)
        host.debug_bundles.export(ACTOR, qualtrics.id, survey.id, bundle)
        return DemoResult(cards, bundle, host.accounts.show(ACTOR).zone)


def _settings(home: Path) -> Settings:
    return Settings.from_environment(home.absolute(), demo_environment(), account=ACTOR.account)


def _require_sources(host: MetricsHost) -> None:
    for source in content.SOURCES:
        try:
            host.sources.get(source)
        except NotFound:
            raise InputError(
                f"The demo needs the source {source}, which is not installed.", remedy=REMEDY
            ) from None


def _delete_metrics(host: MetricsHost) -> None:
    """Delete the metrics of an earlier demo in this home."""
    for metric in host.metrics.list(ACTOR):
        if metric.workspace == WORKSPACE:
            host.metrics.delete(ACTOR, metric.id)


def _require_own_home(host: MetricsHost) -> None:
    """Raise an error if the home holds a connection that no demo created."""
    for view in host.connections.list(ACTOR):
        if not (view.created_by == ACTOR.user and uses_only_invented_data(view, VISITS_FOLDER)):
            raise InputError(
                f"The connection to {view.title} in this home was not created by the demo.",
                remedy="Choose another folder with --home, or omit the option.",
            )


def _connect(host: MetricsHost, source: str, values: dict[str, str]) -> ConnectionView:
    """Connect, or point the connection of an earlier demo to the new sandbox."""
    for view in host.connections.list(ACTOR):
        if view.source == source:
            return host.connections.edit(ACTOR, view.id, values)
    return host.connections.connect(ACTOR, source, values)


def _add_metrics(
    host: MetricsHost,
    connection: ConnectionView,
    report: Callable[[str, str], None],
    only: str = "",
) -> Survey:
    """List the surveys of a connection, add metrics for the first one and return it.

    Args:
        host: The host.
        connection: The connection.
        report: Called with a title and a text for each step.
        only: The id of the one survey to list; empty for all.
    """
    listed = host.catalog.surveys(ACTOR, connection.id, limit=None).surveys
    surveys = [survey for survey in listed if only in {"", survey.id}]
    if not surveys:
        raise NoSurveys(f"{connection.title} has no survey.", remedy="Report this as a bug.")
    for survey in surveys:
        questionnaire = host.catalog.questionnaire(ACTOR, connection.id, survey.id)
        count = sum(1 for _ in questionnaire.walk())
        report("Survey", f"{survey.name} ({survey.id}), {count} questions")
        if survey is surveys[0]:
            for name, definition in demo_metrics(questionnaire):
                host.metrics.add(ACTOR, connection.id, name, definition, workspace=WORKSPACE)
                report("Metric", name)
    return surveys[0]


def demo_metrics(questionnaire: Questionnaire) -> Iterator[tuple[str, Definition]]:
    """Yield names and definitions of all three types, as far as the questions allow them."""
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
            f"NPS, last 90 days vs. previous ({name})",
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
