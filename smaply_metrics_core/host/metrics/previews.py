"""Previews: measured without saving, from a download that serves the next ones too.

A source gives counts, not rows. So a preview asks with its own query for the likely next ones: the
same question, date range and filters by everything else that it can be grouped by, and compared
with the time before. What is then chosen anew is calculated from counts that are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, NamedTuple

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.calculations.rules import check_definition
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
from smaply_metrics_core.host.connections.health import ConnectionHealth
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.metrics.form_options import offered_group_bys
from smaply_metrics_core.host.metrics.survey_catalog import (
    CacheEntry,
    QuestionnaireCache,
    SourceCache,
)
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    GroupBy,
    MetricQuery,
    MetricType,
)
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Counts, Tally
from smaply_metrics_core.sources import SourceSession

MAX_PER_KIND: Final = 8
"""So many questions, and so many fields, a preview counts by in case that one is chosen next: each
is a column more to download. Others are downloaded when they are chosen."""

MAX_DOWNLOADS: Final = 32
"""Cached downloads."""

MAX_COUNTS: Final = 50_000
"""Counts that are cached of one download; tallies beyond this are not cached."""

WANTED: Final = "preview"

INSTEAD: Final = (Calculation.AVERAGE, Calculation.ANSWERED, Calculation.RESPONSES)
"""What is asked for where the wanted calculation does not go with another group by. Whatever is
asked, the same answers are counted."""

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
"""Errors that the wanted query would end in alone, too."""


class _PreviewKey(NamedTuple):
    """Everything of a preview that decides which responses and answers are counted."""

    connection: tuple[str, int]
    definition: Definition
    account: AccountSettings

    @classmethod
    def of(
        cls, row: ConnectionRow, definition: Definition, account: AccountSettings
    ) -> _PreviewKey:
        """Drop from a definition what can be recalculated from a cached download."""
        free = {
            "type": MetricType.NUMBER,
            "calculation": Calculation.RESPONSES,
            "answers": (),
            "group_by": None,
            "reverse_scale": False,
        }
        return cls((row.id, row.version), definition.model_copy(update=free), account)


@dataclass(frozen=True)
class _Download:
    """What one download counted.

    Attributes:
        questionnaire: The survey.
        now: When it was asked: date ranges that move with time are those of then.
        tallies: By group by; without one, and by the answer, it is one tally.
        shared: The answers that a share asked for: who gave several is counted for these alone.
    """

    questionnaire: Questionnaire
    now: datetime
    tallies: Mapping[GroupBy | None, Tally]
    shared: frozenset[str]

    def result(self, definition: Definition, account: AccountSettings) -> Result | None:
        """Calculate something; ``None`` when that cannot be made of what was counted."""
        tally = self.tallies.get(_group(definition))
        if tally is None:
            return None
        if definition.calculation is Calculation.SHARE and self.shared != {*definition.answers}:
            tally = _without_chosen(tally)
        try:
            check_definition(definition, self.questionnaire)
            query = account.make_query(WANTED, definition, now=self.now)
            return calculate(query, tally, self.now)
        except MetricsError:
            return None  # Another download may tell, or says why not.


class Previews:
    """Measures without saving; caches what was counted for ten minutes."""

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

    def measure(  # noqa: PLR0913  # All but what is measured by name.
        self,
        row: ConnectionRow,
        definition: Definition,
        deadline: Deadline,
        *,
        progress: ProgressCallback | None,
        reload: bool,
        prefetch: bool,
    ) -> Result:
        """Measure something, from a cached download or from a new one.

        Raises:
            MetricsError: when its parts do not go together, or the source cannot answer.
        """
        with self._runtime.store.reading() as db:
            account = read_account(db, row.account)
        key = _PreviewKey.of(row, definition, account)
        cached = None if reload else self._downloads.find(key)
        result = cached.value.result(definition, account) if cached else None
        if result is not None:
            return result
        with self._sessions.session(row, deadline, progress=progress) as session:
            questionnaire = self._fitting(row, session, definition, reload=reload)
            now = self._runtime.now()
            query = account.make_query(WANTED, definition, now=now)
            others = _siblings(definition, questionnaire) if prefetch else ()
            siblings = {
                f"{WANTED} {number}": account.make_query(f"{WANTED} {number}", sibling, now=now)
                for number, sibling in enumerate(others)
            }
            answers = self._fetch(row, session, query, siblings)
        asked = {WANTED: query, **siblings}
        download = _Download(
            questionnaire=questionnaire,
            now=now,
            tallies=_cached_tallies({asked[name].definition: one for name, one in answers.items()}),
            shared=frozenset(definition.answers),
        )
        if download.tallies:
            self._downloads.add(key, CacheEntry(download, now))
        tally = answers[WANTED]
        if isinstance(tally, MetricsError):
            raise tally
        return calculate(query, tally, now)

    def _fitting(
        self, row: ConnectionRow, session: SourceSession, definition: Definition, *, reload: bool
    ) -> Questionnaire:
        """Return a questionnaire that the definition fits: the cached one, or else a new one."""
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
        query: MetricQuery,
        siblings: Mapping[str, MetricQuery],
    ) -> dict[str, Tally | MetricsError]:
        """Have the query answered, and its siblings if that does it no harm."""
        survey_id = query.definition.survey_id
        answers = session.fetch(survey_id, (query, *siblings.values()))
        error = answers[WANTED]
        alone = {WANTED: error}
        if (
            siblings
            and isinstance(error, MetricsError)
            and not isinstance(error, NOT_THE_SIBLINGS)
            and not any(isinstance(answer, Tally) for answer in answers.values())
        ):
            alone = answers = session.fetch(survey_id, (query,))
        # Errors of siblings alone say nothing about the connection.
        self._health.record_answers(row, alone)
        return answers


def _group(definition: Definition) -> GroupBy | None:
    """Give what rows are grouped by when they are counted: answers are counted in any case."""
    group_by = definition.group_by
    return None if group_by is None or group_by.kind == "answer" else group_by


def _siblings(definition: Definition, questionnaire: Questionnaire) -> Iterator[Definition]:
    """Give what may well be asked next of the same responses."""
    shapes: list[tuple[MetricType, GroupBy | None]] = [(MetricType.COMPARISON, None)]
    if _group(definition) is not None:
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
    """Whether the answers are numbers: there may be as many as responses, in each group by."""
    if definition.question_id is None:
        return False
    return questionnaire.question(definition.question_id).kind is QuestionKind.NUMBER


def _first_fitting(
    definition: Definition,
    type_: MetricType,
    group_by: GroupBy | None,
    questionnaire: Questionnaire,
) -> Iterator[Definition]:
    """Give the definition in another shape, with a calculation that goes with it if any does."""
    shape = definition.model_copy(update={"type": type_, "group_by": group_by})
    plain = {"answers": (), "reverse_scale": False}
    instead = (shape.model_copy(update={"calculation": other, **plain}) for other in INSTEAD)
    for one in (shape, *instead):
        try:
            check_definition(one, questionnaire)
        except MetricsError:
            continue
        yield one
        return


def _cached_tallies(
    answers: Mapping[Definition, Tally | MetricsError],
) -> dict[GroupBy | None, Tally]:
    """Return the tallies to cache; of two with one group by, the one with the previous window."""
    tallies: dict[GroupBy | None, Tally] = {}
    room = MAX_COUNTS
    for definition, tally in answers.items():
        if not isinstance(tally, Tally):
            continue
        group_by, size = _group(definition), _size(tally)
        before = tallies.get(group_by)
        if size <= room and (before is None or len(before.windows) < len(tally.windows)):
            tallies[group_by] = tally
            room -= size
    return tallies


def _size(tally: Tally) -> int:
    return sum(
        1 + len(counts.answers)
        for window in tally.windows
        for counts in (window.total, *(group.counts for group in window.groups))
    )


def _without_chosen(tally: Tally) -> Tally:
    """Leave out who gave at least one of several answers: it was counted for other ones."""

    def plain(counts: Counts) -> Counts:
        return counts.model_copy(update={"chosen": None})

    return tally.model_copy(
        update={
            "windows": tuple(
                window.model_copy(
                    update={
                        "total": plain(window.total),
                        "groups": tuple(
                            group.model_copy(update={"counts": plain(group.counts)})
                            for group in window.groups
                        ),
                    }
                )
                for window in tally.windows
            )
        }
    )
