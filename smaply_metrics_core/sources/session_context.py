"""The context that the hooks of a session receive, with its HTTP client."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeGuard

import pluggy

from smaply_metrics_core.context import Clock, Deadline, ProgressCallback, SourceContext
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.sources.exception_details import ContractViolation
from smaply_metrics_core.sources.isolation import PluginIsolation
from smaply_metrics_core.token_cache import TokenCache

if TYPE_CHECKING:
    import httpx

    from smaply_metrics_core.http import Exchange, RateLimiter
    from smaply_metrics_core.http.login_sessions import LoginSessions

logger = logging.getLogger("smaply_metrics_core.sources")


@dataclass(frozen=True)
class SessionConfig:
    """The parts of a session; created by ``Source.session``."""

    hooks: pluggy.HookRelay
    description: SourceDescription
    isolation: PluginIsolation
    credentials: Credentials = field(repr=False)
    destinations: tuple[Destination, ...]
    folder: Path
    deadline: Deadline
    clock: Clock
    rate_limiter: RateLimiter | None
    progress: ProgressCallback | None
    exchange: Callable[[Exchange], None] | None
    transport_factory: Callable[[], httpx.BaseTransport] | None
    ca_files: Mapping[str, Path]
    tokens: TokenCache


class ContextMaker:
    """Makes the context of a session, and closes what it opened.

    Args:
        config: The parts of the session.
    """

    def __init__(self, config: SessionConfig) -> None:
        self._config = config
        self._isolation = config.isolation
        self._opened = ExitStack()
        self._closed = False
        self._transport = config.transport_factory() if config.transport_factory else None

    @property
    def closed(self) -> bool:
        """Whether the session is over."""
        return self._closed

    def close(self) -> None:
        """Release login sessions, close the HTTP client, and report no more progress."""
        self._closed = True
        self._opened.close()

    def make(self) -> SourceContext:
        """Return a new context. This imports httpx."""
        from smaply_metrics_core.http.login_sessions import LoginSessions

        config, redactor = self._config, self._isolation.redactor
        limits = config.rate_limiter or self._own_rate_limiter()
        client = self._connect(config.deadline, limits)
        self._opened.callback(client.close)
        logins = LoginSessions(partial(self._connect, limits=limits), config.clock, redactor)
        self._opened.callback(logins.release_all, partial(self._release, logins))
        return SourceContext(
            http=client,
            deadline=config.deadline,
            destinations=config.destinations,
            folder=config.folder,
            clock=config.clock,
            hide=redactor.add,
            tokens=config.tokens,
            sessions=logins.signed_in,
            ca_files=config.ca_files,
            report=self._report,
        )

    def _own_rate_limiter(self) -> RateLimiter | None:
        from smaply_metrics_core.http import RateLimiter

        limits = self._config.description.limits
        return RateLimiter(limits, self._config.clock) if limits else None

    def _connect(self, deadline: Deadline, limits: RateLimiter | None) -> httpx.Client:
        from smaply_metrics_core.http import build_client

        config = self._config
        return build_client(
            config.destinations,
            deadline=deadline,
            clock=config.clock,
            limits=limits,
            transport=self._transport,
            exchange=config.exchange,
            ca_files=config.ca_files,
            redactor=self._isolation.redactor,
            operation=config.description.operation,
        )

    def _release(self, logins: LoginSessions, release: Callable[[], None]) -> None:
        """Release a login session that the source has not left."""
        self._isolation.call(release, deadline=logins.deadline(), what="a login session")

    def _report(self, done: object, total: object, what: object) -> None:
        """Validate progress and pass it to the host app; called on the source's thread."""
        if not (_is_number(done) and (total is None or _is_number(total)) and type(what) is str):
            raise ContractViolation(
                "progress takes two numbers, of which the second may be None, and a text."
            )
        if self._config.progress is None or self._closed:
            return
        try:
            self._config.progress(done, total, self._isolation.redactor.redact_line(what))
        except Exception:
            logger.exception("The progress callback of the host app failed.")


def _is_number(value: object) -> TypeGuard[float]:
    return type(value) is int or (type(value) is float and math.isfinite(value))
