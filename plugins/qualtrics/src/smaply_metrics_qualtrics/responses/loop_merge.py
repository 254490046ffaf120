"""A question asked in loops, all of them together: each loop is counted, and the counts added.

Every loop that a response went through gives an answer of its own, and so counts as a
response of its own. A response that went through none counts once, as not shown.
Responses that are left out are counted once each, whatever their loops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from smaply_metrics_core import (
    Calculation,
    Counts,
    GroupCounts,
    MetricsError,
    QuestionKind,
    Tally,
    Totals,
    WindowTally,
)
from smaply_metrics_core.calculations import exact_sum, key_number, to_float
from smaply_metrics_qualtrics.responses.query_plan import PlannedQuery

NOT_SHOWN: Final = "not_shown"
"""The reason of a blank answer to a question that the respondent never saw."""

NOTE: Final = (
    "Asked in loops: each loop that a respondent went through counts as a response of its own."
)


def one_loop(part: PlannedQuery, number: int) -> PlannedQuery:
    """Return the query as it is asked of one loop."""
    return replace(part, query=part.query.model_copy(update={"id": f"{part.query.id} #{number}"}))


def never_asked(part: PlannedQuery) -> PlannedQuery:
    """Return the query that counts who went through any loop, and so who went through none."""
    if part.question is None:
        raise ValueError("only a question is asked in loops")
    definition = part.query.definition.model_copy(
        update={"calculation": Calculation.ANSWERED, "answers": ()}
    )
    question = part.question.model_copy(update={"kind": QuestionKind.OTHER, "choices": ()})
    query = part.query.model_copy(update={"id": f"{part.query.id} #", "definition": definition})
    return replace(part, query=query, question=question)


def merge(outcomes: Sequence[Tally | MetricsError]) -> Tally | MetricsError:
    """Add up what was counted in each loop.

    Args:
        outcomes: Who went through any loop, then each loop; a single one is given back as it is.
    """
    tallies: list[Tally] = []
    for outcome in outcomes:
        if isinstance(outcome, MetricsError):
            return outcome
        tallies.append(outcome)
    ever, *loops = tallies
    if not loops:
        return ever
    try:
        return _merged(ever, loops)
    except MetricsError as error:
        return error


def _merged(ever: Tally, loops: Sequence[Tally]) -> Tally:
    return ever.model_copy(
        update={
            "windows": tuple(
                _window(window, [loop.window(window.window) for loop in loops])
                for window in ever.windows
            ),
            "choices": loops[0].choices,
            "multiple": loops[0].multiple,
            "notes": (*ever.notes, NOTE),
        }
    )


def _window(ever: WindowTally, loops: Sequence[WindowTally]) -> WindowTally:
    total = _counts(ever.total, [loop.total for loop in loops])
    found = [{group.key: group.counts for group in loop.groups} for loop in loops]
    groups = tuple(
        GroupCounts(
            key=group.key,
            label=group.label,
            counts=_counts(group.counts, [counts[group.key] for counts in found]),
        )
        for group in ever.groups
    )
    grouped = sum(group.counts.responses for group in groups)
    return WindowTally(
        window=ever.window,
        excluded=ever.excluded,
        total=total,
        groups=groups,
        ungrouped=total.responses - grouped if ever.groups or ever.ungrouped else 0,
    )


def _counts(ever: Counts, loops: Sequence[Counts]) -> Counts:
    unanswered: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for counts in loops:
        unanswered.update(counts.unanswered)
        answers.update(counts.answers)
    del unanswered[NOT_SHOWN]
    never = ever.responses - ever.answered
    if never:
        unanswered[NOT_SHOWN] = never
    answered = sum(counts.answered for counts in loops)
    told = [counts for counts in loops if counts.answered]
    chosen = [counts.chosen for counts in loops if counts.chosen is not None]
    return Counts(
        responses=answered + unanswered.total(),
        answered=answered,
        unanswered=unanswered,
        # Where one loop does not tell its answers one by one, all together cannot either.
        answers=answers if all(counts.answers for counts in told) else {},
        chosen=sum(chosen) if chosen else None,
        totals=_totals(told),
    )


def _totals(told: Sequence[Counts]) -> Totals | None:
    if not any(counts.totals for counts in told):
        return None
    known = [counts.totals or _totals_of(counts) for counts in told]
    return Totals(
        sum=sum(totals.sum for totals in known),
        minimum=min(totals.minimum for totals in known if totals.minimum is not None),
        maximum=max(totals.maximum for totals in known if totals.maximum is not None),
    )


def _totals_of(counts: Counts) -> Totals:
    numbers = [
        (number, times)
        for key, times in counts.answers.items()
        if (number := key_number(key)) is not None
    ]
    return Totals(
        sum=to_float(exact_sum(numbers)),
        minimum=to_float(min(numbers)[0]),
        maximum=to_float(max(numbers)[0]),
    )
