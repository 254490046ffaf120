"""A loaded source: its description, its credentials, and sessions with it."""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from pydantic import SecretStr

from smaply_metrics_core.context import Clock, Deadline, ProgressCallback
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.credentials import (
    Credentials,
    conceal,
    credential_fields,
    parse_credentials,
    secret_values,
)
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.sources import validation
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.isolation import PluginIsolation
from smaply_metrics_core.sources.loader import Loaded
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.session_context import SessionConfig
from smaply_metrics_core.sources.temp_dirs import TempDirs
from smaply_metrics_core.token_cache import TokenCache

if TYPE_CHECKING:
    import httpx

    from smaply_metrics_core.http import Exchange, RateLimiter

MOST_DESTINATIONS: Final = 20
_PARSE_SECONDS: Final = 30.0
"""A guard against a model that hangs; a busy machine may not run its thread for seconds."""


@dataclass(frozen=True)
class Source:
    """A loaded source, returned by ``SourceRegistry.get``.

    Attributes:
        distribution: The installed distribution.
        version: The version of the distribution.
    """

    distribution: str
    version: str
    _loaded: Loaded
    _isolation: PluginIsolation
    _clock: Clock
    _temp_dirs: TempDirs
    _transport_factory: Callable[[], httpx.BaseTransport] | None

    @property
    def id(self) -> str:
        """The name of the entry point."""
        return self._loaded.description.id

    @property
    def title(self) -> str:
        """The name of the survey tool, for people."""
        return self._loaded.description.title

    @property
    def description(self) -> SourceDescription:
        """The description that the source returned."""
        return self._loaded.description

    @property
    def hooks(self) -> tuple[str, ...]:
        """The implemented hooks."""
        return self._loaded.hooks

    def parse(self, values: Mapping[str, Any]) -> Credentials:
        """Validate what a person entered with the source's credentials model.

        Args:
            values: The values of its fields; texts may be ``SecretStr``.

        Raises:
            CredentialsInvalid: with a problem for each field that is not valid.
            PluginError: when the model itself failed, or its message contained a secret.
        """
        values = conceal(values)
        model = self.description.credentials
        secret = {field.name for field in credential_fields(model) if field.secret}
        isolation = self._isolation.with_secrets(
            text for name, value in values.items() if name in secret for text in _spellings(value)
        )
        return isolation.call(
            lambda: validation.parsed(parse_credentials(model, values), model),
            deadline=Deadline.after(_PARSE_SECONDS, self._clock),
            what="its credentials model",
        )

    @contextmanager
    def session(  # noqa: PLR0913  # All but the credentials are keywords.
        self,
        credentials: Credentials,
        *,
        account: str,
        allowed: AllowedDestinations,
        deadline: Deadline,
        rate_limiter: RateLimiter | None = None,
        tokens: TokenCache | None = None,
        progress: ProgressCallback | None = None,
        exchange: Callable[[Exchange], None] | None = None,
    ) -> Generator[SourceSession, None, None]:
        """Open a session with the credentials of a connection, for a ``with`` block.

        Until the destinations are checked, only the hook ``destinations`` gets the credentials.

        Args:
            credentials: The credentials, as returned by ``parse``.
            account: The account of the connection, which determines the folder that may be read.
            allowed: The destinations that the operator allows.
            deadline: The deadline of all calls of the session.
            rate_limiter: Applies the source's request limits to all sessions of a connection;
                by default, they apply to this session only.
            tokens: Caches the access tokens of all sessions of a connection; by default, those of
                this session only.
            progress: Called with the progress of a hook, on the source's thread.
            exchange: Called for each HTTP request, on the source's thread.

        Raises:
            DestinationRefused: when the operator does not allow a destination.
            InputError: when the credentials are for another source.
            MetricsError: when the source raised it; ``PluginError`` when it failed.
            StoreError: when no temporary folder can be created.
        """
        if type(credentials) is not self.description.credentials:
            raise InputError(
                f"These credentials are not for the source “{self.title}”.",
                remedy="Delete the connection and set it up again.",
                audience=Audience.ADMIN,
            )
        isolation = self._isolation.with_secrets(secret_values(credentials))
        hooks = self._loaded.manager.hook
        wanted, error = isolation.collect(
            lambda: hooks.destinations(credentials=credentials),
            validation.destination,
            deadline=deadline,
            what="destinations",
            most=MOST_DESTINATIONS,
        )
        if error is not None:
            raise error
        checked = allowed.resolve(wanted, account, source=self.id)
        with self._temp_dirs.folder() as folder:
            session = SourceSession(
                SessionConfig(
                    hooks=hooks,
                    description=self.description,
                    isolation=isolation,
                    credentials=credentials,
                    destinations=checked,
                    folder=folder,
                    deadline=deadline,
                    clock=self._clock,
                    rate_limiter=rate_limiter,
                    progress=progress,
                    exchange=exchange,
                    transport_factory=self._transport_factory,
                    ca_files=allowed.ca_files,
                    tokens=tokens or TokenCache(self._clock),
                )
            )
            try:
                yield session
            finally:
                session.close()

    def wait_for_abandoned_calls(self, seconds: float) -> None:
        """Wait until the abandoned calls of the source have ended, or the seconds have passed.

        A call that is cancelled or misses its deadline may still release its login session.
        """
        self._isolation.stuck.wait(seconds)

    @contextmanager
    def offline(self, *, deadline: Deadline) -> Generator[SourceSession, None, None]:
        """Open a session without credentials and network, to recompute from a debug bundle.

        Args:
            deadline: The deadline of all calls of the session; the source uses its clock.

        Raises:
            InputError: when the source does not implement ``recompute_metric``.
        """
        if "recompute_metric" not in self.hooks:
            raise InputError(
                f"{self.title} ({self.distribution} {self.version}) does not support recomputing "
                "from a debug bundle.",
                remedy="Compare the files in the bundle by hand, or ask the author of the source.",
            )
        with self._temp_dirs.folder() as folder:
            session = SourceSession(
                SessionConfig(
                    hooks=self._loaded.manager.hook,
                    description=self.description,
                    isolation=self._isolation,
                    credentials=Credentials(),
                    destinations=(),
                    folder=folder,
                    deadline=deadline,
                    clock=deadline.clock,
                    rate_limiter=None,
                    progress=None,
                    exchange=None,
                    transport_factory=None,
                    ca_files={},
                    tokens=TokenCache(deadline.clock),
                )
            )
            with closing(session):
                yield session


def _spellings(value: object) -> tuple[SecretStr, ...]:
    if not isinstance(value, SecretStr):
        return ()
    return value, SecretStr(value.get_secret_value().strip())
