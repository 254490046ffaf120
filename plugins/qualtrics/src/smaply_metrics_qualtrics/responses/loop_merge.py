"""Combine the loops of a question: count each loop and add the counts.

Each loop that a respondent went through counts as a separate response. A response without loops
counts once, as *not shown*. An excluded response counts once, regardless of its loops.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from smaply_metrics_core import (
    NOT_SHOWN,
    Calculation,
    Counts,
    GroupCounts,
    MetricsError,
    QuestionKind,
    Tally,
    Totals,
    WeightedTotals,
    Weights,
    WeightSum,
    WindowTally,
)
from smaply_metrics_core.calculations import answer_totals
from smaply_metrics_qualtrics.responses.query_plan import PlannedQuery

NOTE: Final = "Combines all loops; each loop that a respondent went through counts as a response."


def one_loop(part: PlannedQuery, number: int) -> PlannedQuery:
    """Return the query for one loop."""
    return replace(part, query=part.query.model_copy(update={"id": f"{part.query.id} #{number}"}))


def in_any_loop(part: PlannedQuery) -> PlannedQuery:
    """Return the query that counts the responses with at least one loop as answered."""
    if part.question is None:
        raise ValueError("only a question can have loops")
    # Without the weight, which would exclude responses from the answered ones.
    definition = part.query.definition.model_copy(
        update={"calculation": Calculation.ANSWERED, "answers": (), "weight": None}
    )
    question = part.question.model_copy(update={"kind": QuestionKind.OTHER, "choices": ()})
    query = part.query.model_copy(update={"id": f"{part.query.id} #", "definition": definition})
    return replace(part, query=query, question=question)


def merge(outcomes: Sequence[Tally | MetricsError]) -> Tally | MetricsError:
    """Return the sum of the counts of all loops, or the first error.

    Args:
        outcomes: The outcome of ``in_any_loop``, then of each loop. A single outcome is returned
            unchanged.
    """
    tallies: list[Tally] = []
    for outcome in outcomes:
        if isinstance(outcome, MetricsError):
            return outcome
        tallies.append(outcome)
    any_loop, *loops = tallies
    if not loops:
        return any_loop
    try:
        return _merged(any_loop, loops)
    except MetricsError as error:
        return error


def _merged(any_loop: Tally, loops: Sequence[Tally]) -> Tally:
    return any_loop.model_copy(
        update={
            "windows": tuple(
                _window(window, [loop.window(window.window) for loop in loops])
                for window in any_loop.windows
            ),
            "choices": loops[0].choices,
            "multiple": loops[0].multiple,
            "pooled": True,
            "notes": (*any_loop.notes, NOTE),
        }
    )


def _window(any_loop: WindowTally, loops: Sequence[WindowTally]) -> WindowTally:
    total = _counts(any_loop.total, [loop.total for loop in loops])
    found = [{group.key: group.counts for group in loop.groups} for loop in loops]
    groups = tuple(
        GroupCounts(
            key=group.key,
            label=group.label,
            counts=_counts(group.counts, [counts[group.key] for counts in found]),
        )
        for group in any_loop.groups
    )
    grouped = sum(group.counts.responses for group in groups)
    return WindowTally(
        window=any_loop.window,
        excluded=any_loop.excluded,
        total=total,
        groups=groups,
        ungrouped=total.responses - grouped if any_loop.groups or any_loop.ungrouped else 0,
        respondents=any_loop.total.answered,
    )


def _counts(any_loop: Counts, loops: Sequence[Counts]) -> Counts:
    unanswered: Counter[str] = Counter()
    answers: Counter[str] = Counter()
    for counts in loops:
        unanswered.update(counts.unanswered)
        answers.update(counts.answers)
    del unanswered[NOT_SHOWN]
    not_shown = any_loop.responses - any_loop.answered
    if not_shown:
        unanswered[NOT_SHOWN] = not_shown
    answered = sum(counts.answered for counts in loops)
    with_answers = [counts for counts in loops if counts.answered]
    chosen = [counts.chosen for counts in loops if counts.chosen is not None]
    # Counts per answer are only complete if every loop has them.
    if not all(counts.answers for counts in with_answers):
        answers.clear()
    return Counts(
        responses=answered + unanswered.total(),
        answered=answered,
        unanswered=unanswered,
        answers=answers,
        chosen=sum(chosen) if chosen else None,
        totals=_totals(with_answers),
        weights=_weights(loops, answers),
    )


def _weights(loops: Sequence[Counts], answers: Iterable[str]) -> Weights | None:
    """Return the weights of all loops. A response counts with its weight in each of its loops."""
    found = [counts.weights for counts in loops if counts.weights is not None]
    if not found:
        return None
    chosen = [weights.chosen for weights in found if weights.chosen is not None]
    return Weights(
        answered=WeightSum.total(weights.answered for weights in found),
        answers={
            key: WeightSum.total(one.answers[key] for one in found if key in one.answers)
            for key in answers
        },
        chosen=WeightSum.total(chosen) if chosen else None,
    )


def _totals(with_answers: Sequence[Counts]) -> Totals | None:
    if not any(counts.totals for counts in with_answers):
        return None
    known = [
        counts.totals
        or answer_totals(counts.answers, None if counts.weights is None else counts.weights.answers)
        for counts in with_answers
    ]
    squares = [totals.squares for totals in known if totals.squares is not None]
    weighted = [totals.weighted for totals in known if totals.weighted is not None]
    return Totals(
        sum=sum(totals.sum for totals in known),
        minimum=min(totals.minimum for totals in known if totals.minimum is not None),
        maximum=max(totals.maximum for totals in known if totals.maximum is not None),
        squares=sum(squares) if len(squares) == len(known) else None,
        weighted=WeightedTotals(
            wx=sum(one.wx for one in weighted),
            w2x=sum(one.w2x for one in weighted),
            w2x2=sum(one.w2x2 for one in weighted),
        )
        if weighted
        else None,
    )
