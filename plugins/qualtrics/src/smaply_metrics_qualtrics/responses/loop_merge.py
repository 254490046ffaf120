"""Combine the loops of a question: count each loop and add the counts.

Each loop that a respondent went through counts as a separate response. A response without loops
counts once, as *not shown*. An excluded response counts once, regardless of its loops.
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
"""The reason for a blank answer to a question that the respondent did not see."""

NOTE: Final = "Combines all loops; each loop that a respondent went through counts as a response."


def one_loop(part: PlannedQuery, number: int) -> PlannedQuery:
    """Return the query for one loop."""
    return replace(part, query=part.query.model_copy(update={"id": f"{part.query.id} #{number}"}))


def never_asked(part: PlannedQuery) -> PlannedQuery:
    """Return the query that counts responses with at least one loop, and so those without any."""
    if part.question is None:
        raise ValueError("only a question is asked in loops")
    definition = part.query.definition.model_copy(
        update={"calculation": Calculation.ANSWERED, "answers": ()}
    )
    question = part.question.model_copy(update={"kind": QuestionKind.OTHER, "choices": ()})
    query = part.query.model_copy(update={"id": f"{part.query.id} #", "definition": definition})
    return replace(part, query=query, question=question)


def merge(outcomes: Sequence[Tally | MetricsError]) -> Tally | MetricsError:
    """Return the sum of the counts of all loops, or the first error.

    Args:
        outcomes: The outcome of ``never_asked``, then of each loop. A single outcome is returned
            unchanged.
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
    with_answers = [counts for counts in loops if counts.answered]
    chosen = [counts.chosen for counts in loops if counts.chosen is not None]
    return Counts(
        responses=answered + unanswered.total(),
        answered=answered,
        unanswered=unanswered,
        # Counts per answer are only complete if every loop has them.
        answers=answers if all(counts.answers for counts in with_answers) else {},
        chosen=sum(chosen) if chosen else None,
        totals=_totals(with_answers),
    )


def _totals(with_answers: Sequence[Counts]) -> Totals | None:
    if not any(counts.totals for counts in with_answers):
        return None
    known = [counts.totals or _totals_of(counts) for counts in with_answers]
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
