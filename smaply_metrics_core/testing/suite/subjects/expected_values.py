"""Contract tests: the numbers of a source against what its author knows in another way.

Everything else a suite can ask is whether a source agrees with itself; a key that is off by one
agrees with itself perfectly.
"""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterator, Mapping
from typing import Final

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.survey import QuestionKind
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import expect, unexpected
from smaply_metrics_core.testing.suite.lab import Expected
from smaply_metrics_core.testing.suite.queries import everything_to_group_by
from smaply_metrics_core.testing.suite.subjects.query_partitions import QueryPartitionTests

RESPONSES: Final = "responses"
NPS_VALUES: Final = tuple(float(value) for value in range(11))
NO_NUMBERS: Final = ("left out", "survey names", "question texts", " labels")
CLOSE: Final = 0.05
"""Numbers known from a report are rounded: one decimal is enough."""


class ExpectedValueTests(QueryPartitionTests):
    """Numbers that are known."""

    def everything_expected(self) -> dict[str, Expected]:
        """Give all that can stand in ``expected``, as the source has it.

        ``surveys`` and ``questions`` are how many there are; ``responses`` how many count, and
        ``left out`` the others by reason; ``QUESTION CALCULATION`` is a number, and for a
        distribution the percent of each answer; ``QUESTION by GROUP`` how many answered, by group.
        ``survey names`` and ``question texts`` are texts by id, and ``QUESTION labels`` those of
        its answers by key.
        """
        found: dict[str, Expected] = {
            "surveys": len(self.surveys()),
            "questions": sum(1 for one in self.questionnaire().walk() if one.calculations),
            "survey names": {one.id: one.name for one in self.surveys()},
            "question texts": {one.id: one.text for one in self.questionnaire().walk()},
        }
        for one in self.questionnaire().walk():
            if one.choices:
                found[f"{one.id} labels"] = {choice.key: choice.label for choice in one.choices}
        asked, answers = self._calculations()
        plain = answers[RESPONSES]
        if isinstance(plain, MetricsError):
            raise unexpected(plain, "Counting responses without a question")
        window = plain.window("current")
        found[RESPONSES] = window.total.responses
        found["left out"] = {name: n for name, n in window.excluded.items() if n}
        for _, query in asked:
            tally = answers[query.id]
            if isinstance(tally, Tally):
                found[query.id] = self._number(query.id, query.definition.calculation, tally)
        found.update(self._by_group())
        return found

    def _number(self, name: str, calculation: Calculation, tally: Tally) -> Expected:
        query = next(query for _, query in self._calculations()[0] if query.id == name)
        try:
            result = calculate(query, tally, self.now)
        except MetricsError as error:
            raise unexpected(error, f"Calculating {name}") from None
        if calculation is Calculation.DISTRIBUTION:
            return {group.key: group.value for group in result.groups}
        return result.current.value

    def _by_group(self) -> Iterator[tuple[str, Expected]]:
        answers, question = self._grouped()
        for group_by, _ in everything_to_group_by(self.questionnaire()):
            tally = answers[str(group_by)]
            if isinstance(tally, Tally):
                groups = tally.window("current").groups
                yield (
                    f"{question.id} by {group_by}",
                    {group.key: group.counts.answered for group in groups},
                )

    def test_the_numbers_are_those_of_the_account(self) -> None:
        """What is known of the account in another way is what the source says."""
        found = self.everything_expected()
        example = next((name for name in found if name.endswith(" average")), "Q1 answered")
        numbers = [name for name in self.expected if " " in name and not name.endswith(NO_NUMBERS)]
        expect(
            RESPONSES in self.expected and numbers,
            "The contract test knows no number of the account, so a source whose every key is off "
            "by one would pass.",
            "count by hand, or read off the survey tool's own report, and set `expected`, as in "
            f'{{"responses": …, "{example}": …}}',
        )
        for name, known in self.expected.items():
            near = difflib.get_close_matches(name, found, n=1)
            expect(
                name in found,
                f"The source says nothing of “{name}”, which `expected` names.",
                f"did you mean “{near[0]}”?" if near else "name one of " + ", ".join(found),
            )
            expect(
                _fits(known, found[name]),
                f"“{name}” is {found[name]} by the source, and known to be {known}.",
                "look at keys and values of the answers, at what is left out, and at the last "
                "page; or correct `expected`",
            )

    def test_a_likelihood_has_the_values_0_to_10(self) -> None:
        """The answers of an NPS question are 0 to 10, each with the value that it is."""
        for question in self.questionnaire().walk():
            if question.kind is not QuestionKind.NPS:
                continue
            values = sorted(one.value for one in question.choices if one.value is not None)
            named = [
                (float(one.label), one.value)
                for one in question.choices
                if one.label.strip().isdecimal() and one.value is not None
            ]
            expect(
                tuple(values) == NPS_VALUES and all(label == value for label, value in named),
                f"{question.id} is of the kind nps, and its answers have the values "
                f"{', '.join(f'{value:g}' for value in values)}.",
                "give each answer the number that the respondent chose; a scale of other values "
                "is a single_choice",
            )


def _fits(known: Expected, found: Expected) -> bool:
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
    return math.isclose(known, found, abs_tol=CLOSE)
