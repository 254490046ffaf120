"""One usable source: what it is, its credentials, and sessions with it."""

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
    credential_fields,
    parse_credentials,
    secret_values,
)
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.sources import validation
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.isolation import PluginIsolation
from smaply_metrics_core.sources.loader import Loaded
from smaply_metrics_core.sources.session import SessionConfig, SourceSession
from smaply_metrics_core.sources.temp_dirs import TempDirs

if TYPE_CHECKING:
    import httpx

    from smaply_metrics_core.http import Exchange, RateLimiter

MOST_DESTINATIONS: Final = 20
_PARSE_SECONDS: Final = 5.0


@dataclass(frozen=True)
class Source:
    """A source that was loaded and keeps the contract; ``SourceRegistry.get`` gives it.

    Attributes:
        distribution: The installed distribution it comes from, and its ``version``.
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
        """The entry point's name."""
        return self._loaded.description.id

    @property
    def title(self) -> str:
        """What people call it."""
        return self._loaded.description.title

    @property
    def description(self) -> SourceDescription:
        """Everything it says about itself."""
        return self._loaded.description

    @property
    def hooks(self) -> tuple[str, ...]:
        """The hooks it implements."""
        return self._loaded.hooks

    def parse(self, values: Mapping[str, Any]) -> Credentials:
        """Check what a person entered against the source's credentials model.

        Raises:
            CredentialsInvalid: with a problem for each field that does not fit.
            PluginError: when the model itself failed, or would have told a secret.
        """
        model = self.description.credentials
        secret = {field.name for field in credential_fields(model) if field.secret}
        isolation = self._isolation.keeping(
            text for name, value in values.items() if name in secret for text in _spellings(value)
        )
        return isolation.call(
            lambda: validation.parsed(parse_credentials(model, dict(values)), model),
            deadline=Deadline.after(_PARSE_SECONDS, self._clock),
            what="its credentials model",
        )

    @contextmanager
    def session(  # noqa: PLR0913  # All but the credentials by name.
        self,
        credentials: Credentials,
        *,
        account: str,
        allowed: AllowedDestinations,
        deadline: Deadline,
        rate_limiter: RateLimiter | None = None,
        progress: ProgressCallback | None = None,
        exchange: Callable[[Exchange], None] | None = None,
    ) -> Generator[SourceSession, None, None]:
        """Use the source with one connection's credentials, for the length of a ``with`` block.

        Nothing but the hook ``destinations`` sees the credentials before these are checked.

        Args:
            credentials: Of this source, as ``parse`` gave them.
            account: Whose connection it is: decides the folder that may be read.
            allowed: What the operator allows.
            deadline: When everything done in the session has to be over.
            rate_limiter: Keeps the source's request limits over all sessions of one connection;
                without it, they are kept within this session.
            progress: Told how far a hook is, from the source's thread.
            exchange: Told of each HTTP request, from the source's thread.

        Raises:
            DestinationRefused: when the credentials lead where the operator does not allow.
            InputError: when the credentials are another source's.
            MetricsError: what the source raised, or ``PluginError`` when it failed.
            StoreError: when no temporary folder can be made for it.
        """
        if type(credentials) is not self.description.credentials:
            raise InputError(
                f"These credentials are not for the source “{self.title}”.",
                remedy="Connect the source anew.",
            )
        isolation = self._isolation.keeping(secret_values(credentials))
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
                )
            )
            try:
                yield session
            finally:
                session.close()

    @contextmanager
    def offline(self, *, deadline: Deadline) -> Generator[SourceSession, None, None]:
        """Use the source without credentials and without a network, to recompute from a bundle.

        Args:
            deadline: When everything done in the session has to be over; its clock is the one
                that the source sees.

        Raises:
            InputError: when the source does not offer it.
        """
        if "recompute_metric" not in self.hooks:
            raise InputError(
                f"{self.title} ({self.distribution} {self.version}) cannot calculate from a debug "
                "bundle.",
                remedy="Compare by hand what lies in the bundle, or ask the author of the source.",
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
                )
            )
            with closing(session):
                yield session


def _spellings(value: object) -> tuple[str, ...]:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return (text, text.strip()) if isinstance(text, str) else ()
