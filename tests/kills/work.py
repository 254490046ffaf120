"""What processes do until they are killed. They report what they were told is stored.

A report is made after the call has returned: what was reported must exist after any kill.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from smaply_metrics_core.errors import AlreadyExists, EditConflict, NotFound
from smaply_metrics_core.host import Actor, Calculation, Definition, Role
from tests.host.host_process import open_host

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from smaply_metrics_core.host import MetricsHost
    from tests.host.host_process import Told

TOKEN: Final = "right-token-0001"
ACCOUNTS: Final = ("acme", "globex")
SURVEYS: Final = ("S1", "S2")
WAIT: Final = 180.0


class Report(NamedTuple):
    """What exists from now on.

    ``kind`` is one of: connection, metric, deleting, deleted, value, bundle, map, invitation.
    """

    kind: str
    account: str
    id: str
    at: datetime | None = None


def actor(role: Role, account: str) -> Actor:
    """Return an actor of an account."""
    return Actor(account, f"the {role}", role)


class Work:
    """One process's work on a host; what it does is random.

    Args:
        host: The host.
        send: Sends a report.
        folder: The folder of debug bundles.
        chance: Decides.
    """

    def __init__(
        self, host: MetricsHost, send: Callable[[Report], None], folder: Path, chance: random.Random
    ) -> None:
        self._host = host
        self._send = send
        self._folder = folder
        self._chance = chance

    def some(self) -> None:
        """Do one thing; an error that another process caused is none."""
        account = self._chance.choice(ACCOUNTS)
        calls = (self.connect, self.edit, self.add, self.load, self.load, self.export, self.delete)
        with suppress(AlreadyExists, EditConflict, NotFound):
            self._chance.choice(calls)(account)

    def connect(self, account: str) -> None:
        """Connect the shop."""
        made = self._host.connections.connect(
            actor(Role.ADMIN, account), "shop", {"api_token": TOKEN}
        )
        self._send(Report("connection", account, made.id))

    def edit(self, account: str) -> None:
        """Save the credentials again."""
        values = {"api_token": TOKEN, "nickname": f"n{self._chance.random()}"}
        self._host.connections.edit(actor(Role.ADMIN, account), "shop", values)

    def add(self, account: str) -> None:
        """Add a metric, unless there are many."""
        editor = actor(Role.EDITOR, account)
        if len(self._host.metrics.list(editor)) < 20:  # So that loads stay fast.
            definition = Definition(
                survey_id=self._chance.choice(SURVEYS),
                question_id="stars",
                calculation=Calculation.AVERAGE,
            )
            metric = self._host.metrics.add(editor, "shop", "Stars", definition)
            self._send(Report("metric", account, metric.id))

    def load(self, account: str) -> None:
        """Refresh all cards."""
        editor = actor(Role.EDITOR, account)
        for card in self._host.cards.load(editor, wait=WAIT, force=True):
            if card.as_of is not None:
                self._send(Report("value", account, card.metric_id, card.as_of))

    def export(self, account: str) -> None:
        """Export a debug bundle."""
        path = self._folder / f"{self._chance.getrandbits(64):x}.zip"
        self._host.debug_bundles.export(actor(Role.ADMIN, account), "shop", "S1", path)
        self._send(Report("bundle", account, str(path)))

    def delete(self, account: str) -> None:
        """Delete a metric, seldom."""
        editor = actor(Role.EDITOR, account)
        metrics = self._host.metrics.list(editor)
        if len(metrics) > len(SURVEYS) and self._chance.random() < 0.2:
            metric = self._chance.choice(metrics)
            self._send(Report("deleting", account, metric.id))
            self._host.metrics.delete(editor, metric.id)


def open_and_work(pipe: Connection, told: Told) -> None:
    """Open a host and work until this process is killed."""
    pipe.send("started")
    with open_host(told) as host:
        chance = random.Random(told["seed"])  # noqa: S311  # Repeatable, no secrets.
        work = Work(host, pipe.send, Path(told["bundles"]), chance)
        while True:
            work.some()


def run_worker(pipe: Connection, told: Told) -> None:
    """Run queued refreshes until this process is killed."""
    pipe.send("started")
    with open_host(told) as host, host.worker(2) as worker:
        worker.wait()


def run_commands(pipe: Connection, told: Told) -> None:
    """Run one command after the other until this process is killed."""
    from contextlib import redirect_stderr, redirect_stdout
    from io import StringIO

    from smaply_metrics_core.cli.app import app

    pipe.send("started")
    chance = random.Random(told["seed"])  # noqa: S311  # Repeatable, no secrets.
    place = ["--home", told["home"], "--account", "cli", "--json"]

    def next_bundle() -> str:
        return f"{told['bundles']}/{chance.getrandbits(64):x}.zip"

    commands: tuple[Callable[[], list[str]], ...] = (
        lambda: ["connection", "add", "csv_example", "--set", "folder=."],
        lambda: [
            "metric",
            "add",
            "NPS",
            "--connection",
            "csv_example",
            "--survey",
            "visits",
            "--question",
            "nps",
            "--calculation",
            "nps",
        ],
        lambda: ["card", "load", "--force"],
        lambda: ["db", "upgrade"],
        lambda: ["bundle", "export", "csv_example", "visits", "--output", next_bundle()],
    )
    while True:
        with redirect_stdout(StringIO()), redirect_stderr(StringIO()), suppress(SystemExit):
            app([*chance.choice(commands)(), *place])


def run_reference_host(pipe: Connection, told: Told) -> None:
    """Start the reference host and use it until this process is killed."""
    from smaply_metrics_host.app import create_app
    from smaply_metrics_host.settings import HostSettings

    settings = HostSettings.from_environment(Path(told["home"]), "http://127.0.0.1", {})
    app = create_app(settings)
    pipe.send("started")

    async def run() -> None:
        async with app.router.lifespan_context(app):
            state = app.state.app_state
            token = state.people.invite("people", "Ada", Role.ADMIN)
            workspace = state.people.workspaces("people")[0].id
            while True:
                token = state.people.invite("people", "Ada", Role.ADMIN)
                pipe.send(Report("invitation", "people", token))
                made = state.maps.add("people", workspace, "Journey")
                pipe.send(Report("map", "people", made))
                state.maps.add_stage("people", made, "Stage")
                await state.metrics.cards.load(actor(Role.VIEWER, "people"))

    asyncio.run(run())


def open_once(_: Connection, told: dict[str, Any]) -> None:
    """Open a host and close it."""
    open_host(told).close()
