"""The settings of the operator, as one typed object."""

from __future__ import annotations

import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, ClassVar, Final, Literal, NoReturn, SupportsIndex

import platformdirs
from pydantic import Field, InstanceOf, SecretStr

from smaply_metrics_core.environment import (
    EnvironmentSettings,
    EnvironmentVariable,
    VariableInfo,
    warn_of_unknown_variables,
)
from smaply_metrics_core.observability.log_output import LogFormat, LogLevel
from smaply_metrics_core.refresh_policy import RefreshPolicy
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.settings import SourceSettings

STORE_NAME: Final = "store.db"
KEY_FILE_NAME: Final = "key"
FILES_NAME: Final = "files"

THREADS: Final = "threads"
PROCRASTINATE: Final = "procrastinate"

MAX_HISTORY_DAYS: Final = 36_500
MAX_EVENT_DAYS: Final = 400
MAX_REFRESH_THREADS: Final = 64
MIN_CONNECTIONS: Final = 2
"""A thread that holds a connection may need a second one to read the time of the database."""

COMMAND: Final = "the command"


@dataclass(frozen=True)
class Deadlines:
    """The time limits of calls in seconds, which apply whatever a source does.

    ``lease`` is how long a survey stays locked after the process that was refreshing it died; a
    live process renews its lease.
    """

    check: float = 60.0
    list: float = 60.0
    preview: float = 300.0
    refresh: float = 900.0
    debug: float = 1800.0
    lease: float = 90.0


