"""Contract tests of tallies: calculations, group-bys and date ranges."""

from __future__ import annotations

import math
from itertools import pairwise

from smaply_metrics_core.date_ranges import period_key, period_label, period_of_key, zone_info
from smaply_metrics_core.errors import GroupingRefused, MetricsError
from smaply_metrics_core.models.query import Calculation, GroupBy, Period
from smaply_metrics_core.models.survey import QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import expect, unexpected, unknown_instant
from smaply_metrics_core.testing.suite import reference_calculations
from smaply_metrics_core.testing.suite.queries import (
    BY_MONTH,
    ZONE,
    every_group_by,
    require_responses,
)
from smaply_metrics_core.testing.suite.scenarios.date_ranges import date_ranges, survey_boundaries
from smaply_metrics_core.testing.suite.subject import ContractSubject
from smaply_metrics_core.testing.suite.tally_invariants import (
    HALF_OPEN,
    check_counts,
    check_groups,
    check_share,
    check_tally,
    plain_counts,
    query_tally,
    sum_of_counts,
)


class TallyTests(ContractSubject):
    """Calculations, group-bys and date ranges."""

    def test_each_declared_calculation_is_answered_with_a_consistent_tally(self) -> None:
        """Every calculation of every question has a consistent tally."""
        queries, answers = self.lab.calculations()
        run = self.lab.results["calculations"]
        for question, query in queries:
            check_tally(query.id, query_tally(answers, query), question, run.started, run.ended)
        expect(
            any(
                total.entered if question.kind is QuestionKind.ENTERED else total.answered
                for question, query in queries
                if question.choices or question.kind is QuestionKind.ENTERED
                for total in [query_tally(answers, query).window("current").total]
            ),
            f"The survey {self.survey_id} has no answers.",
            "set `survey_id` to a survey with answers; with an empty one, every test passes",
        )

    def test_each_declared_calculation_agrees_with_its_definition(self) -> None:
        """The result of a tally equals that of a second, independent implementation."""
        queries, answers = self.lab.calculations()
        for question, query in queries:
            tally = query_tally(answers, query)
            counts = tally.window("current").total
            result = self.lab.calculate(query, tally)
            if query.definition.calculation is Calculation.DISTRIBUTION:
                expected = reference_calculations.distribution(question.choices, counts)
                found = {group.key: group.value for group in result.groups if counts.answered}
                agrees = expected.keys() == found.keys() and all(
                    _equal(expected[key], found[key]) for key in expected
                )
            else:
                number = reference_calculations.number(query.definition, question.choices, counts)
                agrees = _equal(number, result.current.value)
                check_share(query.id, query.definition.answers, counts)
            expect(
                agrees,
                f"{query.id}: the framework calculates {result.current.value}, but the independent "
                "implementation another value.",
                "check the keys and values of the tally's answers and choices",
            )

    def test_calculations_of_one_question_count_the_same_responses(self) -> None:
        """Every calculation counts and excludes the same responses."""
        queries, answers = self.lab.calculations()
        whole = self.lab.responses()
        first: dict[str, dict[str, dict[str, int]]] = {}
        for question, query in queries:
            window = query_tally(answers, query).window("current")
            expect(
                window.total.responses == whole.total.responses
                and dict(window.excluded) == dict(whole.excluded),
                f"{query.id} counts {window.total.responses} responses, but the survey has "
                f"{whole.total.responses} counted responses.",
                "count every response of the survey for each of its questions; if the question was "
                "not shown, the response is unanswered, with a reason",
            )
            counts = {
                name: part for name, part in plain_counts(window).items() if name != "answers"
            }
            expect(
                first.setdefault(question.id, counts) == counts,
                f"{query.id} counts other answers than the first calculation of {question.id}.",
                "decide independently of the calculation which responses are answered",
            )

    def test_group_bys_sum_up(self) -> None:
        """The groups of a question, a field or a period contain every counted response."""
        answers, question = self.lab.groups()
        whole = answers["whole"]
        if isinstance(whole, MetricsError):
            raise unexpected(whole, f"Counting the answers of {question.id}")
        for group_by, several in every_group_by(self.lab.questionnaire()):
            name = f"{question.id} by {group_by}"
            tally = answers[str(group_by)]
            if isinstance(tally, GroupingRefused):
                continue  # Too many groups in the data: rejecting the group-by is right.
            if isinstance(tally, MetricsError):
                raise unexpected(tally, name)
            window = tally.window("current")
            expect(
                plain_counts(window) == plain_counts(whole.window("current")),
                f"{name}: the total differs from that without the group-by.",
                "set `total` to the counts without the group-by",
            )
            check_groups(name, window, several=several)
            for group in window.groups:
                check_counts(f"{name}, {group.key}", group.counts, question)
            _check_labels(name, group_by, tally, self.lab.questionnaire())

    def test_two_adjacent_ranges_add_up_to_their_union(self) -> None:
        """Two adjacent date ranges together count every response once."""
        windows = {name: tally.window("current") for name, tally in date_ranges(self.lab).items()}
        parts = sum_of_counts(windows["before"], windows["after"])
        whole = plain_counts(windows["whole"])
        expect(
            parts == whole and windows["before"].total.responses,
            f"The ranges before and after the middle of the survey count {parts['counted']}, but "
            f"the whole range {whole['counted']}.",
            HALF_OPEN,
        )

    def test_periods_and_ranges_count_the_same(self) -> None:
        """The months before an instant count the same responses as the range up to it."""
        _, middle, _ = survey_boundaries(self.lab)
        boundary = period_key(Period.MONTH, middle.astimezone(zone_info(ZONE)).date())
        answers, _ = self.lab.groups()
        by_month = answers[str(BY_MONTH)]
        assert isinstance(by_month, Tally)  # noqa: S101  # It has boundaries.
        groups = by_month.window("current").groups
        in_groups = sum(group.counts.responses for group in groups if group.key < boundary)
        in_range = date_ranges(self.lab)["before"].window("current").total.responses
        expect(
            in_groups == in_range,
            f"The months before {boundary} have {in_groups} responses, but the range up to it "
            f"{in_range}.",
            "start days, weeks, months, quarters and years at midnight in the query's time zone",
        )

    def test_the_start_of_a_range_counts_and_its_end_does_not(self) -> None:
        """A response at a boundary counts only in the range that starts there."""
        require_responses(self.lab.questionnaire())
        if self.recorded_at is None:
            raise unknown_instant()
        windows = {name: tally.window("current") for name, tally in date_ranges(self.lab).items()}
        expect(
            windows["second"].total.responses,
            f"No response is counted in the second from {self.recorded_at} on.",
            f"{HALF_OPEN}; or correct `recorded_at`",
        )
        expect(
            sum_of_counts(windows["up to"], windows["from"]) == plain_counts(windows["around"]),
            f"The response at {self.recorded_at}, the boundary of two ranges, is counted twice or "
            "not at all.",
            HALF_OPEN,
        )

    def test_both_windows_of_a_comparison_are_counted(self) -> None:
        """Each window of a Comparison counts the same responses as the window alone."""
        tallies = date_ranges(self.lab)
        for name, current, previous in (
            ("compared", "after", "before"),
            ("compared at", "from", "up to"),
            ("compared after", "next", "from"),
        ):
            if name not in tallies:
                continue  # `recorded_at` is not known.
            both = tallies[name]
            alone_current = plain_counts(tallies[current].window("current"))
            alone_previous = plain_counts(tallies[previous].window("current"))
            expect(
                plain_counts(both.window("current")) == alone_current
                and plain_counts(both.window("previous")) == alone_previous,
                "A query with two windows counts other responses than two queries with one window.",
                "count each window of a query by its own start (included) and end (excluded)",
            )


