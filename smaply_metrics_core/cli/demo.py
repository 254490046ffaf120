"""``demo``: the main job from connecting to a debug bundle, against an invented account."""

from __future__ import annotations

import os
import shlex
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.cli.cards import show_cards
from smaply_metrics_core.cli.demo_metrics import demo_metrics, write_visits
from smaply_metrics_core.cli.invocation import Invocation, actor, opened
from smaply_metrics_core.cli.output import print_json, say, text
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.sandbox_process import Sandbox, running_sandbox
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.values import card_json
from smaply_metrics_core.errors import InputError, MetricsError, NotFound
from smaply_metrics_core.models.metric import Freshness

if TYPE_CHECKING:
    from smaply_metrics_core.host import Actor, ConnectionView, MetricsHost
    from smaply_metrics_core.models.metric import Card
    from smaply_metrics_core.models.survey import Survey

SANDBOX_VARIABLE: Final = "SMAPLY_QUALTRICS_SANDBOX"
LEFT_OUT: Final = {
    "SMAPLY_METRICS_DATABASE",
    "SMAPLY_METRICS_FOLDER",
    "SMAPLY_METRICS_REFRESHER",
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
class _Outcome:
    cards: tuple[Card, ...]
    bundle: Path
    zone: str


@app.command()
@spread
def demo(
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="End when done; for now the demo does so anyway."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed invents other people.")] = 1,
    invocation: Invocation,
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
        say()
        show_cards(outcome.cards, outcome.zone)
        say()
        say("Debug bundle: ", text(str(outcome.bundle), "bold"))
        if invocation.given_home is not None:
            where = shlex.quote(str(invocation.given_home))
            say(
                "The sandbox has ended. What is stored is still there: "
                f"smaply-metrics load --wait 0 --home {where}"
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


def _run(home: Path, bundle: Path, sandbox: Sandbox, seed: int, *, quiet: bool) -> _Outcome:
    def tell(title: str, detail: str) -> None:
        if not quiet:
            say(text(f"{title:<9}", "bold cyan"), detail)

    with _environment(sandbox) as environment, opened(home, environment=environment) as host:
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
        host.debug.export(_admin(), qualtrics.id, survey.id, bundle)
        return _Outcome(cards, bundle, host.metrics.account(_admin()).zone)


def _admin() -> Actor:
    """Give the demo as an actor, so that its connections can be told from those of people."""
    return actor("demo")


@contextmanager
def _environment(sandbox: Sandbox) -> Iterator[dict[str, str]]:
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
    surveys = host.connections.surveys(_admin(), connection.id)
    if not surveys:
        raise MetricsError(f"{connection.title} shows no survey.", remedy="Tell the authors.")
    for survey in surveys:
        questionnaire = host.connections.questions(_admin(), connection.id, survey.id)
        asked = sum(1 for _ in questionnaire.walk())
        tell("Survey", f"{survey.name} ({survey.id}), {asked} questions")
        if survey is surveys[0]:
            for name, definition in demo_metrics(questionnaire):
                host.metrics.add(_admin(), connection.id, name, definition, workspace=WORKSPACE)
                tell("Metric", name)
    return surveys[0]