class Settings(EnvironmentSettings):
    """The settings of the operator; ``from_environment`` reads them from variables.

    No repr and no error shows the database's URL or a key.

    Attributes:
        allowed: The hosts and folders that sources may reach.
        sources: The sources that may be used.
        policy: When metrics are refreshed.
        deadlines: How long calls may take.
    """

    hints: ClassVar[Mapping[str, str]] = {
        "history_retention_days": "0 stores only the last value.",
    }

    default_account: ClassVar[str] = "default"
    """The account of the command when none is named."""

    home: Annotated[
        Path,
        VariableInfo(
            "a folder", read_by=f"{COMMAND}, the reference host", default="the user's data folder"
        ),
        Field(
            description="The folder of the embedded store, its key file and temporary files; "
            "`--home` takes precedence."
        ),
    ]
    account: Annotated[
        str,
        VariableInfo("the ID of an account", read_by=COMMAND),
        Field(
            min_length=1,
            description="The account that the command works on; `--account` takes precedence.",
        ),
    ] = default_account
    database_url: Annotated[
        SecretStr | None,
        VariableInfo(
            "the URL of a PostgreSQL database, as in postgresql://user:password@host:5432/database",
            default="one SQLite file in the home",
        ),
        Field(
            description="The database that processes and machines share. The URL may contain a "
            "password and is never shown."
        ),
    ] = None
    database_connections: Annotated[
        int,
        VariableInfo(f"a whole number of {MIN_CONNECTIONS} or more, such as 8"),
        Field(
            ge=MIN_CONNECTIONS,
            description="How many connections to PostgreSQL one process may open.",
        ),
    ] = 8
    database_schema: Annotated[
        str | None,
        VariableInfo(
            "up to 48 lower-case letters, digits and underscores, such as smaply_metrics",
            default="the schema of the database user, usually public",
        ),
        Field(
            pattern=r"^[a-z_][a-z0-9_]{0,47}$",
            description="The schema of all tables in PostgreSQL, created if it does not exist. It "
            "keeps them apart from those of an application in the same database.",
        ),
    ] = None
    encryption_keys: Annotated[
        SecretStr | None,
        VariableInfo(
            "base64url keys of 32 random bytes, separated by commas",
            default="the key file in the home; none with PostgreSQL",
            may_be_blank=True,
        ),
        Field(
            description="The keys that encrypt credentials: the first one encrypts, all of them "
            "decrypt. They are never shown. See [keys](keys.md)."
        ),
    ] = None
    files_dir: Annotated[
        Path | None,
        VariableInfo(
            "a folder",
            read_by="the command, host apps",
            default=f"`{FILES_NAME}/ACCOUNT` in the home",
        ),
        Field(description="The folder below which sources that read files may read."),
    ] = None
    temp_dir: Annotated[
        Path | None,
        VariableInfo("a folder that is used for nothing else", default="`tmp` in the home"),
        Field(
            description="The folder of downloads in progress. They are deleted when their call "
            "ends, and after a crash when the next process starts."
        ),
    ] = None
    history_retention_days: Annotated[
        int,
        VariableInfo(f"a whole number from 0 to {MAX_HISTORY_DAYS:,}, such as 400"),
        Field(
            ge=0,
            le=MAX_HISTORY_DAYS,
            description="How many days a metric's past values are stored; 0 stores only the last.",
        ),
    ] = 400
    event_retention_days: Annotated[
        int,
        VariableInfo(f"a whole number from 1 to {MAX_EVENT_DAYS}, such as 7"),
        Field(
            ge=1,
            le=MAX_EVENT_DAYS,
            description="How many days an event waits for a consumer that does not process it.",
        ),
    ] = 7
    refresh_executor: Annotated[
        Literal["threads", "procrastinate"],
        VariableInfo(f"{THREADS} or {PROCRASTINATE}"),
        Field(
            description="Where background refreshes run: in threads of the process, or in workers "
            "(`smaply-metrics worker run`) that take them from a queue in PostgreSQL."
        ),
    ] = "threads"
    refresh_threads: Annotated[
        int,
        VariableInfo(f"a whole number from 1 to {MAX_REFRESH_THREADS}, such as 4"),
        Field(
            ge=1,
            le=MAX_REFRESH_THREADS,
            description="How many surveys one process refreshes at the same time.",
        ),
    ] = 4
    audit_retention_days: Annotated[
        int | None,
        VariableInfo(f"a whole number from 1 to {MAX_HISTORY_DAYS:,}, such as 730", default="all"),
        Field(
            ge=1,
            le=MAX_HISTORY_DAYS,
            description="How many days entries of the audit trail are stored.",
        ),
    ] = None
    account_max_connections: Annotated[
        int | None,
        VariableInfo("a whole number of 1 or more, such as 10", default="no limit"),
        Field(ge=1, description="How many connections one account may have."),
    ] = None
    account_max_metrics: Annotated[
        int | None,
        VariableInfo("a whole number of 1 or more, such as 1000", default="no limit"),
        Field(ge=1, description="How many metrics one account may have."),
    ] = None
    account_max_exports_per_hour: Annotated[
        int | None,
        VariableInfo("a whole number of 1 or more, such as 200", default="no limit"),
        Field(
            ge=1,
            description="How many times one account may download responses in a clock "
            "hour: refreshes of a survey, previews that are not cached, counts of answers, and "
            "debug bundles.",
        ),
    ] = None
    support_contact: Annotated[
        str,
        VariableInfo("an address, as in support@example.com", read_by="host apps", default="none"),
        Field(description="The address of support; shown with each issue."),
    ] = ""

    log_level: Annotated[
        LogLevel,
        VariableInfo("debug, info, warning or error", read_by="the worker, the reference host"),
        Field(
            description="The lowest level of the records on standard error; `--log-level` takes "
            "precedence. See [logs](observing.md#logs)."
        ),
    ] = LogLevel.INFO
    log_format: Annotated[
        LogFormat,
        VariableInfo("text or json", read_by="the command, the reference host"),
        Field(
            description="The format of the log on standard error; `--log-format` takes precedence."
        ),
    ] = LogFormat.TEXT
    telemetry: Annotated[
        Literal["off", "on"],
        VariableInfo("off or on"),
        Field(
            description="Whether spans and metrics are recorded with OpenTelemetry. See "
            "[traces and metrics](observing.md#traces-and-metrics)."
        ),
    ] = "off"

    allowed: InstanceOf[AllowedDestinations]
    sources: InstanceOf[SourceSettings] = Field(default_factory=SourceSettings)
    policy: InstanceOf[RefreshPolicy] = Field(default_factory=RefreshPolicy)
    deadlines: InstanceOf[Deadlines] = Field(default_factory=Deadlines)

    @property
    def store_path(self) -> Path:
        """The file of the embedded store."""
        return self.home / STORE_NAME

    @property
    def key_path(self) -> Path:
        """The file of the key that a home of one machine creates."""
        return self.home / KEY_FILE_NAME

    @property
    def history_retention(self) -> timedelta:
        """How long a metric's past values are stored."""
        return timedelta(days=self.history_retention_days)

    def audit_kept_since(self, now: datetime) -> datetime | None:
        """Return the time from which on entries of the audit trail are stored; ``None`` for all."""
        days = self.audit_retention_days
        return None if days is None else now - timedelta(days=days)

    @property
    def event_retention(self) -> timedelta:
        """How long an event waits for a consumer that does not process it."""
        return timedelta(days=self.event_retention_days)

    @classmethod
    def all_variables(cls) -> tuple[EnvironmentVariable, ...]:
        """Return the variables of these settings and of the settings of sources."""
        return (*cls.variables(), *SourceSettings.variables())

    @classmethod
    def from_environment(
        cls,
        home: Path | None = None,
        environment: Mapping[str, str] | None = None,
        *,
        account: str | None = None,
        host_variables: Collection[str] | None = None,
    ) -> Settings:
        """Read the ``SMAPLY_METRICS_…`` variables; a blank one counts as not set.

        Each variable that nothing reads is logged as a warning.

        Args:
            home: The folder of the store; ``SMAPLY_METRICS_HOME``, or the user's data folder, by
                default.
            environment: The variables; those of the process by default.
            account: The account whose sources may read below ``SMAPLY_METRICS_FILES_DIR``, or below
                ``files/ACCOUNT`` in the home; ``SMAPLY_METRICS_ACCOUNT`` by default.
            host_variables: The names of the host app's own variables, all of which begin with
                ``SMAPLY_METRICS_HOST_``.

        Raises:
            InputError: when a value is not valid; it names the variable and the valid values.
        """
        env = os.environ if environment is None else environment
        cls.warn_of_unknown_variables(env, host_variables)
        given = cls.read(env)
        if home is not None:
            given["home"] = home
        given.setdefault("home", platformdirs.user_data_path("smaply-metrics", appauthor=False))
        given["home"] = Path(given["home"]).absolute()
        if account is not None:
            given["account"] = account
        store = given["home"] / STORE_NAME
        sources = SourceSettings.from_environment(env)
        settings = cls(
            **given,
            allowed=AllowedDestinations(
                addresses=sources.addresses,
                ca_files=sources.ca_files,
                environment=env,
                store=store,
            ),
            sources=sources,
        )
        files = settings.files_dir or _files_of(settings.home, settings.account)
        return settings.with_folders({settings.account: files} if files is not None else {})

    def __reduce_ex__(self, _protocol: SupportsIndex) -> NoReturn:
        """Prevent pickling: keys and the database password must not leave the process."""
        raise TypeError("Settings hold secrets and cannot be pickled.")

    @classmethod
    def warn_of_unknown_variables(
        cls, environment: Mapping[str, str], host_variables: Collection[str] | None = None
    ) -> None:
        """Log a warning for each ``SMAPLY_METRICS_…`` variable that nothing reads.

        Args:
            environment: The variables.
            host_variables: As for ``from_environment``.
        """
        known = {variable.name for variable in cls.all_variables()}
        warn_of_unknown_variables(environment, known, host_variables=host_variables)

    def make_files_dirs(self) -> None:
        """Create the folders for files that are in the home, accessible to this user only.

        Folders elsewhere are created by the operator.
        """
        self.home.mkdir(mode=0o700, parents=True, exist_ok=True)
        for folder in self.allowed.folders.values():
            if folder.is_relative_to(self.home):
                for part in (*reversed(folder.relative_to(self.home).parents[:-1]), folder):
                    (self.home / part).mkdir(mode=0o700, exist_ok=True)

    def files_of(self, account: str) -> Path | None:
        """Return the folder in the home for the files of an account.

        ``None`` if its id is not a valid folder name; such an account has no files in the home.
        """
        return _files_of(self.home, account)

    def with_folders(self, folders: Mapping[str, Path]) -> Settings:
        """Return a copy in which sources may read below other folders.

        Args:
            folders: By account, the folder below which its sources may read.
        """
        return self.model_copy(update={"allowed": replace(self.allowed, folders=folders)})


def _files_of(home: Path, account: str) -> Path | None:
    """Return the folder of an account's files, or ``None`` if the id is not a valid folder name.

    No account's folder is inside that of another account.
    """
    files = home / FILES_NAME / account
    return files if files.parent == home / FILES_NAME and account not in {"", ".", ".."} else None
