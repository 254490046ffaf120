"""Tallies from counted combinations: how a source whose tool counts makes its tallies.

A database counts the combinations of a few columns. They are few, so Polars is not needed; the
rules are those of rows (``count_plan``), and tests compare the two.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from math import isfinite
from typing import Final, NamedTuple
from zoneinfo import ZoneInfo

from smaply_metrics_core.calculations.catalog import UNREADABLE
from smaply_metrics_core.calculations.decimal_keys import number_key
from smaply_metrics_core.calculations.window_counts import (
    NOT_ANSWERED,
    NOT_APPLICABLE,
    UNDATED,
    AnswerTable,
    CountedWindow,
    GroupCount,
    GroupWeights,
    WindowCount,
)
from smaply_metrics_core.calculations.window_tallies import make_tally
from smaply_metrics_core.date_ranges import period_start
from smaply_metrics_core.models.query import YEARS, MetricQuery, Period, WeightReason, Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Tally, WeightSum


class Combination(NamedTuple):
    """Responses that are equal in everything that a query reads.

    Attributes:
        responses: How many there are.
        recorded: When one of them was recorded (aware). ``None``, and a year before 1900 or after
            2199, mean unknown: they count in an all-time window only.
        left_out: An ``ExclusionReason`` value, or ``None`` for responses that count.
        answers: The keys of their answers, or a number as text; nothing for no answer.
        unanswered: Why they have no answer; ``None`` for ``not_answered``.
        group: The key of their group; ``None`` or empty for no group.
        passes: For each filter of the query, whether they have one of its values.
        no_weight: Why they have no positive weight, for a weighted query; ``None`` if they do.
        weights: The sum of their weights, for a weighted query.
        squares: The sum of their squared weights, for a weighted query.
    """

    responses: int
    recorded: datetime | None = None
    left_out: str | None = None
    answers: tuple[str, ...] = ()
    unanswered: str | None = None
    group: str | None = None
    passes: tuple[bool, ...] = ()
    no_weight: WeightReason | None = None
    weights: float = 0.0
    squares: float = 0.0


@dataclass(frozen=True)
class CombinationRequest:
    """One query, and what its tally carries.

    Attributes:
        query: The query.
        number: Whether the answer is a number.
        several: Whether a response may give several answers: each choice is then counted.
        choices: As in ``TallyRequest``, as are the attributes below.
        group_labels: The label of each group key, in display order.
        notes: Remarks for people.
        question_text: As in ``Tally``.
        question_routing: As in ``Tally``.
        survey_modified: As in ``Tally``.
    """

    query: MetricQuery
    number: bool = False
    several: bool = False
    choices: tuple[Choice, ...] = ()
    group_labels: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    question_text: str = ""
    question_routing: str | None = None
    survey_modified: datetime | None = None


def tally_combinations(
    combinations: Iterable[Combination], request: CombinationRequest, *, as_of: datetime
) -> Tally:
    """Return the tally of a query from combinations of what it reads.

    Raises:
        GroupingRefused: for more than 200 groups (5,000 periods), or nearly one per response.
        CalculationRefused: for a median, share or distribution of more than 10,000 different
            numbers, or if a question with choices holds free text.
        ValueError: if a combination does not have one flag for each filter of the query.
    """
    reader = _CombinationReader(request)
    read = [reader.read(one) for one in combinations if reader.passes(one)]
    table = AnswerTable.of([*reader.codes], reader.several, request.choices)
    windows = [
        CountedWindow(window, _count(window, read, weighted=reader.weighted), table)
        for window in request.query.windows
    ]
    return make_tally(request, windows, as_of)


class _Read(NamedTuple):
    """A combination as its query reads it.

    Attributes:
        recorded: As in ``Combination``, if its year is plausible.
        excluded: Why it does not count.
        group: Its group.
        reason: Why it has no answer, or none that is weighted.
        code: The code of its answers.
        sums: Its weights.
    """

    responses: int
    recorded: datetime | None
    excluded: str | None
    group: str | None
    reason: str | None
    code: int
    sums: WeightSum


class _CombinationReader:
    """Reads combinations by the definition of a query.

    Attributes:
        codes: The answer keys that have a code, in the order of the codes. Code 0 is no answer.
        several: The keys that are counted even with 0.
        weighted: Whether the query is weighted.
    """

    def __init__(self, request: CombinationRequest) -> None:
        definition = request.query.definition
        self.codes: dict[tuple[str, ...], int] = {(): 0}
        self.weighted = definition.weight is not None
        self._request = request
        self._no_question = definition.question_id is None
        self._include = {str(reason) for reason in definition.include}
        self._exclude = tuple(wanted.exclude for wanted in definition.filters)
        self._zone = ZoneInfo(request.query.zone)
        self._periods: dict[datetime, str] = {}
        self._void = frozenset(choice.key for choice in request.choices if not choice.analyze)
        keys = tuple(choice.key for choice in request.choices if choice.key not in self._void)
        self.several = keys if request.several else ()

    def read(self, one: Combination) -> _Read:
        """Return a combination as the query reads it."""
        recorded = one.recorded
        if recorded is not None and recorded.year not in YEARS:
            recorded = None
        answers, reason = ((), None) if self._no_question else self._answers(one)
        sums = _NO_WEIGHT
        if self.weighted:
            if one.no_weight is None:
                sums = WeightSum(one.weights, one.squares)
            reason = reason or one.no_weight
        return _Read(
            one.responses,
            recorded,
            one.left_out if one.left_out and one.left_out not in self._include else None,
            self._group(one, recorded),
            reason,
            self.codes.setdefault(answers, len(self.codes)),
            sums,
        )

    def passes(self, one: Combination) -> bool:
        """Whether a combination passes all filters of the query."""
        pairs = zip(one.passes, self._exclude, strict=True)
        return all(flag is not exclude for flag, exclude in pairs)

    def _group(self, one: Combination, recorded: datetime | None) -> str | None:
        query = self._request.query
        group_by = query.definition.group_by
        if group_by is None or group_by.kind == "answer":
            return None
        if group_by.kind != "period":
            return one.group or None
        if recorded is None:
            return None
        if recorded not in self._periods:  # Databases return one time for each period.
            day = recorded.astimezone(self._zone).date()
            start = period_start(Period(group_by.of), day, query.week_start)
            self._periods[recorded] = start.isoformat()
        return self._periods[recorded]

    def _answers(self, one: Combination) -> tuple[tuple[str, ...], str | None]:
        """Return the answers that are stored, and why there is none."""
        why = one.unanswered or NOT_ANSWERED
        given = tuple(
            text for key in one.answers if (text := key.strip() if self._request.number else key)
        )
        if not given:
            return (), why
        counted = tuple(key for key in given if key not in self._void)
        if self._request.several:
            counted = tuple(key for key in self.several if key in counted)
            void = not self._void.isdisjoint(given)
            return (counted, None) if counted else ((), NOT_APPLICABLE if void else why)
        if not counted:
            return (), NOT_APPLICABLE
        if self._request.number:
            number = _number(counted[0])
            return ((), UNREADABLE) if number is None else ((number_key(number),), None)
        return (counted if self._request.choices else ()), None


_NO_WEIGHT: Final = WeightSum()


def _number(text: str) -> float | None:
    """Return the finite number in a text; ``None`` if it holds something else."""
    try:
        number = float(text)
    except ValueError:
        return None
    # Python reads underscores and the digits of other scripts, too.
    return number if isfinite(number) and text.isascii() and "_" not in text else None


class _Group:
    """Adds up the combinations of one group."""

    def __init__(self) -> None:
        self._responses = 0
        self._reasons: Counter[str] = Counter()
        self._answers: Counter[int] = Counter()
        self._sums: list[WeightSum] = []
        self._sums_of: dict[int, list[WeightSum]] = {}

    def add(self, one: _Read) -> None:
        """Add a combination."""
        self._responses += one.responses
        self._sums.append(one.sums)
        if one.reason is not None:
            self._reasons[one.reason] += one.responses
            return
        self._answers[one.code] += one.responses
        self._sums_of.setdefault(one.code, []).append(one.sums)

    def counted(self, *, weighted: bool) -> GroupCount:
        """Return what was added up."""
        answers = {code: n for code, n in self._answers.items() if code}
        weights = None
        if weighted:
            sums = {code: WeightSum.total(parts) for code, parts in self._sums_of.items()}
            weights = GroupWeights(
                WeightSum.total(self._sums),
                WeightSum.total(sums.values()),
                {code: sums[code] for code in answers},
            )
        return GroupCount(self._responses, self._reasons, answers, weights)


def _count(window: Window, read: Sequence[_Read], *, weighted: bool) -> WindowCount:
    """Count what is in a window."""
    bounded = window.start is not None or window.end is not None
    excluded: Counter[str] = Counter()
    groups: dict[str | None, _Group] = {}
    for one in read:
        why = one.excluded
        if bounded and one.recorded is None:
            # A response without a date is reported once: as undated, or as excluded.
            if why is not None:
                continue
            why = UNDATED
        elif bounded and one.recorded is not None and not window.includes(one.recorded):
            continue
        if why is None:
            groups.setdefault(one.group, _Group()).add(one)
        else:
            excluded[why] += one.responses
    return WindowCount(
        excluded, {key: group.counted(weighted=weighted) for key, group in groups.items()}
    )
