"""The surveys and questionnaires of connections, and what can be measured of them; cached."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from threading import Lock
from typing import Final, Generic, NamedTuple, TypeVar

from cachetools import TLRUCache

from smaply_metrics_core.context import Clock
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.metrics.form_models import MetricDraft, MetricOptions
from smaply_metrics_core.host.metrics.form_options import metric_options
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import DateRange, Window
from smaply_metrics_core.models.survey import Questionnaire, Survey

V = TypeVar("V")

TTL: Final = timedelta(minutes=10)

MAX_LISTS: Final = 32
"""Cached lists of surveys; one of 5,000 takes some 5 MB."""

MAX_QUESTIONNAIRES: Final = 128

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class SurveyPage(Frozen):
    """Some of the surveys that a connection can see.

    Attributes:
        surveys: These, the most recently modified one first.
        total: How many the connection can see.
        matching: How many of them the search found.
        listed_at: When they were requested from the survey tool.
    """

    surveys: tuple[Survey, ...]
    total: int
    matching: int
    listed_at: datetime


class CacheEntry(NamedTuple, Generic[V]):
    """A value of a source, and when it was requested."""

    value: V
    fetched_at: datetime


class SourceCache(Generic[V]):
    """Values of sources by key, each for ten minutes from when it was requested. Thread-safe.

    Args:
        clock: The time by which entries expire.
        maxsize: How many entries there are at most; the least recently used one is removed first.
    """

    def __init__(self, clock: Clock, maxsize: int) -> None:
        self._clock = clock
        self._entries: TLRUCache[Hashable, CacheEntry[V]] = TLRUCache(
            maxsize,
            ttu=lambda _key, entry, _now: (entry.fetched_at + TTL).timestamp(),
            timer=lambda: clock.now().timestamp(),
        )
        self._lock = Lock()
        self._single_flight = SingleFlight[CacheEntry[V]](join_running=True)

    def find(self, key: Hashable) -> CacheEntry[V] | None:
        """Return the entry of a key; ``None`` when there is none or it has expired."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.fetched_at > self._clock.now():
                # The clock was set back; the entry must not live longer for that.
                del self._entries[key]
                return None
            return entry

    def add(self, key: Hashable, entry: CacheEntry[V]) -> None:
        """Add or replace an entry."""
        with self._lock:
            self._entries[key] = entry

    def get(self, key: Hashable, fetch: Callable[[], V], *, reload: bool = False) -> CacheEntry[V]:
        """Return the entry of a key, or fetch its value; concurrent callers share one fetch.

        Args:
            key: The key.
            fetch: Requests the value from the source. All callers that wait for it get its error.
            reload: Whether to fetch although there is an entry.
        """

        def load() -> CacheEntry[V]:
            # Another thread may have fetched it since this one looked.
            found = None if reload else self.find(key)
            if found is None:
                fetched_at = self._clock.now()
                found = CacheEntry(fetch(), fetched_at)
                self.add(key, found)
            return found

        found = None if reload else self.find(key)
        return found or self._single_flight.run(key, load)


class QuestionnaireCache:
    """The questionnaires of surveys, cached for the parts of the host that need them."""

    def __init__(self, runtime: Runtime, sessions: ConnectionSessions) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._cache = SourceCache[Questionnaire](runtime.clock, MAX_QUESTIONNAIRES)

    def get(self, row: ConnectionRow, survey_id: str, *, reload: bool) -> Questionnaire:
        """Return the cached questionnaire of a survey, or fetch it."""

        def fetch() -> Questionnaire:
            deadline = self._runtime.deadline(self._runtime.settings.deadlines.list)
            with self._sessions.session(row, deadline) as session:
                return session.questions(survey_id)

        return self._cache.get((*_version_of(row), survey_id), fetch, reload=reload).value

    def find(self, row: ConnectionRow, survey_id: str) -> Questionnaire | None:
        """Return the cached questionnaire of a survey; ``None`` when there is none."""
        entry = self._cache.find((*_version_of(row), survey_id))
        return entry.value if entry else None

    def add(self, row: ConnectionRow, questionnaire: Questionnaire) -> None:
        """Add a questionnaire that was just fetched."""
        entry = CacheEntry(questionnaire, self._runtime.now())
        self._cache.add((*_version_of(row), questionnaire.survey.id), entry)


