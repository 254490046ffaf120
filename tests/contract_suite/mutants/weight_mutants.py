"""Mutants of the source in memory that count weights wrongly."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from smaply_metrics_core import Counts, Tally, WeightReason, Weights, WeightSum
from tests.contract_suite.mutants.in_memory_mutants import change_tally
from tests.contract_suite.mutants.in_memory_source import InMemorySource

KILLER: Final = "test_each_response_has_its_own_weight"


def change_weights(change: Callable[[Counts, Weights], Counts]) -> InMemorySource:
    """Return a source that changes the counts of weighted queries."""

    def changed(tally: Tally) -> Tally:
        if tally.window("current").total.weights is None:
            return tally
        return change_tally(
            lambda window: {"total": change(window.total, window.total.weights or Weights())}
        )(tally)

    return InMemorySource(change_tally=changed)


def with_sums(counts: Counts, answers: dict[str, WeightSum]) -> Counts:
    """Return the counts with other sums for the answers, which add up."""
    weights = Weights(answered=WeightSum.total(answers.values()), answers=answers)
    return counts.model_copy(update={"weights": weights})


def ignore_weights(counts: Counts, _: Weights) -> Counts:
    """Weigh each response with 1."""
    plain = {key: WeightSum(float(n), float(n)) for key, n in counts.answers.items()}
    return with_sums(counts, plain)


def square_the_sum(counts: Counts, weights: Weights) -> Counts:
    """Return the square of the sum instead of the sum of the squares."""
    sums = {key: WeightSum(one.sum, one.sum**2) for key, one in weights.answers.items()}
    return with_sums(counts, sums)


def shift_weights(counts: Counts, weights: Weights) -> Counts:
    """Give each answer the mean weight of the one after it."""
    keys = [*weights.answers]
    sums = {}
    for key, other in zip(keys, [*keys[1:], *keys[:1]], strict=True):
        mean = weights.answers[other].sum / (counts.answers[other] or 1)
        n = counts.answers[key]
        sums[key] = WeightSum(n * mean, n * mean**2)
    return with_sums(counts, sums)


def guess_zero(counts: Counts, weights: Weights) -> Counts:
    """Count a response with the weight 0 as if its weight was 1."""
    n = counts.unanswered.get(WeightReason.ZERO, 0)
    others = {why: m for why, m in counts.unanswered.items() if why != WeightReason.ZERO}
    guessed = {
        "answered": counts.answered + n,
        "unanswered": others,
        "answers": {**counts.answers, "0": n},
    }
    sums = {**weights.answers, "0": WeightSum(float(n), float(n))}
    return with_sums(counts.model_copy(update=guessed), sums)


MUTANTS: Final[dict[str, tuple[InMemorySource, str]]] = {
    "ignores weights": (change_weights(ignore_weights), KILLER),
    "squares the sum of weights": (change_weights(square_the_sum), KILLER),
    "uses the weights of other responses": (change_weights(shift_weights), KILLER),
    "guesses a weight of 1 for 0": (change_weights(guess_zero), KILLER),
}
"""The sources by fault, each with the test that must detect it."""
