"""What every command is called with: its home, how it answers, and the host opened for it."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import platformdirs
import typer

from smaply_metrics_core.cli.stdio import keep_stdout
from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import StoreError

if TYPE_CHECKING:
    from smaply_metrics_core.host import Actor, MetricsHost

ACCOUNT: Final = "default"
"""The one account of the command."""

HOME_VARIABLE: Final = "SMAPLY_METRICS_HOME"


@dataclass(frozen=True)
class CommandContext:
    """The options of every command; accepted before the command's name as well."""

    context: typer.Context
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help=f"The folder of the store and its key. Default: {HOME_VARIABLE}, else the "
            "user's data folder.",
            show_default=False,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="Answer in JSON, errors included.", show_default=False)
    ] = False
    debug: Annotated[
        bool,
        typer.Option("--debug", help="Show the log and tracebacks.", show_default=False),
    ] = False

    @property
    def wants_json(self) -> bool:
        """Whether the answer is for a program."""
        return self.json or (self._outer is not None and self._outer.wants_json)

    @property
    def folder(self) -> Path:
        """The home: as given, as set in the environment, or the user's data folder."""
        return self.given_home or Path(
            os.environ.get(HOME_VARIABLE)
            or platformdirs.user_data_dir("smaply-metrics", appauthor=False)
        )

    @property
    def given_home(self) -> Path | None:
        """The home as given by an option, if it was."""
        if self.home is None and self._outer is not None:
            return self._outer.given_home
        return self.home

    @property
    def _outer(self) -> CommandContext | None:
        """What was given before the command's name."""
        above = self.context.parent
        return above.obj if above is not None and isinstance(above.obj, CommandContext) else None


def before_command(invocation: CommandContext) -> None:
    """Keep what was given before a command's name; the callback of each group."""
    invocation.context.obj = invocation


class FixedClock(SystemClock):
    """A clock whose hands are held at one instant; deadlines and waits take real time."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Give the instant."""
        return self._instant


def actor(user: str = "") -> Actor:
    """Give who acts: an Admin of the command's one account, by default the system's user."""
    from smaply_metrics_core.host import Actor, Role  # Loads the host: only on use.

    return Actor(ACCOUNT, user or _system_user(), Role.ADMIN)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # A container whose user has no name.
        return "unknown"


@contextmanager
def opened(
    folder: Path, *, now: datetime | None = None, environment: Mapping[str, str] | None = None
) -> Iterator[MetricsHost]:
    """Open the host in a home.

    Args:
        folder: The home; made when it is not there.
        now: Holds the host's clock at this instant.
        environment: Where settings are read; the process's own by default.

    Raises:
        StoreError: when the home cannot be used.
    """
    from smaply_metrics_core.host import MetricsHost, Settings  # Loads the host: only on use.

    keep_stdout()
    environment = os.environ if environment is None else environment
    folder = folder.absolute()
    settings = Settings.from_environment(folder, environment, account=ACCOUNT)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for files in settings.allowed.folders.values():
            # The default one belongs to the home; one that the operator names is theirs to make.
            if files.is_relative_to(folder):
                files.mkdir(mode=0o700, exist_ok=True)
        host = MetricsHost(
            settings,
            environment=environment,
            clock=None if now is None else FixedClock(now),
            # A held clock would never see the lease of a process that died run out.
            lease_clock=None if now is None else SystemClock(),
        )
    except OSError as error:
        raise StoreError(
            f"The home {folder} cannot be used: {error.strerror}.",
            remedy="Choose a folder that this user may write to with --home.",
        ) from None
    with host:
        yield host


@contextmanager
def logging_to_stderr(*, debug: bool) -> Iterator[None]:
    """Show the framework's log while debugging; without that, people see messages alone."""
    handler = logging.StreamHandler() if debug else logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    log = logging.getLogger("smaply_metrics_core")
    level = log.level
    log.addHandler(handler)
    if debug:
        log.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
