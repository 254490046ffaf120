"""What every command is called with: home, account, output mode, and the host opened for it."""

from __future__ import annotations

import getpass
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.output import print_text
from smaply_metrics_core.cli.stdio import keep_stdout
from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import StoreError

if TYPE_CHECKING:  # Loads SQLAlchemy and cryptography.
    from smaply_metrics_core.host import Actor, MetricsHost, Settings
    from smaply_metrics_core.sources.registry import SourceRegistry

SETTINGS_LOGGER = "smaply_metrics_core.environment"
"""Logs warnings about environment variables; people see them on standard error."""


class OpenedHost(NamedTuple):
    """A host that a command opened, and the Admin of its account as whom the command acts."""

    host: MetricsHost
    actor: Actor

    @property
    def zone(self) -> str:
        """The account's time zone."""
        return self.host.accounts.show(self.actor).zone


@dataclass(frozen=True)
class CommandContext:
    """The options of every command; accepted before the command's name too."""

    context: typer.Context
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The folder of the store and its key. Default: SMAPLY_METRICS_HOME, else the "
            "user's data folder.",
            show_default=False,
        ),
    ] = None
    account: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="The account. Default: SMAPLY_METRICS_ACCOUNT, else “default”.",
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
    def given_home(self) -> Path | None:
        """The home that an option names; the innermost one counts."""
        if self.home is None and self._outer is not None:
            return self._outer.given_home
        return self.home

    @property
    def given_account(self) -> str | None:
        """The account that an option names; the innermost one counts."""
        if self.account is None and self._outer is not None:
            return self._outer.given_account
        return self.account

    @property
    def _outer(self) -> CommandContext | None:
        """The options that were given before the command's name."""
        above = self.context.parent
        return above.obj if above is not None and isinstance(above.obj, CommandContext) else None

    def settings(self) -> Settings:
        """Read the settings of this command from its options and the environment.

        Raises:
            InputError: when a variable is not valid.
        """
        from smaply_metrics_core.host import Settings  # Loads the host: only on use.

        if self.given_account is not None and not self.given_account.strip():
            raise CommandLineError("--account is empty.", "Give the account's id, or leave it out.")
        home = self.given_home
        return Settings.from_environment(
            None if home is None else home.absolute(), account=self.given_account
        )

    @contextmanager
    def open(
        self, *, now: datetime | None = None, hint: bool = True, make_files_dir: bool = False
    ) -> Iterator[OpenedHost]:
        """Open the host.

        Args:
            now: Fixes the host's clock at this instant.
            hint: Whether to say on standard error that nothing is stored for the account.
            make_files_dir: Whether to create the account's folder for files in the home.

        Raises:
            InputError: when a variable is not valid.
            StoreError: when the home cannot be used.
        """
        settings = self.settings()
        with opened(settings, now=now) as host:
            if make_files_dir:
                settings.make_files_dirs()
            if hint:
                self._warn_of_missing_account(host, settings)
            yield OpenedHost(host, command_actor(settings.account))

    def _warn_of_missing_account(self, host: MetricsHost, settings: Settings) -> None:
        if host.accounts.exists(settings.account):
            return
        stored = host.accounts.list()
        named = settings.account != settings.default_account
        if not (stored or named):
            return
        others = (
            "`smaply-metrics account list` lists those of this store; choose one with --account."
            if stored
            else "This store has no account yet."
        )
        print_text(
            f"! Nothing is stored for the account “{settings.account}”. {others}",
            style="yellow",
            stderr=True,
        )


def before_command(invocation: CommandContext) -> None:
    """Store the options that were given before a command's name; the callback of each group."""
    invocation.context.obj = invocation


class FixedClock(SystemClock):
    """A clock that always shows one instant; deadlines and waits take real time."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the instant."""
        return self._instant


def command_actor(account: str, user: str = "") -> Actor:
    """Return the actor of the command: an Admin of an account, by default the system's user."""
    from smaply_metrics_core.host import Actor, Role  # Loads the host: only on use.

    return Actor(account, user or _system_user(), Role.ADMIN)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # A container whose user has no name.
        return "unknown"


def source_registry() -> SourceRegistry:
    """Return the installed sources without opening a store, so that a broken one is no obstacle."""
    from smaply_metrics_core.host import Settings
    from smaply_metrics_core.sources.registry import SourceRegistry  # Only on use.
    from smaply_metrics_core.sources.settings import SourceSettings  # Only on use.

    keep_stdout()
    Settings.warn_of_unknown_variables(os.environ)
    return SourceRegistry(SourceSettings.from_environment(os.environ))


@contextmanager
def opened(settings: Settings, *, now: datetime | None = None) -> Iterator[MetricsHost]:
    """Open the host of some settings.

    Args:
        settings: The settings; their home is created when it does not exist.
        now: Fixes the host's clock at this instant.

    Raises:
        StoreError: when the home cannot be used.
    """
    from smaply_metrics_core.host import MetricsHost  # Loads the host: only on use.

    keep_stdout()
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        host = MetricsHost(
            settings,
            clock=None if now is None else FixedClock(now),
            # With a fixed clock, the lease of a process that died would never expire.
            lease_clock=None if now is None else SystemClock(),
        )
    except OSError as error:
        raise StoreError(
            f"The home {home} cannot be used: {error.strerror}.",
            remedy="Choose a folder that this user may write to with --home.",
        ) from None
    with host:
        yield host


@contextmanager
def logging_to_stderr(*, debug: bool) -> Iterator[None]:
    """Show the framework's log while debugging, and warnings about settings always."""
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    if not debug:
        handler.setFormatter(logging.Formatter("! %(message)s"))
        handler.addFilter(logging.Filter(SETTINGS_LOGGER))
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
