"""What the parts of the host share: store, vault, sources, settings, clock, and opened sessions."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.context import Clock, Deadline
from smaply_metrics_core.errors import (
    CredentialRefused,
    CredentialsInvalid,
    DecryptionFailed,
    MetricsError,
    RateLimited,
    StoreError,
)
from smaply_metrics_core.host.connections.vault import Vault
from smaply_metrics_core.host.refresh.decisions import decide_for_metric
from smaply_metrics_core.host.store import Store, leases
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.models.credentials import Credentials, reveal
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.models.tally import Tally

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from sqlalchemy import Connection

    from smaply_metrics_core.host.connections.keys import KeyRing
    from smaply_metrics_core.host.settings import Settings
    from smaply_metrics_core.host.store.connections import AccountSettings, ConnectionRow
    from smaply_metrics_core.host.store.metric_states import MetricState
    from smaply_metrics_core.http import Exchange, RateLimiter
    from smaply_metrics_core.models.problem import Problem
    from smaply_metrics_core.models.query import MetricQuery
    from smaply_metrics_core.refresh_policy import RefreshDecision
    from smaply_metrics_core.sources import Source, SourceRegistry, SourceSession

logger = logging.getLogger(__name__)

PURPOSE = "connection"


@dataclass
class Runtime:
    """The shared parts; each service of the host holds this one.

    ``find_keys`` reads the keys; told True, it may make a key file that is not there. Without a
    ``lease_clock``, leases run by the database's own time.
    """

    store: Store
    find_keys: Callable[[bool], KeyRing]
    registry: SourceRegistry
    settings: Settings
    clock: Clock
    lease_clock: Clock | None
    _opened_vault: Vault | None = None
    _rate_limiters: dict[str, RateLimiter] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find_connection(self, account: str, connection_id: str) -> ConnectionRow:
        """Read one connection of an account, by its id or its source's."""
        with self.store.reading() as db:
            return connection_rows.find(db, account, connection_id)

    def seal(self, row_id: str, account: str, source: str, credentials: Credentials) -> str:
        """Seal all of a connection's credentials, bound to this row.

        Raises:
            EncryptionKeyMissing: when there is no key, and none may be made because other
                connections are sealed with one that is lost.
        """
        with self.store.reading() as db:
            may_create = not connection_rows.any_sealed(db, besides=row_id)
        return self._vault(may_create=may_create).seal(
            PURPOSE, account, row_id, source, reveal(credentials)
        )

    def seal_again(self, row: ConnectionRow, credentials: Credentials) -> str | None:
        """Seal with the present key what was sealed with an older one; None when there is no need.

        So keys are rotated by checking each connection.
        """
        if not self._vault(may_create=False).needs_reseal(row.sealed):
            return None
        return self.seal(row.id, row.account, row.source, credentials)

    def unseal(self, row: ConnectionRow) -> dict[str, Any]:
        """Open a connection's credentials as they were entered.

        Raises:
            EncryptionKeyMissing: the key is lost.
            DecryptionFailed: another key is in its place, the row was changed, or another
                distribution has taken the source's id and must not see them.
        """
        source = self.registry.get(row.source)
        if source.distribution != row.distribution:
            raise DecryptionFailed(
                f"{source.title} was connected through {row.distribution}, and {row.source} is now "
                f"provided by {source.distribution}.",
                remedy="If that is intended, enter all of the credentials again under "
                "Edit Configuration.",
            )
        return self._vault(may_create=False).open(
            PURPOSE, row.account, row.id, row.source, row.sealed
        )

    def credentials(self, row: ConnectionRow) -> tuple[Source, Credentials]:
        """Open and check a connection's credentials."""
        values = self.unseal(row)
        source = self.registry.get(row.source)
        try:
            return source, source.parse(values)
        except CredentialsInvalid as error:
            # The source's form has changed since they were saved.
            raise DecryptionFailed(
                f"{source.title} wants its credentials in another form now. {error.message}",
                remedy="Open Edit Configuration and enter them again.",
            ) from None

    def _vault(self, *, may_create: bool) -> Vault:
        # Not at start: without a key, everything that needs no secret goes on.
        with self._lock:
            if self._opened_vault is None:
                self._opened_vault = Vault(self.find_keys(may_create))
            return self._opened_vault

    def deadline(self, seconds: float, cancelled: threading.Event | None = None) -> Deadline:
        """Make the deadline of a call that begins now."""
        return Deadline.after(seconds, self.clock, cancelled)

    @contextmanager
    def session(
        self,
        row: ConnectionRow,
        deadline: Deadline,
        *,
        progress: Callable[[float, float | None, str], None] | None = None,
        exchange: Callable[[Exchange], None] | None = None,
    ) -> Iterator[SourceSession]:
        """Open a stored connection for calls to its source, and keep what they tell about it.

        A refusal of credentials that used to work is told as *Token revoked*, here and on the
        connection.
        """
        source, credentials = self.credentials(row)
        try:
            with source.session(
                credentials,
                account=row.account,
                allowed=self.settings.allowed,
                deadline=deadline,
                rate_limiter=self.rate_limiter(row.id, source),
                progress=progress,
                exchange=exchange,
            ) as session:
                yield session
        except MetricsError as error:
            self._note_failure(row, error)
            raise

    def fetch(
        self,
        row: ConnectionRow,
        session: SourceSession,
        survey_id: str,
        queries: Sequence[MetricQuery],
    ) -> dict[str, Tally | MetricsError]:
        """Answer queries about one survey, and keep what the answers tell about the connection."""
        answers = session.fetch(survey_id, queries)
        self.note(row, answers)
        return answers

    def note(self, row: ConnectionRow, answers: Mapping[str, Tally | MetricsError]) -> None:
        """Keep what a source's answers tell about the connection."""
        errors = {id(a): a for a in answers.values() if isinstance(a, MetricsError)}
        for error in errors.values():
            self._note_failure(row, error)
        if any(isinstance(answer, Tally) for answer in answers.values()):
            self._note_success(row)

    def rate_limiter(self, connection_id: str, source: Source) -> RateLimiter:
        """Give the request limits that everything on one connection shares in this process."""
        from smaply_metrics_core.http import RateLimiter  # Loads the HTTP client: only on use.

        with self._lock:
            if connection_id not in self._rate_limiters:
                self._rate_limiters[connection_id] = RateLimiter(
                    source.description.limits, self.clock
                )
            return self._rate_limiters[connection_id]

    def _note_failure(self, row: ConnectionRow, error: MetricsError) -> None:
        """Keep on the connection what concerns all of it, not one survey or one number."""
        if isinstance(error, CredentialRefused):
            # They were accepted when they were saved.
            error.issue = Issue.TOKEN_REVOKED
        now = self.clock.now()
        values: dict[str, Any] = {}
        if isinstance(error, CredentialRefused):
            values |= {"refused_at": now, "woken_at": None}
        if isinstance(error, RateLimited) and error.retry_at is not None:
            values |= {"retry_not_before": error.retry_at, "retry_said_at": now}
        problem = error.to_problem()
        concerned = _concerns_connection(problem)
        if concerned:
            values["problem"] = problem.model_dump(mode="json")
        if not values:
            return
        fell = False
        with self._noting() as db:
            connection_rows.edit(db, row, values)
            fell = concerned and connection_rows.mark_down(db, row, now)
        if fell:
            logger.warning(
                "The connection of account %s to %s is down: %s",
                *(row.account, row.source, problem.message),
            )

    def _note_success(self, row: ConnectionRow) -> None:
        """Keep that the connection works: what stood against it is over."""
        values: dict[str, Any] = {}
        if row.problem is not None and _concerns_connection(row.problem):
            lasting = row.report.problem if row.report.passed else None
            values["problem"] = lasting.model_dump(mode="json") if lasting else None
        if values or row.stands_refused:
            with self._noting() as db:
                if row.stands_refused:
                    values["woken_at"] = connection_rows.recovered_at(db, row, self.clock.now())
                connection_rows.edit(db, row, values)
        self.note_up(row)

    def note_up(self, row: ConnectionRow) -> None:
        """Keep that the source answers this connection again, and tell the log: once in a fleet."""
        if row.down_since is None:
            return
        rose = False
        with self._noting() as db:
            rose = connection_rows.mark_up(db, row)
        if rose:
            logger.info(
                "The connection of account %s to %s is up again; it was down since %s.",
                *(row.account, row.source, row.down_since),
            )

    @contextmanager
    def _noting(self) -> Iterator[Connection]:
        """Write what calls tell about a connection; what they were made for goes on without it."""
        try:
            with self.store.writing() as db:
                yield db
        except StoreError:
            logger.warning("What a call told about its connection is lost.", exc_info=True)

    def now(self) -> datetime:
        """Give the present instant, by which metrics are due."""
        return self.clock.now()

    def lease_now(self) -> datetime | None:
        """Give the instant by which leases run out; None when only the database knows."""
        return None if self.lease_clock is None else self.lease_clock.now()

    @property
    def lease_length(self) -> timedelta:
        """How long a lease runs when nobody renews it."""
        return timedelta(seconds=self.settings.deadlines.lease)

    def decide(
        self, state: MetricState, account: AccountSettings, *, forced: bool = False
    ) -> RefreshDecision:
        """Ask the refresh policy about one stored metric of a connected source."""
        now, left = self.now(), None
        if state.lease_expires_at is not None:
            left = leases.time_left(
                state.lease_expires_at, self.lease_now() or now, self.lease_length
            )
        running_until = None if left is None else now + left
        return decide_for_metric(
            state, account, self.settings.policy, now, running_until=running_until, forced=forced
        )


def _concerns_connection(problem: Problem) -> bool:
    return problem.issue in {Issue.CONNECTION, Issue.AUTHENTICATION, Issue.TOKEN_REVOKED}
