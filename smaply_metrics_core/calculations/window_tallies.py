"""From counted rows to tallies: groups and answers in order, and the limits on what is stored."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date, datetime
from enum import Enum, auto
from typing import Final, Protocol

from smaply_metrics_core.calculations.answer_labels import answer_label
from smaply_metrics_core.calculations.group_changes import nothing_counted
from smaply_metrics_core.calculations.number_totals import answer_totals
from smaply_metrics_core.calculations.window_counts import (
    UNDATED,
    AnswerTable,
    CountedWindow,
    GroupCount,
    GroupWeights,
    WindowCount,
)
from smaply_metrics_core.date_ranges import MOST_PERIODS, period_key, period_label
from smaply_metrics_core.errors import CalculationRefused, GroupingRefused
from smaply_metrics_core.models.query import Calculation, MetricQuery, Period
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import (
    Counts,
    GroupCounts,
    Tally,
    Weights,
    WeightSum,
    WindowTally,
)

MOST_GROUPS: Final = 200
MOST_NUMBERS: Final = 10_000
MOST_UNKNOWN: Final = 200
"""More answers than this that are not a choice are free text, which must not be stored."""

FEW_GROUPS: Final = 20
"""Up to here a group may be one response: an identifier has more values than that."""

FROM_TOTALS: Final = frozenset(
    {Calculation.AVERAGE, Calculation.SUM, Calculation.MINIMUM, Calculation.MAXIMUM}
)
COUNTING: Final = frozenset({Calculation.RESPONSES, Calculation.ANSWERED})


class TallyShape(Enum):
    """What a tally holds of the answers."""

    ANSWERS = auto()
    TOTALS = auto()
    NOTHING = auto()


class TalliedQuery(Protocol):
    """What a tally takes from the request of a query, as documented at ``TallyRequest``."""

    @property
    def query(self) -> MetricQuery:
        """The query."""
        ...

    @property
    def choices(self) -> tuple[Choice, ...]:
        """The choices of the question, in order."""
        ...

    @property
    def group_labels(self) -> Mapping[str, str]:
        """The label of each group key, in display order."""
        ...

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks for people."""
        ...

    @property
    def question_text(self) -> str:
        """As in ``Tally``."""
        ...

    @property
    def question_routing(self) -> str | None:
        """As in ``Tally``."""
        ...

    @property
    def survey_modified(self) -> datetime | None:
        """As in ``Tally``."""
        ...

    @property
    def number(self) -> bool:
        """Whether the answer is a number."""
        ...

    @property
    def several(self) -> bool:
        """Whether a response may give several answers."""
        ...


def make_tally(request: TalliedQuery, windows: Sequence[CountedWindow], as_of: datetime) -> Tally:
    """Return the tally of a query from the counts of its windows.

    Raises:
        GroupingRefused: if there are too many groups.
        CalculationRefused: if there are too many different answers for the calculation.
    """
    # Every bounded window has the same rows without a date: they are in none of the windows.
    undated = max(one.counted.excluded.get(UNDATED, 0) for one in windows)
    chosen = _chosen_in_any(request, [one.counted for one in windows])
    return Tally(
        windows=tuple(_window(request, one, chosen) for one in windows),
        choices=request.choices,
        question_text=request.question_text,
        question_routing=request.question_routing,
        survey_modified=request.survey_modified,
        multiple=request.several,
        as_of=as_of,
        notes=(*request.notes, *_undated_note(undated)),
    )


def _window(request: TalliedQuery, counted: CountedWindow, chosen: Collection[str]) -> WindowTally:
    window, count, table = counted
    total = _total(count.groups.values())
    groups = {label: group for label, group in count.groups.items() if label is not None}
    group_by = request.query.definition.group_by
    grouped = group_by is not None and group_by.kind != "answer"
    if group_by is not None and group_by.kind == "period":
        ordered = _periods(Period(group_by.of), groups)
    else:
        ordered = _labelled(request, groups, chosen)
    answers = table.counts(total)
    shape = _shape(request, answers)
    return WindowTally(
        window=window.name,
        excluded={why: n for why, n in sorted(count.excluded.items()) if why != UNDATED},
        total=_counts(request, total, answers, table, shape),
        groups=tuple(
            GroupCounts(
                key=key,
                label=label,
                counts=nothing_counted(request.query.definition)
                if group is None
                else _counts(request, group, table.counts(group), table, shape),
            )
            for key, label, group in ordered
        ),
        ungrouped=count.groups[None].responses if grouped and None in count.groups else 0,
    )


def _chosen_in_any(request: TalliedQuery, counts: Sequence[WindowCount]) -> frozenset[str]:
    """Return the choices of the grouping question that occur in any of several windows."""
    group_by = request.query.definition.group_by
    if len(counts) == 1 or group_by is None or group_by.kind != "question":
        return frozenset()
    present = (key for count in counts for key in count.groups if key is not None)
    return frozenset(key for key in present if key in request.group_labels)


def _undated_note(undated: int) -> list[str]:
    if not undated:
        return []
    was = "response without a date was" if undated == 1 else "responses without a date were"
    return [f"{undated:,} {was} excluded."]


