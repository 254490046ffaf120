"""The surveys and questionnaires of connections, cached, and the options of the metric form."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from datetime import UTC, datetime, timedelta
from threading import Event, Lock
from typing import Final, Generic, NamedTuple, TypeVar

from cachetools import TLRUCache

from smaply_metrics_core.context import Clock, ProgressCallback
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.survey_restriction import require_chosen
from smaply_metrics_core.host.metrics.answer_counts import AnswerCounter, AnswerCounts
from smaply_metrics_core.host.metrics.form_models import MetricDraft, MetricOptions
from smaply_metrics_core.host.metrics.form_options import metric_options
from smaply_metrics_core.host.paging import find_matching, require_page, slice_page
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store import chosen_surveys
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import (
    ComparedPeriod,
    DateRange,
    Window,
)
from smaply_metrics_core.models.survey import Questionnaire, Survey

V = TypeVar("V")

TTL: Final = timedelta(minutes=10)

MAX_LISTS: Final = 32
"""The maximum number of cached survey lists; one of 5,000 surveys takes about 5 MB."""

MAX_QUESTIONNAIRES: Final = 128

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class SurveyPage(Frozen):
    """One page of the surveys that a connection offers for metrics.

    Attributes:
        surveys: The surveys of this page, the most recently modified one first.
        total: How many surveys the connection offers.
        matching: How many of them match the search.
        listed_at: When the list was requested from the survey tool.
        restricted: Whether only the surveys are listed that an Admin has chosen.
    """

    surveys: tuple[Survey, ...]
    total: int
    matching: int
    listed_at: datetime
    restricted: bool = False


class CacheEntry(NamedTuple, Generic[V]):
    """A value from a source, and when it was requested."""

    value: V
    fetched_at: datetime


class SourceCache(Generic[V]):
    """A thread-safe LRU cache of values from sources; each expires ten minutes after its request.

    Args:
        clock: The time by which entries expire.
        maxsize: The maximum number of entries; the least recently used one is removed first.
    """

    def __init__(self, clock: Clock, maxsize: int) -> None:
        self._clock = clock
        self._maxsize = maxsize
        self._single_flight = SingleFlight[CacheEntry[V]](join_running=True)
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = Lock()
        self._entries: TLRUCache[Hashable, CacheEntry[V]] = TLRUCache(
            self._maxsize,
            ttu=lambda _key, entry, _now: (entry.fetched_at + TTL).timestamp(),
            timer=lambda: self._clock.now().timestamp(),
        )

    def find(self, key: Hashable) -> CacheEntry[V] | None:
        """Return the entry of a key; ``None`` when there is none or it has expired."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is not None and entry.fetched_at > self._clock.now():
                # The clock was set back, which must not extend the life of the entry.
                del self._entries[key]
                return None
            return entry

    def add(self, key: Hashable, entry: CacheEntry[V]) -> None:
        """Add or replace an entry."""
        with self._lock:
            self._entries[key] = entry

    def clear(self) -> None:
        """Remove all entries."""
        with self._lock:
            self._entries.clear()

    def get(self, key: Hashable, fetch: Callable[[], V], *, reload: bool = False) -> CacheEntry[V]:
        """Return the entry of a key, or fetch its value; concurrent callers share one fetch.

        Args:
            key: The key.
            fetch: Requests the value from the source. All callers that wait for it get its error.
            reload: Whether to ignore an existing entry.
        """

        def load() -> CacheEntry[V]:
            # Another thread may have fetched it since the first lookup.
            found = None if reload else self.find(key)
            if found is None:
                fetched_at = self._clock.now()
                found = CacheEntry(fetch(), fetched_at)
                self.add(key, found)
            return found

        found = None if reload else self.find(key)
        return found or self._single_flight.run(key, load)


class QuestionnaireCache:
    """The questionnaires of surveys, shared by the services of the host."""

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

    def clear(self) -> None:
        """Remove all questionnaires."""
        self._cache.clear()


