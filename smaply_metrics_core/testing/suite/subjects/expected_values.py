"""Contract tests that compare the values of a source with known values.

All other tests check that a source is consistent with itself, even if every key is off by one.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.survey import QuestionKind
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import expect, warn
from smaply_metrics_core.testing.suite.facts import Expected
from smaply_metrics_core.testing.suite.lab import RESPONSES, Lab
from smaply_metrics_core.testing.suite.queries import every_group_by
from smaply_metrics_core.testing.suite.subject import ContractSubject

NPS_VALUES: Final = tuple(float(value) for value in range(11))
NOT_NUMBERS: Final = ("left out", "survey names", "question texts", " labels")
TOLERANCE: Final = 0.05
"""The tolerance for known values from reports, which are rounded to one decimal."""


class ExpectedValueTests(ContractSubject):
    """Values that the author knows."""

    def test_the_numbers_are_those_of_the_account(self) -> None:
        """The values of the source equal the known values of the account."""
        found = source_values(self.lab)
        example = next((name for name in found if name.endswith(" average")), "Q1 answered")
        numbers = [name for name in self.expected if " " in name and not name.endswith(NOT_NUMBERS)]
        counted = self.lab.questionnaire().has_responses
        expect(
            (RESPONSES in self.expected or not counted) and numbers,
            "The fact `expected` has no number, so a source whose keys are all off by one would "
            "pass.",
            "set `expected` to values that you counted by hand or took from the survey tool's own "
            f'report, for example {{"responses": …, "{example}": …}}',
        )
        for name, known in self.expected.items():
            similar = difflib.get_close_matches(name, found, n=1)
            expect(
                name in found,
                f"“{name}” in `expected` is not a value of the source.",
                f"did you mean “{similar[0]}”?" if similar else "use one of " + ", ".join(found),
            )
            expect(
                _equal(known, found[name]),
                f"“{name}” is {found[name]}, but {known} is expected.",
                "check the keys and values of answers, the excluded responses and the last page; "
                "or correct `expected`",
            )

    def test_choices_have_the_order_of_the_survey(self) -> None:
        """The choices of a question have the order in which respondents see them."""
        known = {name: labels for name, labels in self.expected.items() if name.endswith(" labels")}
        if not known and any(len(one.choices) > 1 for one in self.lab.questionnaire().walk()):
            warn(
                "The fact `expected` has no labels of a question: a source that loses the order of "
                "choices passes.",
                'add `"QUESTION labels"`: the labels by key, in the order that respondents see',
            )
        found = source_values(self.lab) if known else {}
        for name, labels in known.items():
            of_source = found.get(name)
            if not isinstance(labels, Mapping) or not isinstance(of_source, Mapping):
                continue  # Reported by the test above.
            expect(
                [*labels] == [*of_source],
                f"“{name}” is in the order {', '.join(of_source)}, but {', '.join(labels)} is "
                "expected.",
                "return choices in the order of the survey tool: charts and tables show it",
            )

    def test_nps_answers_have_the_values_0_to_10(self) -> None:
        """The answers of an NPS question are 0 to 10, each with its own value."""
        for question in self.lab.questionnaire().walk():
            if question.kind is not QuestionKind.NPS:
                continue
            values = sorted(one.value for one in question.choices if one.value is not None)
            numeric_labels = [
                (float(one.label), one.value)
                for one in question.choices
                if one.label.strip().isdecimal() and one.value is not None
            ]
            expect(
                tuple(values) == NPS_VALUES
                and all(label == value for label, value in numeric_labels),
                f"{question.id} has the kind nps, but its answers have the values "
                f"{', '.join(f'{value:g}' for value in values)}.",
                "set the value of each answer to the chosen number; a question with other values "
                "is a single_choice",
            )


def source_values(lab: Lab) -> dict[str, Expected]:
    """Return the source's values for all names that ``expected`` can have.

    ``surveys`` and ``questions`` are their numbers. ``responses`` is the number of counted
    responses, and ``left out`` has the numbers of excluded responses by reason. ``QUESTION
    CALCULATION`` is a number, or for a distribution the percentage of each answer. ``QUESTION by
    GROUP`` has the answered counts by group. ``survey names`` and ``question texts`` have texts by
    id, and ``QUESTION labels`` has the labels of answers by key.
    """
    questionnaire = lab.questionnaire()
    found: dict[str, Expected] = {
        "surveys": len(lab.surveys()),
        "questions": sum(1 for one in questionnaire.walk() if one.calculations),
        "survey names": {one.id: one.name for one in lab.surveys()},
        "question texts": {one.id: one.text for one in questionnaire.walk()},
    }
    if questionnaire.has_responses:
        found |= _counts(lab)
    for one in questionnaire.walk():
        if one.choices:
            found[f"{one.id} labels"] = {choice.key: choice.label for choice in one.choices}
    queries, answers = lab.calculations()
    for _, query in queries:
        tally = answers[query.id]
        if not isinstance(tally, Tally):
            continue
        result = lab.calculate(query, tally)
        if query.definition.calculation is Calculation.DISTRIBUTION:
            found[query.id] = {group.key: group.value for group in result.groups}
        else:
            found[query.id] = result.current.value
    return found


def _counts(lab: Lab) -> dict[str, Expected]:
    """Return the numbers of counted and excluded responses, and the answers in each group."""
    window = lab.responses()
    found: dict[str, Expected] = {
        RESPONSES: window.total.responses,
        "left out": {name: n for name, n in window.excluded.items() if n},
    }
    groups, question = lab.groups()
    for group_by, _ in every_group_by(lab.questionnaire()):
        tally = groups[str(group_by)]
        if isinstance(tally, Tally):
            found[f"{question.id} by {group_by}"] = {
                group.key: group.counts.answered for group in tally.window("current").groups
            }
    return found


def _equal(known: Expected, found: Expected) -> bool:
    """Whether a known value equals that of the source, ignoring zeros and rounding."""
    if isinstance(known, Mapping) or isinstance(found, Mapping):
        if not (isinstance(known, Mapping) and isinstance(found, Mapping)):
            return False
        mine = {key: value for key, value in known.items() if value}
        theirs = {key: value for key, value in found.items() if value}
        return mine.keys() == theirs.keys() and all(_close(mine[key], theirs[key]) for key in mine)
    return _close(known, found)


def _close(known: float | str | None, found: float | str | None) -> bool:
    if isinstance(known, str) or isinstance(found, str):
        return known == found
    if known is None or found is None:
        return known is found
    return math.isclose(known, found, abs_tol=TOLERANCE)
