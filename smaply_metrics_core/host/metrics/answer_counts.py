"""How many answers each question of a survey has, counted at most once an hour.

One call of ``fetch_metric`` counts all questions, so a source downloads a survey once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from threading import Event, Lock
from typing import Final, NamedTuple

from cachetools import LRUCache

from smaply_metrics_core.calculations.small_groups import must_hide
from smaply_metrics_core.context import ProgressCallback
from smaply_metrics_core.errors import DeadlineExceeded, MetricsError
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.accounts.limits import require_export
from smaply_metrics_core.host.connections.health import ConnectionHealth
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.survey_restriction import require_chosen
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.single_flight import SingleFlight
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import Calculation, Definition
from smaply_metrics_core.models.survey import Questionnaire
from smaply_metrics_core.models.tally import Tally, fewest_respondents

COUNTED_AGAIN_AFTER: Final = timedelta(hours=1)

MAX_QUESTIONS: Final = 500
"""The maximum number of questions and rows of a survey that is counted: each is one more column to
download."""

MAX_SURVEYS: Final = 64
"""The maximum number of surveys whose counts are stored; the least recently used go first."""


class AnswerCounts(Frozen):
    """How many responses answered each question of a survey, over all time.

    They are counted as by ``Calculation.ANSWERED``, so test, preview, spam and unfinished responses
    are excluded.

    Attributes:
        counts: The number by question id, without the questions that could not be counted.
        few: The questions with fewer answers than the account allows to be shown.
        as_of: When the data was read; ``None`` if it was not.
        failed: Whether the last attempt failed. The counts are those of the attempt before it.
        due: Whether ``SurveyCatalog.count_answers`` would request the source. False for an hour
            after an attempt, and for surveys with more than 500 questions and rows.
    """

    counts: Mapping[str, int]
    few: frozenset[str]
    as_of: datetime | None
    failed: bool
    due: bool


class _CountedQuestion(NamedTuple):
    """The counts of a question that decide whether they may be shown."""

    responses: int
    answered: int
    fewest_respondents: int | None
    filtered_out: int | None = None


class _SurveyCounts(NamedTuple):
    """The last attempt to count a survey, with the counts of the last successful one."""

    at: datetime
    failed: bool = False
    as_of: datetime | None = None
    counted: Mapping[str, _CountedQuestion] = {}


class AnswerCounter:
    """Counts the answers of surveys, and stores the counts in memory."""

    def __init__(
        self, runtime: Runtime, sessions: ConnectionSessions, health: ConnectionHealth
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._health = health
        self._single_flight = SingleFlight[None](join_running=True)
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = Lock()
        self._attempts: LRUCache[tuple[str, int, str], _SurveyCounts] = LRUCache(MAX_SURVEYS)

    def find(self, row: ConnectionRow, questionnaire: Questionnaire) -> AnswerCounts:
        """Return what is known about the questions of a survey."""
        last = self._last(row, questionnaire)
        counted = last.counted if last else {}
        with self._runtime.store.reading() as db:
            minimum = read_account(db, row.account).minimum_group
        survey_id = questionnaire.survey.id
        few = frozenset(
            name
            for name, one in counted.items()
            if must_hide(one, _definition(survey_id, name), minimum)
        )
        return AnswerCounts(
            counts={name: one.answered for name, one in counted.items() if name not in few},
            few=few,
            as_of=last.as_of if last else None,
            failed=last is not None and last.failed,
            due=self._is_due(last) and 0 < len(_countable(questionnaire)) <= MAX_QUESTIONS,
        )

    def count(
        self,
        row: ConnectionRow,
        questionnaire: Questionnaire,
        *,
        progress: ProgressCallback | None,
        cancelled: Event | None,
    ) -> None:
        """Count the answers of a survey if that is due; concurrent callers share one count.

        Raises:
            SurveyNotChosen: when an Admin restricted the connection to other surveys.
            LimitReached: when the account has used its exports of this hour.
            MetricsError: when the source cannot answer.
        """

        def count_if_due() -> None:
            if self.find(row, questionnaire).due:
                self._count(row, questionnaire, progress, cancelled)

        self._single_flight.run(_key(row, questionnaire), count_if_due)

    def clear(self) -> None:
        """Remove all counts."""
        with self._lock:
            self._attempts.clear()

    def _count(
        self,
        row: ConnectionRow,
        questionnaire: Questionnaire,
        progress: ProgressCallback | None,
        cancelled: Event | None,
    ) -> None:
        survey_id = questionnaire.survey.id
        require_chosen(self._runtime, row, survey_id)
        require_export(self._runtime, row.account)
        now = self._runtime.now()
        attempt = (self._last(row, questionnaire) or _SurveyCounts(now))._replace(
            at=now, failed=False
        )
        # Before the request, so that a cancelled attempt counts, too.
        self._note(row, questionnaire, attempt)
        try:
            counted = self._fetch(row, questionnaire, now, progress, cancelled)
        except MetricsError:
            self._note(row, questionnaire, attempt._replace(failed=True))
            raise
        self._note(row, questionnaire, _SurveyCounts(now, as_of=now, counted=counted))

    def _fetch(
        self,
        row: ConnectionRow,
        questionnaire: Questionnaire,
        now: datetime,
        progress: ProgressCallback | None,
        cancelled: Event | None,
    ) -> dict[str, _CountedQuestion]:
        survey_id = questionnaire.survey.id
        with self._runtime.store.reading() as db:
            account = read_account(db, row.account)
        queries = [
            account.make_query(name, _definition(survey_id, name), now=now)
            for name in _countable(questionnaire)
        ]
        deadline = self._runtime.deadline(self._runtime.settings.deadlines.preview, cancelled)
        with self._sessions.session(row, deadline, progress=progress) as session:
            answers = session.fetch(survey_id, queries, questionnaire)
        # If the download of all questions takes too long, smaller ones may still work.
        timely = {
            name: one for name, one in answers.items() if not isinstance(one, DeadlineExceeded)
        }
        self._health.record_answers(row, timely)
        tallies = {name: one for name, one in answers.items() if isinstance(one, Tally)}
        if not tallies:
            raise next(one for one in answers.values() if isinstance(one, MetricsError))
        return {name: _counted(tally) for name, tally in tallies.items()}

    def _last(self, row: ConnectionRow, questionnaire: Questionnaire) -> _SurveyCounts | None:
        with self._lock:
            return self._attempts.get(_key(row, questionnaire))

    def _note(
        self, row: ConnectionRow, questionnaire: Questionnaire, attempt: _SurveyCounts
    ) -> None:
        with self._lock:
            self._attempts[_key(row, questionnaire)] = attempt

    def _is_due(self, last: _SurveyCounts | None) -> bool:
        # Due also if the clock was set back, so that it is not for years.
        return last is None or not (
            timedelta() <= self._runtime.now() - last.at <= COUNTED_AGAIN_AFTER
        )


def _key(row: ConnectionRow, questionnaire: Questionnaire) -> tuple[str, int, str]:
    return row.id, row.version, questionnaire.survey.id


def _countable(questionnaire: Questionnaire) -> list[str]:
    return [one.id for one in questionnaire.walk() if Calculation.ANSWERED in one.calculations]


def _definition(survey_id: str, question_id: str) -> Definition:
    """Return the metric that counts the answers to a question."""
    return Definition(
        survey_id=survey_id, question_id=question_id, calculation=Calculation.ANSWERED
    )


def _counted(tally: Tally) -> _CountedQuestion:
    (window,) = tally.windows
    total = window.total
    people = fewest_respondents(window.respondents, total)
    return _CountedQuestion(total.responses, total.answered, people)