def _check_labels(name: str, group_by: GroupBy, tally: Tally, questionnaire: Questionnaire) -> None:
    """Check the labels and the order of groups."""
    window = tally.window("current")
    groups = [(group.key, group.label) for group in window.groups]
    keys = [key for key, _ in groups]
    if group_by.kind == "question":
        choices = questionnaire.question(group_by.of).choices
        labels = {choice.key: choice.label for choice in choices}
        wrong = [key for key, label in groups if labels.get(key, label) != label]
        of_choices = [key for key in keys if key in labels]
        wrong += [] if of_choices == [key for key in labels if key in keys] else of_choices
        fix = "return groups with the labels and in the order of the question's choices"
    elif group_by.kind == "period":
        wrong = [key for key, label in groups if _period_label(group_by.of, key) != label]
        wrong += [one.key for one in window.groups if not one.counts.responses]
        wrong += [key for key, following in pairwise(keys) if key >= following]
        fix = (
            "use the keys, labels and order of periods in `smaply_metrics_core.date_ranges`, and "
            "return only periods with counted responses"
        )
    else:
        wrong = [key for key, label in groups if not label.strip()]
        fix = "return a label for each group, by default its key"
    expect(
        not wrong,
        f"{name}: the groups {', '.join(wrong)} have wrong labels, are in the wrong order, or are "
        "empty.",
        fix,
    )


def _equal(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _period_label(kind: str, key: str) -> str:
    """Return the label of a period's key; empty for an invalid key."""
    try:
        return period_label(Period(kind), period_of_key(Period(kind), key))
    except ValueError:
        return ""
