"""The health of connections: records failures and recoveries, and logs each of them once."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.errors import CredentialRefused, MetricsError, RateLimited, StoreError
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import connection_servers
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.events import EventKind, MetricsEvent
from smaply_metrics_core.models.problem import Issue, Problem
from smaply_metrics_core.models.tally import Tally

if TYPE_CHECKING:
    from sqlalchemy import Connection

logger = logging.getLogger(__name__)


class ConnectionHealth:
    """Records the health of connections from the outcomes of calls to their sources.

    Only problems of a whole connection are recorded, not those of one survey or one metric. When
    the store cannot be written, a warning is logged and the call continues.

    Args:
        runtime: The shared parts of the host.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._store = runtime.store
        self._clock = runtime.clock
        self._policy = runtime.settings.policy
        self._outbox = runtime.outbox

    def record_answers(
        self, row: ConnectionRow, answers: Mapping[str, Tally | MetricsError]
    ) -> None:
        """Record the errors and successes among the answers of a source to queries."""
        errors = {id(a): a for a in answers.values() if isinstance(a, MetricsError)}
        for error in errors.values():
            self.record_failure(row, error)
        if any(isinstance(answer, Tally) for answer in answers.values()):
            self._record_success(row)

    def record_failure(self, row: ConnectionRow, error: MetricsError) -> None:
        """Record an error of a call; a rejection of stored credentials becomes *Token revoked*."""
        if isinstance(error, CredentialRefused):
            # The credentials were accepted when they were saved.
            error.issue = Issue.TOKEN_REVOKED
        now = self._clock.now()
        values: dict[str, Any] = {}
        if isinstance(error, CredentialRefused):
            values |= {"refused_at": now, "woken_at": None}
        if isinstance(error, RateLimited) and error.retry_at is not None:
            # An unlimited pause would never be replaced by a shorter one of the whole server.
            until = min(error.retry_at, now + self._policy.max_retry_after)
            values |= {"retry_not_before": until, "retry_said_at": now}
            if error.whole_server:
                self._pause_server(row, until, now)
        problem = error.to_problem()
        concerned = _concerns_connection(problem)
        if concerned:
            values["problem"] = problem.model_dump(mode="json")
        if not values:
            return
        went_down = False
        with self._writing() as db:
            connection_rows.edit(db, row, values)
            went_down = self.mark_down(db, row, problem, now)
        if went_down:
            log_down(row, problem)

    def mark_down(
        self, db: Connection, row: ConnectionRow, problem: Problem, now: datetime
    ) -> bool:
        """Record that a connection is down and its event; ``True`` unless it was down already.

        A problem that does not concern the whole connection changes nothing. Call it last in a
        transaction, and ``log_down`` after it.
        """
        if not _concerns_connection(problem) or not connection_rows.mark_down(db, row, now):
            return False
        self._record(db, row, EventKind.CONNECTION_FAILED, now, problem)
        return True

    def _record(
        self,
        db: Connection,
        row: ConnectionRow,
        kind: EventKind,
        now: datetime,
        problem: Problem | None = None,
    ) -> None:
        event = MetricsEvent(
            id=0, account=row.account, at=now, kind=kind, connection_id=row.id, problem=problem
        )
        self._outbox.record(db, [event])

    def record_up(self, row: ConnectionRow) -> None:
        """Record that the connection is up again, and log it once for all processes."""
        if row.down_since is None:
            return
        went_up = False
        with self._writing() as db:
            went_up = connection_rows.mark_up(db, row)
            if went_up:
                self._record(db, row, EventKind.CONNECTION_RECOVERED, self._clock.now())
        if went_up:
            logger.info(
                "The connection %s of account %s to %s is up again; it was down since %s.",
                *(row.id, row.account, row.source, row.down_since),
            )

    def _record_success(self, row: ConnectionRow) -> None:
        """Record that the connection works, and clear an earlier problem."""
        values: dict[str, Any] = {}
        if row.problem is not None and _concerns_connection(row.problem):
            lasting = row.report.problem if row.report.passed else None
            values["problem"] = lasting.model_dump(mode="json") if lasting else None
        if values or row.is_rejected:
            with self._writing() as db:
                if row.is_rejected:
                    values["woken_at"] = connection_rows.recovered_at(db, row, self._clock.now())
                connection_rows.edit(db, row, values)
        self.record_up(row)

    def remember_server(self, row: ConnectionRow, server: str) -> None:
        """Store which server a connection leads to, if it is not stored yet or has changed."""
        if server == row.server:
            return
        with self._writing() as db:
            connection_servers.remember_server(db, row, server)

    def _pause_server(self, row: ConnectionRow, until: datetime, now: datetime) -> None:
        """Pause the other connections to the server of a connection, which it rejects as well."""
        with self._writing() as db:
            connection_servers.pause_server(db, row, until, now)
        logger.warning(
            "The server of the connection of account %s to %s rejects this installation until %s; "
            "all connections to it rest.",
            *(row.account, row.source, until),
        )

    @contextmanager
    def _writing(self) -> Iterator[Connection]:
        try:
            with self._store.writing() as db:
                yield db
        except StoreError:
            logger.warning("The health of a connection could not be recorded.", exc_info=True)


def log_down(row: ConnectionRow, problem: Problem) -> None:
    """Log that a connection is down."""
    logger.warning(
        "The connection %s of account %s to %s is down: %s",
        *(row.id, row.account, row.source, problem.message),
    )


def _concerns_connection(problem: Problem) -> bool:
    return problem.issue in {Issue.CONNECTION, Issue.AUTHENTICATION, Issue.TOKEN_REVOKED}
