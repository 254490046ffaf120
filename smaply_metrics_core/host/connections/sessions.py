"""Opens sessions with sources, with one rate limiter per connection."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import TYPE_CHECKING

from smaply_metrics_core.context import Deadline, ProgressCallback
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.connections.checks import CredentialsCheck, logged_check
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.health import ConnectionHealth
from smaply_metrics_core.host.connections.servers import server_key
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.token_cache import TokenCache

if TYPE_CHECKING:
    from smaply_metrics_core.http import Exchange, RateLimiter


class ConnectionSessions:
    """Opens sessions with the sources of connections.

    All sessions of one connection in this process share its request limits, whether they read
    surveys or check new credentials.
    """

    def __init__(
        self, runtime: Runtime, credential_store: CredentialStore, health: ConnectionHealth
    ) -> None:
        self._runtime = runtime
        self._credential_store = credential_store
        self._health = health
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._rate_limiters: dict[str, RateLimiter] = {}
        self._tokens: dict[str, TokenCache] = {}
        self._lock = threading.Lock()

    @contextmanager
    def session(
        self,
        row: ConnectionRow,
        deadline: Deadline,
        *,
        progress: ProgressCallback | None = None,
        exchange: Callable[[Exchange], None] | None = None,
    ) -> Iterator[SourceSession]:
        """Open a session with the stored credentials, and record its errors on the connection.

        A rejection of stored credentials is reported as *Token revoked*, in the error and on the
        connection.
        """
        source, credentials = self._credential_store.open(row)
        try:
            with self.unsaved_session(
                row.account,
                row.id,
                source,
                credentials,
                deadline,
                progress=progress,
                exchange=exchange,
            ) as session:
                self._health.remember_server(row, server_key(session.destinations))
                yield session
        except MetricsError as error:
            self._health.record_failure(row, error)
            raise

    def require_usable(self, row: ConnectionRow) -> None:
        """Raise if this process lacks the key or the source of a connection; nothing is called.

        Raises:
            MetricsError: with ``process_only``. Other errors are left to ``session``.
        """
        try:
            self._credential_store.open(row)
        except MetricsError as error:
            if error.process_only:
                raise

    def check_session(
        self,
        account: str,
        connection_id: str,
        source: Source,
        credentials: Credentials,
        deadline: Deadline,
    ) -> AbstractContextManager[CredentialsCheck]:
        """Open a session to check credentials; the caller records its errors.

        The connection need not exist yet: its later sessions share the rate limiter of the check.
        """

        def open_session(
            exchange: Callable[[Exchange], None],
        ) -> AbstractContextManager[SourceSession]:
            return self.unsaved_session(
                account, connection_id, source, credentials, deadline, exchange=exchange
            )

        return logged_check(account, connection_id, source.id, self._runtime.clock, open_session)

    @contextmanager
    def unsaved_session(  # noqa: PLR0913  # The parts of a session.
        self,
        account: str,
        connection_id: str,
        source: Source,
        credentials: Credentials,
        deadline: Deadline,
        *,
        progress: ProgressCallback | None = None,
        exchange: Callable[[Exchange], None] | None = None,
    ) -> Iterator[SourceSession]:
        """Open a session with credentials that need not be stored, without recording its errors."""
        with source.session(
            credentials,
            account=account,
            allowed=self._runtime.settings.allowed,
            deadline=deadline,
            rate_limiter=self._rate_limiter(connection_id, source),
            tokens=self._token_cache(connection_id),
            progress=progress,
            exchange=exchange,
        ) as session:
            yield session

    def fetch(
        self,
        row: ConnectionRow,
        session: SourceSession,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> dict[str, Tally | MetricsError]:
        """Fetch the answers to queries about one survey, and record the connection's health."""
        answers = session.fetch(survey_id, queries)
        self._health.record_answers(row, answers)
        return answers

    def forget(self, connection_id: str) -> None:
        """Drop the rate limiter and the access tokens of a connection that does not exist."""
        with self._lock:
            self._rate_limiters.pop(connection_id, None)
            self._tokens.pop(connection_id, None)

    def _token_cache(self, connection_id: str) -> TokenCache:
        with self._lock:
            return self._tokens.setdefault(connection_id, TokenCache(self._runtime.clock))

    def _rate_limiter(self, connection_id: str, source: Source) -> RateLimiter:
        from smaply_metrics_core.http import RateLimiter  # Loads the HTTP client: only on use.

        with self._lock:
            if connection_id not in self._rate_limiters:
                self._rate_limiters[connection_id] = RateLimiter(
                    source.description.limits, self._runtime.clock
                )
            return self._rate_limiters[connection_id]
