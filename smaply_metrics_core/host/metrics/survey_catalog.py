"""What a connection offers to make metrics of: surveys, questions, and what goes together."""

from __future__ import annotations

from datetime import UTC, datetime  # pydantic needs it at run time.
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.date_ranges import resolve
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.metrics.form_models import MetricDraft, MetricOptions
from smaply_metrics_core.host.metrics.form_options import metric_options
from smaply_metrics_core.host.single_flight import CacheEntry, Kept
from smaply_metrics_core.host.store.connections import read_account
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.survey import Questionnaire, Survey  # pydantic needs Survey.

if TYPE_CHECKING:
    from smaply_metrics_core.host.runtime import Runtime
    from smaply_metrics_core.host.store.connections import ConnectionRow
    from smaply_metrics_core.models.query import DateRange, Window

MOST_LISTS: Final = 32
"""Lists of surveys that are kept; one of 5,000 takes some 5 MB."""

MOST_QUESTIONNAIRES: Final = 128

_LONG_AGO: Final = datetime.min.replace(tzinfo=UTC)


class SurveyPage(Frozen):
    """Some of the surveys that a connection can see.

    Attributes:
        surveys: These, the one that was modified last first.
        total: How many the connection can see.
        matching: How many of them the search found.
        listed_at: When the survey tool was asked.
    """

    surveys: tuple[Survey, ...]
    total: int
    matching: int
    listed_at: datetime


class QuestionnaireCache:
    """The surveys that were described lately, for the parts of the host that need them."""

    def __init__(self, core: Runtime) -> None:
        self._core = core
        self._kept = Kept[Questionnaire](core.clock, MOST_QUESTIONNAIRES)

    def get(self, row: ConnectionRow, survey_id: str, *, reload: bool) -> Questionnaire:
        """Give what is kept, or ask for it."""

        def ask() -> Questionnaire:
            deadline = self._core.deadline(self._core.settings.deadlines.list)
            with self._core.session(row, deadline) as session:
                return session.questions(survey_id)

        return self._kept.get((*_of(row), survey_id), ask, reload=reload).value

    def find(self, row: ConnectionRow, survey_id: str) -> Questionnaire | None:
        """Give what is kept."""
        told = self._kept.find((*_of(row), survey_id))
        return told.value if told else None

    def keep(self, row: ConnectionRow, questionnaire: Questionnaire) -> None:
        """Keep what was just asked for."""
        told = CacheEntry(questionnaire, self._core.now())
        self._kept.keep((*_of(row), questionnaire.survey.id), told)


class SurveyCatalog:
    """What there is to measure, kept for ten minutes so that a form answers at once.

    What is kept belongs to one version of one connection: nobody sees what other credentials see.
    """

    def __init__(self, core: Runtime, questionnaires: QuestionnaireCache) -> None:
        self._core = core
        self._surveys = Kept[tuple[Survey, ...]](core.clock, MOST_LISTS)
        self._questionnaires = questionnaires

    def surveys(  # noqa: PLR0913  # Which ones, all by name.
        self,
        actor: Actor,
        connection_id: str,
        *,
        search: str = "",
        offset: int = 0,
        limit: int = 50,
        reload: bool = False,
    ) -> SurveyPage:
        """List surveys, the one that was modified last first.

        Args:
            actor: An Editor or Admin.
            connection_id: The connection's id, or its source's.
            search: Text in the name, in any case, or an id; all when empty.
            offset: How many to pass over.
            limit: How many to give at most.
            reload: Ask the survey tool although its answer is kept.

        Raises:
            MetricsError: whatever kept the source from listing them.
        """
        actor.require(Role.EDITOR, "Choosing a survey")
        if offset < 0 or limit < 1:
            raise InputError(
                "There is no such page.", remedy="Begin at 0 or later, and ask for 1 or more."
            )
        row = self._core.find_connection(actor.account, connection_id)
        listed = self._surveys.get(_of(row), lambda: self._list(row), reload=reload)
        sought = search.strip()
        text = sought.casefold()
        found = [one for one in listed.value if text in one.name.casefold() or sought == one.id]
        return SurveyPage(
            surveys=tuple(found[offset : offset + limit]),
            total=len(listed.value),
            matching=len(found),
            listed_at=listed.at,
        )

    def questionnaire(
        self, actor: Actor, connection_id: str, survey_id: str, *, reload: bool = False
    ) -> Questionnaire:
        """Describe one survey; it may be one that the list does not show.

        Raises:
            SurveyUnavailable: when the connection cannot see it.
        """
        actor.require(Role.EDITOR, "Choosing a question")
        row = self._core.find_connection(actor.account, connection_id)
        return self._questionnaires.get(row, survey_id, reload=reload)

    def options(self, questionnaire: Questionnaire, draft: MetricDraft) -> MetricOptions:
        """Say what each list of a metric's form may offer, as ``metric_options`` does."""
        return metric_options(questionnaire, draft)

    def windows(
        self, actor: Actor, date_range: DateRange, *, comparison: bool = False
    ) -> tuple[Window, ...]:
        """Say which instants a range covers now in the account's time zone.

        A Comparison has two of them: the current window, and the previous one.

        Raises:
            QueryInvalid: for a comparison with a range that has no previous one.
        """
        actor.require(Role.EDITOR, "Choosing a date range")
        with self._core.store.reading() as db:
            account = read_account(db, actor.account)
        return resolve(
            date_range,
            now=self._core.now(),
            zone=account.zone,
            week_start=account.week_start,
            comparison=comparison,
        )

    def _list(self, row: ConnectionRow) -> tuple[Survey, ...]:
        deadline = self._core.deadline(self._core.settings.deadlines.list)
        with self._core.session(row, deadline) as session:
            surveys = session.surveys()
        by_name = sorted(surveys, key=lambda one: (one.name.casefold(), one.id))
        return tuple(sorted(by_name, key=lambda one: one.last_modified or _LONG_AGO, reverse=True))


def _of(row: ConnectionRow) -> tuple[str, int]:
    return row.id, row.version
