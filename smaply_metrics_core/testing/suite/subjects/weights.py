"""Contract tests of weights."""

from __future__ import annotations

import math
from collections import Counter
from unittest import SkipTest

from smaply_metrics_core.calculations.decimal_keys import key_number
from smaply_metrics_core.errors import CalculationRefused
from smaply_metrics_core.models.query import Calculation, WeightReason
from smaply_metrics_core.models.survey import Question
from smaply_metrics_core.models.tally import Counts, WeightSum
from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.queries import build_query
from smaply_metrics_core.testing.suite.scenarios.weights import weight_queries
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

FIX = (
    "weight each response by its own number, and count one without a number above 0 as unanswered, "
    "with its `WeightReason`; `calculations.tally` does this for rows"
)


class WeightTests(ContractSubject):
    """Weighted queries."""

    def test_each_response_has_its_own_weight(self) -> None:
        """A question that is weighted by itself has weights that follow from its counts."""
        weighted = list(weight_queries(self.lab.questionnaire()))
        if not weighted:
            raise SkipTest("this survey has no weights, or its source does not support them")
        _, answers = self.lab.calculations()
        for question, query in weighted:
            if isinstance(answers[query.id], CalculationRefused):
                continue  # The survey tool may ask the question several times per response.
            plain = query_tally(
                answers,
                build_query(
                    f"{question.id} {Calculation.AVERAGE}",
                    self.survey_id,
                    calculation=Calculation.AVERAGE,
                    question=question,
                ),
            )
            counts = plain.window("current").total
            if counts.answers:
                found = query_tally(answers, query).window("current").total
                _check(query.id, found, counts, question)


def _check(name: str, found: Counts, plain: Counts, question: Question) -> None:
    """Check weighted counts against those without weights."""
    values = {choice.key: choice.value or 0.0 for choice in question.choices}
    numbers = {key: values.get(key, float(key_number(key) or 0)) for key in plain.answers}
    reasons = Counter(plain.unanswered)
    for key, n in plain.answers.items():
        if numbers[key] <= 0:
            reasons[WeightReason.NEGATIVE if numbers[key] < 0 else WeightReason.ZERO] += n
    expect(
        found.responses == plain.responses and +Counter(found.unanswered) == +reasons,
        f"{name}: of {found.responses} responses, {dict(found.unanswered)} are unanswered, but "
        f"{dict(reasons)} of {plain.responses} are expected.",
        FIX,
    )
    weights = found.weights.answers if found.weights is not None else {}
    for key, n in plain.answers.items():
        value = numbers[key]
        count = n if value > 0 else 0
        expected = WeightSum(count * max(value, 0), count * max(value, 0) ** 2)
        sums = weights.get(key, WeightSum())
        expect(
            found.answers.get(key, 0) == count
            and math.isclose(sums.sum, expected.sum, rel_tol=1e-9)
            and math.isclose(sums.squares, expected.squares, rel_tol=1e-9),
            f"{name}: {found.answers.get(key, 0)} responses with the weight {key} have {sums}, but "
            f"{count} with {expected} are expected.",
            FIX,
        )