def _total(groups: Iterable[GroupCount]) -> GroupCount:
    """Add up groups."""
    every = list(groups)
    if len(every) == 1:
        return every[0]
    reasons: Counter[str] = Counter()
    answers: Counter[int] = Counter()
    for group in every:
        reasons.update(group.reasons)
        answers.update(group.answers)
    weights = [group.weights for group in every if group.weights is not None]
    return GroupCount(
        sum(group.responses for group in every),
        reasons,
        answers,
        _total_weights(weights, answers) if weights else None,
    )


def _total_weights(weights: Sequence[GroupWeights], codes: Iterable[int]) -> GroupWeights:
    return GroupWeights(
        WeightSum.total(group.responses for group in weights),
        WeightSum.total(group.answered for group in weights),
        {
            code: WeightSum.total(group.answers[code] for group in weights if code in group.answers)
            for code in codes
        },
    )


def _periods(
    period: Period, groups: Mapping[str, GroupCount]
) -> Iterable[tuple[str, str, GroupCount | None]]:
    """Yield the key, label and count of each period, in order."""
    if len(groups) > MOST_PERIODS:
        raise GroupingRefused(
            f"The responses span more than {MOST_PERIODS:,} periods.",
            remedy="Group by a longer period, or choose a shorter date range.",
        )
    for text in sorted(groups):
        start = date.fromisoformat(text)
        yield period_key(period, start), period_label(period, start), groups[text]


def _labelled(
    request: TalliedQuery, groups: Mapping[str, GroupCount], chosen: Collection[str]
) -> Iterable[tuple[str, str, GroupCount | None]]:
    """Yield the key, label and count of each group.

    Groups of a question are in the order of its choices, then by size. Groups of a field are in
    the order of size. Choices that only another window has are in their place, without a count.
    """
    _check_groups(groups.values())
    labels = request.group_labels
    group_by = request.query.definition.group_by
    places: Mapping[str, int] = {}
    if group_by and group_by.kind == "question":
        places = {key: place for place, key in enumerate(labels)}
    sizes = {**dict.fromkeys(chosen, 0), **{key: one.responses for key, one in groups.items()}}
    for key in sorted(sizes, key=lambda key: (places.get(key, len(places)), -sizes[key], key)):
        yield key, answer_label(key, labels), groups.get(key)


def _check_groups(groups: Collection[GroupCount]) -> None:
    """Refuse groups that look like identifiers. The message shows none of their values.

    Raises:
        GroupingRefused: if there are too many groups, or nearly one per response.
    """
    responses = sum(group.responses for group in groups)
    if len(groups) > MOST_GROUPS:
        problem = f"It has more than {MOST_GROUPS} different values."
    elif len(groups) > FEW_GROUPS and len(groups) > responses / 2:
        problem = (
            f"It has {len(groups)} different values in {responses} responses: nearly one per "
            "response."
        )
    else:
        return
    raise GroupingRefused(
        f"Responses cannot be grouped by this question or field. {problem}",
        remedy="Group by a question or field with few values, such as a region or a channel.",
    )


def _shape(request: TalliedQuery, answers: Mapping[str, int]) -> TallyShape:
    """Decide what the tally holds of the answers: too many different ones are not stored.

    Raises:
        CalculationRefused: if the calculation needs them.
    """
    definition = request.query.definition
    by_answer = definition.group_by is not None and definition.group_by.kind == "answer"
    if request.number:
        too_many = len(answers) > MOST_NUMBERS
    else:
        known = {choice.key for choice in request.choices}
        too_many = len(answers.keys() - known) > MOST_UNKNOWN
    if not too_many:
        return TallyShape.ANSWERS
    if definition.calculation in COUNTING and not by_answer:
        return TallyShape.NOTHING
    if not request.number:
        raise CalculationRefused(
            "The answers are free text: hardly any of them is a choice of the question.",
            remedy="Count the responses or the answers instead.",
        )
    if definition.calculation in FROM_TOTALS:
        return TallyShape.TOTALS
    raise CalculationRefused(
        f"The answers hold more than {MOST_NUMBERS:,} different numbers.",
        remedy="Use the average, sum, minimum or maximum, or choose a shorter date range.",
    )


def _counts(
    request: TalliedQuery,
    group: GroupCount,
    answers: Mapping[str, int],
    table: AnswerTable,
    shape: TallyShape,
) -> Counts:
    definition = request.query.definition
    share_of_several = request.several and definition.calculation is Calculation.SHARE
    chosen = table.chosen(group.answers, definition.answers) if share_of_several else None
    weights = None if group.weights is None else table.weights(group.weights.answers, answers)
    return Counts(
        responses=group.responses,
        answered=group.answered,
        unanswered=dict(sorted(group.reasons.items())),
        answers=answers if shape is TallyShape.ANSWERS else {},
        chosen=None if chosen is None else sum(group.answers[code] for code in chosen),
        totals=answer_totals(answers, weights) if shape is TallyShape.TOTALS and answers else None,
        weights=None
        if group.weights is None or weights is None
        else Weights(
            responses=group.weights.responses,
            answered=group.weights.answered,
            answers=weights if shape is TallyShape.ANSWERS else {},
            chosen=None
            if chosen is None
            else WeightSum.total(group.weights.answers[code] for code in chosen),
        ),
    )