class SurveyCatalog:
    """The surveys and questionnaires of connections, cached for ten minutes.

    Each entry belongs to one version of one connection, so credentials never see what was cached
    for others.
    """

    def __init__(
        self,
        runtime: Runtime,
        sessions: ConnectionSessions,
        questionnaires: QuestionnaireCache,
        surveys: SourceCache[tuple[Survey, ...]],
        answers: AnswerCounter,
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._surveys = surveys
        self._questionnaires = questionnaires
        self._answers = answers

    def surveys(  # noqa: PLR0913  # The options are passed by name.
        self,
        actor: Actor,
        connection_id: str,
        *,
        search: str = "",
        offset: int = 0,
        limit: int | None = 50,
        reload: bool = False,
        all_surveys: bool = False,
    ) -> SurveyPage:
        """Return a page of surveys, the most recently modified one first.

        If an Admin restricted the connection to chosen surveys, only these are listed.

        Args:
            actor: An Editor or Admin.
            connection_id: The connection; see ``Connections.show``.
            search: A part of the name, in any case, or an id; all surveys match when empty.
            offset: How many surveys to skip.
            limit: The maximum number of surveys to return; all of them when ``None``.
            reload: Whether to ignore the cached list.
            all_surveys: Whether to list surveys that are not chosen, too; requires an Admin.

        Raises:
            RoleRequired: when the actor is a Viewer.
            InputError: when the offset or the limit is out of range.
            MetricsError: when the source cannot list the surveys.
        """
        actor.require(Role.EDITOR, "Choosing a survey")
        if all_surveys:
            actor.require(Role.ADMIN, "Listing all surveys")
        require_page(offset, limit)
        connection = self._runtime.find_connection(actor.account, connection_id)
        with self._runtime.store.reading() as db:
            row = connection_rows.find(db, actor.account, connection.id)
            chosen = None if all_surveys else chosen_surveys.of_connection(db, row)
        listed = self._surveys.get(_version_of(row), lambda: self._list(row), reload=reload)
        offered = [one for one in listed.value if chosen is None or one.id in chosen]
        found = find_matching(offered, search, lambda survey: (survey.id, survey.name))
        return SurveyPage(
            surveys=tuple(slice_page(found, offset, limit)),
            total=len(offered),
            matching=len(found),
            listed_at=listed.fetched_at,
            restricted=chosen is not None,
        )

    def questionnaire(
        self, actor: Actor, connection_id: str, survey_id: str, *, reload: bool = False
    ) -> Questionnaire:
        """Return the questionnaire of a survey, which may be missing from the list.

        Raises:
            RoleRequired: when the actor is a Viewer.
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            SurveyUnavailable: when the connection cannot see it.
        """
        actor.require(Role.EDITOR, "Choosing a question")
        row = self._runtime.find_connection(actor.account, connection_id)
        require_chosen(self._runtime, row, survey_id)
        return self._questionnaires.get(row, survey_id, reload=reload)

    def answer_counts(
        self, actor: Actor, connection_id: str, questionnaire: Questionnaire
    ) -> AnswerCounts:
        """Return how many answers each question has, as counted before by this process.

        Raises:
            RoleRequired: when the actor is a Viewer.
        """
        actor.require(Role.EDITOR, "Choosing a question")
        row = self._runtime.find_connection(actor.account, connection_id)
        require_chosen(self._runtime, row, questionnaire.survey.id)
        return self._answers.find(row, questionnaire)

    def count_answers(
        self,
        actor: Actor,
        connection_id: str,
        survey_id: str,
        *,
        progress: ProgressCallback | None = None,
        cancelled: Event | None = None,
    ) -> AnswerCounts:
        """Count the answers of all questions with one download, if that is due, and return them.

        This process counts a survey at most once an hour, failed attempts included. It counts as an
        export of the account.

        Args:
            actor: An Editor or Admin.
            connection_id: The connection; see ``Connections.show``.
            survey_id: The survey.
            progress: Receives the progress of the download.
            cancelled: An event that cancels the count when it is set.

        Raises:
            RoleRequired: when the actor is a Viewer.
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            LimitReached: when the account has used its exports of this hour.
            MetricsError: when the source cannot answer.
        """
        questionnaire = self.questionnaire(actor, connection_id, survey_id)
        row = self._runtime.find_connection(actor.account, connection_id)
        self._answers.count(row, questionnaire, progress=progress, cancelled=cancelled)
        return self._answers.find(row, questionnaire)

    def options(self, questionnaire: Questionnaire, draft: MetricDraft) -> MetricOptions:
        """Return the options of each list of the metric form; see ``metric_options``."""
        return metric_options(questionnaire, draft)

    def windows(
        self,
        actor: Actor,
        date_range: DateRange,
        *,
        comparison: bool = False,
        compare_with: ComparedPeriod = ComparedPeriod.PREVIOUS_PERIOD,
    ) -> tuple[Window, ...]:
        """Return the window that a range covers now in the account's time zone.

        A Comparison has two windows: the current one and the previous one.

        Raises:
            RoleRequired: when the actor is a Viewer.
            QueryInvalid: for a Comparison whose range has no previous one.
        """
        actor.require(Role.EDITOR, "Choosing a date range")
        with self._runtime.store.reading() as db:
            account = read_account(db, actor.account)
        return account.windows(
            date_range,
            now=self._runtime.now(),
            comparison=comparison,
            compare_with=compare_with,
        )

    def _list(self, row: ConnectionRow) -> tuple[Survey, ...]:
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.list)
        with self._sessions.session(row, deadline) as session:
            surveys = session.surveys()
        by_name = sorted(surveys, key=lambda one: (one.name.casefold(), one.id))
        return tuple(sorted(by_name, key=lambda one: one.last_modified or _LONG_AGO, reverse=True))


def _version_of(row: ConnectionRow) -> tuple[str, int]:
    return row.id, row.version