class SurveyCatalog:
    """What can be measured, cached for ten minutes so that a form answers at once.

    An entry belongs to one version of one connection: what other credentials see is never shown.
    """

    def __init__(
        self, runtime: Runtime, sessions: ConnectionSessions, questionnaires: QuestionnaireCache
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._surveys = SourceCache[tuple[Survey, ...]](runtime.clock, MAX_LISTS)
        self._questionnaires = questionnaires

    def surveys(  # noqa: PLR0913  # Which ones, all by name.
        self,
        actor: Actor,
        connection_id: str,
        *,
        search: str = "",
        offset: int = 0,
        limit: int | None = 50,
        reload: bool = False,
    ) -> SurveyPage:
        """List surveys, the one that was modified last first.

        Args:
            actor: An Editor or Admin.
            connection_id: The connection's id, or its source's.
            search: Text in the name, in any case, or an id; all when empty.
            offset: How many to skip.
            limit: How many to return at most; all of them when ``None``.
            reload: Whether to ask the survey tool although its answer is cached.

        Raises:
            MetricsError: when the source cannot list them.
        """
        actor.require(Role.EDITOR, "Choosing a survey")
        if offset < 0 or (limit is not None and limit < 1):
            raise InputError(
                "There is no such page.", remedy="Begin at 0 or later, and ask for 1 or more."
            )
        row = self._runtime.find_connection(actor.account, connection_id)
        listed = self._surveys.get(_version_of(row), lambda: self._list(row), reload=reload)
        sought = search.strip()
        text = sought.casefold()
        found = [one for one in listed.value if text in one.name.casefold() or sought == one.id]
        return SurveyPage(
            surveys=tuple(found[offset : None if limit is None else offset + limit]),
            total=len(listed.value),
            matching=len(found),
            listed_at=listed.fetched_at,
        )

    def questionnaire(
        self, actor: Actor, connection_id: str, survey_id: str, *, reload: bool = False
    ) -> Questionnaire:
        """Describe one survey; it may be one that the list does not show.

        Raises:
            SurveyUnavailable: when the connection cannot see it.
        """
        actor.require(Role.EDITOR, "Choosing a question")
        row = self._runtime.find_connection(actor.account, connection_id)
        return self._questionnaires.get(row, survey_id, reload=reload)

    def options(self, questionnaire: Questionnaire, draft: MetricDraft) -> MetricOptions:
        """Return what each list of a metric form may offer, as ``metric_options`` does."""
        return metric_options(questionnaire, draft)

    def windows(
        self, actor: Actor, date_range: DateRange, *, comparison: bool = False
    ) -> tuple[Window, ...]:
        """Return the instants that a range covers now in the account's time zone.

        A Comparison has two of them: the current window, and the previous one.

        Raises:
            QueryInvalid: for a comparison with a range that has no previous one.
        """
        actor.require(Role.EDITOR, "Choosing a date range")
        with self._runtime.store.reading() as db:
            account = read_account(db, actor.account)
        return account.windows(date_range, now=self._runtime.now(), comparison=comparison)

    def _list(self, row: ConnectionRow) -> tuple[Survey, ...]:
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.list)
        with self._sessions.session(row, deadline) as session:
            surveys = session.surveys()
        by_name = sorted(surveys, key=lambda one: (one.name.casefold(), one.id))
        return tuple(sorted(by_name, key=lambda one: one.last_modified or _LONG_AGO, reverse=True))


def _version_of(row: ConnectionRow) -> tuple[str, int]:
    return row.id, row.version
