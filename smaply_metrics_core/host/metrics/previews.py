"""Previews: results that are calculated without saving a metric, from cached downloads.

A source returns counts, not rows. A preview therefore also fetches the queries that are likely to
follow: the same question, date range and filters with every other group-by, and compared with the
previous period. Later choices are then calculated from the cached counts.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, NamedTuple

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import check_definition
from smaply_metrics_core.calculations.small_groups import hide_small_groups, refusal, too_narrow
from smaply_metrics_core.context import Deadline, ProgressCallback
from smaply_metrics_core.errors import (
    AccessMissing,
    Cancelled,
    CredentialRefused,
    DataError,
    DeadlineExceeded,
    InputError,
    MetricsError,
    RateLimited,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.host.accounts.limits import require_export
from smaply_metrics_core.host.connections.health import ConnectionHealth
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.connections.survey_restriction import require_chosen
from smaply_metrics_core.host.filtered_counts import FilteredCounts
from smaply_metrics_core.host.metrics.cached_tallies import (
    cached_tallies,
    group_of_tally,
    of_windows,
    without_chosen,
)
from smaply_metrics_core.host.metrics.form_options import offered_group_bys
from smaply_metrics_core.host.metrics.survey_catalog import (
    CacheEntry,
    QuestionnaireCache,
    SourceCache,
)
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import question_versions
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.query import (
    Calculation,
    ComparedPeriod,
    Definition,
    GroupBy,
    MetricType,
)
from smaply_metrics_core.models.question_change import QuestionChange
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.models.uncertainty import DEFAULT_CONFIDENCE
from smaply_metrics_core.sources.session import SourceSession

MAX_PER_KIND: Final = 8
"""The maximum number of questions, and of fields, that a preview prefetches as group-bys: each is
one more column to download. Others are downloaded when they are chosen."""

MAX_DOWNLOADS: Final = 32
"""The maximum number of cached downloads."""

REQUESTED: Final = "preview"

INSTEAD: Final = (Calculation.AVERAGE, Calculation.ANSWERED, Calculation.RESPONSES)
"""Used when the chosen calculation is not compatible with another group-by. The counted answers are
the same for every calculation."""

NOT_THE_SIBLINGS: Final = (
    AccessMissing,
    Cancelled,
    CredentialRefused,
    DataError,
    DeadlineExceeded,
    InputError,
    RateLimited,
    SurveyUnavailable,
    Unreachable,
)
"""Errors that the requested query would cause without its siblings, too."""


class _PreviewKey(NamedTuple):
    """The parts of a preview that decide which responses and answers are counted."""

    connection: tuple[str, int]
    definition: Definition
    account: AccountSettings

    @classmethod
    def of(
        cls, row: ConnectionRow, definition: Definition, account: AccountSettings
    ) -> _PreviewKey:
        """Return the key, without the parts that are recalculated from a cached download."""
        free = {
            "type": MetricType.NUMBER,
            "calculation": Calculation.RESPONSES,
            "answers": (),
            "top_answers": (),
            "bottom_answers": (),
            "rolling": None,
            "compare_groups": False,
            "group_by": None,
            "reverse_scale": False,
        }
        counted = replace(
            account,
            confidence=DEFAULT_CONFIDENCE,
            # What filters remove is only counted if small groups are hidden.
            minimum_group=1 if account.minimum_group else 0,
        )
        return cls((row.id, row.version), definition.model_copy(update=free), counted)


@dataclass(frozen=True)
class _Download:
    """The tallies of one download.

    Attributes:
        questionnaire: The survey.
        now: When it was requested; relative date ranges are resolved at this instant.
        tallies: The tallies by group-by; no group-by and grouping by answer share one tally.
        shared: The answers of a share: ``Counts.chosen`` was counted for these only.
        changes: The changes of the question.
        filtered: What counts the answers that filters remove.
        relaxed: The answers to the queries that it added.
    """

    questionnaire: Questionnaire
    now: datetime
    tallies: Mapping[GroupBy | None, Tally]
    shared: frozenset[str]
    changes: tuple[QuestionChange, ...]
    filtered: FilteredCounts
    relaxed: Mapping[str, Tally | MetricsError]

    def result(self, definition: Definition, account: AccountSettings) -> Result | None:
        """Return the result of a definition, or ``None`` when these tallies do not suffice."""
        tally = self.tallies.get(group_of_tally(definition))
        if tally is None:
            return None
        if definition.calculation is Calculation.SHARE and self.shared != {*definition.answers}:
            tally = without_chosen(tally)
        try:
            check_definition(definition, self.questionnaire)
            query = account.make_query(REQUESTED, definition, now=self.now)
            result = calculate(
                query,
                of_windows(tally, query.windows),
                self.now,
                confidence=account.confidence,
                question_changes=self.changes,
            )
            return self.filtered.add(result, query, self.relaxed)
        except (MetricsError, KeyError):
            return None  # Another download may suffice, or raises the error.


class Previews:
    """Calculates previews, and caches downloads for ten minutes."""

    def __init__(
        self,
        runtime: Runtime,
        sessions: ConnectionSessions,
        health: ConnectionHealth,
        questionnaires: QuestionnaireCache,
    ) -> None:
        self._runtime = runtime
        self._sessions = sessions
        self._health = health
        self._questionnaires = questionnaires
        self._downloads = SourceCache[_Download](runtime.clock, MAX_DOWNLOADS)

    def preview(  # noqa: PLR0913  # The options are passed by name.
        self,
        row: ConnectionRow,
        definition: Definition,
        deadline: Deadline,
        *,
        progress: ProgressCallback | None,
        reload: bool,
        prefetch: bool,
    ) -> Result:
        """Return the result of a definition, from a cached download or a new one.

        Raises:
            SmallGroupRefused: when its filters are too narrow for the account.
            LimitReached: when the account has used its exports of this hour.
            MetricsError: when the definition is not valid, or the source cannot answer.
        """
        require_chosen(self._runtime, row, definition.survey_id)
        with self._runtime.store.reading() as db:
            account = read_account(db, row.account)
            question_id = definition.question_id
            questions = question_versions.read(
                db, row.account, row.id, definition.survey_id, [question_id or ""]
            )
        minimum = account.minimum_group
        key = _PreviewKey.of(row, definition, account)
        cached = None if reload else self._downloads.find(key)
        result = cached.value.result(definition, account) if cached else None
        if result is not None:
            return _shown(result, definition, minimum)
        require_export(self._runtime, row.account)
        with self._sessions.session(row, deadline, progress=progress) as session:
            questionnaire = self._fitting(row, session, definition, reload=reload)
            now = self._runtime.now()
            query = account.make_query(REQUESTED, definition, now=now)
            others = _siblings(definition, questionnaire) if prefetch else ()
            siblings = {
                f"{REQUESTED} {number}": account.make_query(
                    f"{REQUESTED} {number}", sibling, now=now
                )
                for number, sibling in enumerate(others)
            }
            filtered = FilteredCounts((query, *siblings.values()), minimum)
            answers, relaxed = self._fetch(row, session, filtered, questionnaire)
        tally = answers[REQUESTED]
        if isinstance(tally, Tally):
            questions.note(question_id, tally)
        changes = questions.changes(question_id, account.zone)
        queries = {REQUESTED: query, **siblings}
        download = _Download(
            questionnaire=questionnaire,
            now=now,
            tallies=cached_tallies(
                {queries[name].definition: one for name, one in answers.items()}
            ),
            shared=frozenset(definition.answers),
            changes=changes,
            filtered=filtered,
            relaxed=relaxed,
        )
        if download.tallies:
            self._downloads.add(key, CacheEntry(download, now))
        if isinstance(tally, MetricsError):
            raise tally
        result = calculate(
            query, tally, now, confidence=account.confidence, question_changes=changes
        )
        return _shown(filtered.add(result, query, relaxed), definition, minimum)

    def clear(self) -> None:
        """Remove all cached downloads."""
        self._downloads.clear()

    def _fitting(
        self, row: ConnectionRow, session: SourceSession, definition: Definition, *, reload: bool
    ) -> Questionnaire:
        """Return the cached questionnaire if it allows the definition, else a new one."""
        cached = None if reload else self._questionnaires.find(row, definition.survey_id)
        if cached is not None:
            try:
                check_definition(definition, cached)
            except MetricsError:
                pass  # The survey may have changed since.
            else:
                return cached
        questionnaire = session.questions(definition.survey_id)
        self._questionnaires.add(row, questionnaire)
        check_definition(definition, questionnaire)
        return questionnaire

    def _fetch(
        self,
        row: ConnectionRow,
        session: SourceSession,
        filtered: FilteredCounts,
        questionnaire: Questionnaire,
    ) -> tuple[dict[str, Tally | MetricsError], dict[str, Tally | MetricsError]]:
        """Return the answers to the first query and its siblings, or to it alone if those fail.

        The second part are the answers to the queries that ``filtered`` added.
        """
        query, *siblings = filtered.queries
        survey_id = query.definition.survey_id
        # Again, because reading the questions may have taken a while.
        require_chosen(self._runtime, row, survey_id)
        answers = session.fetch(survey_id, filtered.every, questionnaire)
        error = answers[REQUESTED]
        alone = {REQUESTED: error}
        if (
            siblings
            and isinstance(error, MetricsError)
            and not isinstance(error, NOT_THE_SIBLINGS)
            and not any(isinstance(answer, Tally) for answer in answers.values())
        ):
            answers = session.fetch(survey_id, (query, *filtered.added), questionnaire)
            alone = {REQUESTED: answers[REQUESTED]}
        # Errors of siblings are not recorded as problems of the connection.
        self._health.record_answers(row, alone)
        relaxed = {each.id: answers.pop(each.id) for each in filtered.added}
        return answers, relaxed


def _shown(result: Result, definition: Definition, minimum: int) -> Result:
    """Return the result without small groups.

    Raises:
        SmallGroupRefused: when its filters are too narrow.
    """
    if too_narrow(result, definition, minimum):
        raise refusal(minimum)
    return hide_small_groups(result, definition, minimum)


def _siblings(definition: Definition, questionnaire: Questionnaire) -> Iterator[Definition]:
    """Yield the definitions that are likely to follow, on the same responses."""
    shapes: list[tuple[MetricType, GroupBy | None]] = [(MetricType.COMPARISON, None)]
    if group_of_tally(definition) is not None:
        shapes.append((MetricType.NUMBER, None))
    if not _of_numbers(definition, questionnaire):
        found = Counter[str]()
        for offered in offered_group_bys(questionnaire, definition.question_id):
            found[offered.kind] += 1
            if offered.kind != "answer" and found[offered.kind] <= MAX_PER_KIND:
                shapes.append((MetricType.SERIES, offered))
    for type_, group_by in shapes:
        if (type_, group_by) != (definition.type, definition.group_by):
            yield from _first_fitting(definition, type_, group_by, questionnaire)


def _of_numbers(definition: Definition, questionnaire: Questionnaire) -> bool:
    """Whether the answers are numbers: a group may have as many distinct ones as responses."""
    if definition.question_id is None:
        return False
    return questionnaire.question(definition.question_id).kind is QuestionKind.NUMBER


def _first_fitting(
    definition: Definition,
    type_: MetricType,
    group_by: GroupBy | None,
    questionnaire: Questionnaire,
) -> Iterator[Definition]:
    """Yield the definition with another type and group-by, and the first valid calculation."""
    groups = definition.compare_groups and group_by is not None and group_by.kind != "period"
    compared = groups or type_ is MetricType.COMPARISON
    shape = definition.model_copy(
        update={
            "type": type_,
            "group_by": group_by,
            "compare_groups": groups,
            "compare_with": definition.compare_with if compared else ComparedPeriod.PREVIOUS_PERIOD,
            "rolling": None,
        }
    )
    plain = {"answers": (), "top_answers": (), "bottom_answers": (), "reverse_scale": False}
    instead = (shape.model_copy(update={"calculation": other, **plain}) for other in INSTEAD)
    for one in (shape, *instead):
        try:
            check_definition(one, questionnaire)
        except MetricsError:
            continue
        yield one
        return
