"""The context of every command: its home, account, output mode and opened host."""

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
from smaply_metrics_core.cli.terminal_text import TerminalFormatter
from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import StoreError

if TYPE_CHECKING:  # Loads SQLAlchemy and cryptography.
    from smaply_metrics_core.host import Actor, MetricsHost, Settings
    from smaply_metrics_core.sources.registry import SourceRegistry

SETTINGS_LOGGER = "smaply_metrics_core.environment"
"""The logger of warnings about environment variables, which are shown on standard error."""


class OpenedHost(NamedTuple):
    """A host that a command opened, and the Admin as whom the command acts."""

    host: MetricsHost
    actor: Actor

    @property
    def zone(self) -> str:
        """The account's time zone."""
        return self.host.accounts.show(self.actor).zone


@dataclass(frozen=True)
class CommandContext:
    """The options of every command, which are also accepted before the command's name."""

    context: typer.Context
    home: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Folder of the store and its key. Default: SMAPLY_METRICS_HOME, else the user's "
            "data folder.",
            show_default=False,
        ),
    ] = None
    account: Annotated[
        str | None,
        typer.Option(
            metavar="ID",
            help="ID of the account. Default: SMAPLY_METRICS_ACCOUNT, else “default”.",
            show_default=False,
        ),
    ] = None
    json: Annotated[
        bool, typer.Option("--json", help="Print JSON, errors included.", show_default=False)
    ] = False
    debug: Annotated[
        bool,
        typer.Option(
            "--debug", help="Print the log and tracebacks on standard error.", show_default=False
        ),
    ] = False

    @property
    def wants_json(self) -> bool:
        """Whether the output is JSON."""
        return self.json or (self._outer is not None and self._outer.wants_json)

    @property
    def given_home(self) -> Path | None:
        """The value of --home; the innermost one applies."""
        if self.home is None and self._outer is not None:
            return self._outer.given_home
        return self.home

    @property
    def given_account(self) -> str | None:
        """The value of --account; the innermost one applies."""
        if self.account is None and self._outer is not None:
            return self._outer.given_account
        return self.account

    @property
    def _outer(self) -> CommandContext | None:
        """The options before the command's name."""
        above = self.context.parent
        return above.obj if above is not None and isinstance(above.obj, CommandContext) else None

    def settings(self) -> Settings:
        """Return the settings of this command, from its options and the environment.

        Raises:
            InputError: when an environment variable is not valid.
        """
        from smaply_metrics_core.host import Settings  # Imported on use: it loads the host.

        if self.given_account is not None and not self.given_account.strip():
            raise CommandLineError("--account is empty.", "Enter an account ID or omit --account.")
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
            hint: Whether to warn on standard error when nothing is stored for the account.
            make_files_dir: Whether to create the account's folder for files in the home.

        Raises:
            InputError: when an environment variable is not valid.
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
            "Choose one with --account; `smaply-metrics account list` lists the stored accounts."
            if stored
            else "This store has no account yet."
        )
        print_text(
            f"! Nothing is stored for the account “{settings.account}”. {others}",
            style="yellow",
            stderr=True,
        )


def before_command(invocation: CommandContext) -> None:
    """Store the options before a command's name; the callback of each command group."""
    invocation.context.obj = invocation


class FixedClock(SystemClock):
    """A clock that stands still; deadlines and waits still take real time."""

    def __init__(self, instant: datetime) -> None:
        self._instant = instant

    def now(self) -> datetime:
        """Return the fixed instant."""
        return self._instant


def command_actor(account: str, user: str = "") -> Actor:
    """Return the Admin as whom the command acts; the user defaults to the operating system's."""
    from smaply_metrics_core.host import Actor, Role  # Imported on use: it loads the host.

    return Actor(account, user or _system_user(), Role.ADMIN)


def _system_user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # The user of a container may have no name.
        return "unknown"


def source_registry() -> SourceRegistry:
    """Return the installed sources without opening the store, which may be broken."""
    from smaply_metrics_core.host import Settings  # Imported on use, as below.
    from smaply_metrics_core.sources.registry import SourceRegistry
    from smaply_metrics_core.sources.settings import SourceSettings

    keep_stdout()
    Settings.warn_of_unknown_variables(os.environ)
    return SourceRegistry(SourceSettings.from_environment(os.environ))


@contextmanager
def opened(settings: Settings, *, now: datetime | None = None) -> Iterator[MetricsHost]:
    """Open a host and close it afterwards.

    Args:
        settings: The settings; their home is created if it does not exist.
        now: Fixes the host's clock at this instant.

    Raises:
        StoreError: when the home cannot be used.
    """
    from smaply_metrics_core.host import MetricsHost  # Imported on use: it loads the host.

    keep_stdout()
    home = settings.home
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        host = MetricsHost(
            settings,
            clock=None if now is None else FixedClock(now),
            # By a fixed clock, the lease of a dead process would never expire.
            lease_clock=None if now is None else SystemClock(),
        )
    except OSError as error:
        raise StoreError(
            f"The home {home} cannot be used: {error.strerror}.",
            remedy="Use --home to choose a folder that you can write to.",
        ) from None
    with host:
        yield host


@contextmanager
def logging_to_stderr(*, debug: bool) -> Iterator[None]:
    """Write the log to standard error: all of it with --debug, else warnings about settings."""
    handler = logging.StreamHandler()
    handler.setFormatter(TerminalFormatter("%(levelname)s %(name)s: %(message)s"))
    if not debug:
        handler.setFormatter(TerminalFormatter("! %(message)s"))
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
