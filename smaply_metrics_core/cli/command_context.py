"""The context of every command: its home, account, output mode and opened host."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
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
from smaply_metrics_core.observability.log_output import (
    FORMAT_VARIABLE,
    LogFormat,
    LogLevel,
    logging_to_stderr,
    settings_warnings_to_stderr,
)

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
    log_level: Annotated[
        LogLevel | None,
        typer.Option(
            "--log-level",
            help="Print the log on standard error, from this level on. Default of `worker run`: "
            "SMAPLY_METRICS_LOG_LEVEL, else info; of other commands: no log.",
            show_default=False,
        ),
    ] = None
    log_format: Annotated[
        LogFormat | None,
        typer.Option(
            "--log-format",
            help="Format of the log. Default: SMAPLY_METRICS_LOG_FORMAT, else text.",
            show_default=False,
        ),
    ] = None

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
    def given_log_level(self) -> LogLevel | None:
        """The value of --log-level, or what --debug means; the innermost one applies."""
        given = LogLevel.DEBUG if self.debug else self.log_level
        return given or (None if self._outer is None else self._outer.given_log_level)

    @property
    def given_log_format(self) -> LogFormat | None:
        """The value of --log-format; the innermost one applies."""
        return self.log_format or (None if self._outer is None else self._outer.given_log_format)

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


def command_log(arguments: Sequence[str]) -> AbstractContextManager[None]:
    """Return a context manager that writes the log of a command to standard error.

    Without --log-level and --debug, only warnings about settings are written. The options are read
    from the unparsed arguments, so that the log begins before the command does.

    Args:
        arguments: The command line.
    """
    level = LogLevel.DEBUG if "--debug" in arguments else None
    given = _value_of("--log-level", arguments)
    if level is None and given in set(LogLevel):
        level = LogLevel(given)
    chosen = _value_of("--log-format", arguments) or os.environ.get(FORMAT_VARIABLE, "").strip()
    # Another value is reported when the options or the settings are validated.
    form = LogFormat(chosen) if chosen in set(LogFormat) else LogFormat.TEXT
    if level is not None:
        return logging_to_stderr(level, form)
    return settings_warnings_to_stderr(SETTINGS_LOGGER, form)


def _value_of(option: str, arguments: Sequence[str]) -> str:
    """Return the last value of an option; empty if it is not given."""
    value = ""
    for argument, following in zip(arguments, (*arguments[1:], ""), strict=True):
        if argument == option:
            value = following
        elif argument.startswith(f"{option}="):
            value = argument.partition("=")[2]
    return value
