"""Contract tests: what a source counts, and what the framework makes of it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from itertools import pairwise

from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.date_ranges import period_key, period_label, period_of_key, zone_info
from smaply_metrics_core.errors import GroupingRefused, MetricsError
from smaply_metrics_core.models.query import (
    Calculation,
    GroupBy,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.survey import Question
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import broken, expect, unexpected, unknown_instant
from smaply_metrics_core.testing.suite import reference_calculations
from smaply_metrics_core.testing.suite.queries import (
    DAY,
    SECOND,
    ZONE,
    ask,
    best_question,
    every_calculation,
    everything_to_group_by,
    month_borders,
)
from smaply_metrics_core.testing.suite.subjects.surveys import SurveyTests
from smaply_metrics_core.testing.suite.tally_invariants import (
    added,
    check_counts,
    check_groups,
    check_share,
    check_tally,
    flat,
    query_tally,
)

Answers = Mapping[str, Tally | MetricsError]

HALF_OPEN = (
    "count a response when start <= recorded < end, in the instants of the query's windows and "
    "not in days of some zone"
)
BY_MONTH = GroupBy(kind="period", of=Period.MONTH)


class TallyTests(SurveyTests):
    """Calculations, groups, date ranges, batches."""

    def fetch(self, scenario: str, *queries: MetricQuery) -> Answers:
        """Have queries about the author's survey answered in one call."""
        return self.run(scenario, lambda session: session.fetch(self.survey_id, queries))

    def _calculations(self) -> tuple[tuple[tuple[Question, MetricQuery], ...], Answers]:
        asked = tuple(every_calculation(self.questionnaire()))
        return asked, self.fetch("calculations", *self._asked_for(asked))

    def _asked_for(self, asked: Sequence[tuple[Question, MetricQuery]]) -> tuple[MetricQuery, ...]:
        return (ask("responses", self.survey_id), *(query for _, query in asked))

    def test_each_declared_calculation_is_answered_with_a_consistent_tally(self) -> None:
        """Every calculation of every question gets a tally that adds up."""
        asked, answers = self._calculations()
        run = self._outcomes["calculations"]
        for question, query in asked:
            check_tally(query.id, query_tally(answers, query), question, run.started, run.ended)
        expect(
            any(
                query_tally(answers, query).window("current").total.answered
                for question, query in asked
                if question.choices
            ),
            f"Nobody has answered anything in the survey {self.survey_id}.",
            "name a survey with answers in `survey_id`: on an empty one every test passes",
        )

    def test_each_declared_calculation_agrees_with_its_definition(self) -> None:
        """The number made of a tally is that of the definition, worked out the slow way."""
        asked, answers = self._calculations()
        for question, query in asked:
            tally = query_tally(answers, query)
            counts = tally.window("current").total
            try:
                result = calculate(query, tally, self.now)
            except MetricsError as error:
                raise unexpected(error, f"Calculating {query.id}") from None
            if query.definition.calculation is Calculation.DISTRIBUTION:
                wanted = reference_calculations.distribution(question.choices, counts)
                found = {group.key: group.value for group in result.groups if counts.answered}
                fits = wanted.keys() == found.keys() and all(
                    _same(wanted[key], found[key]) for key in wanted
                )
            else:
                one = reference_calculations.number(query.definition, question.choices, counts)
                fits = _same(one, result.current.value)
                check_share(query.id, query.definition.answers, counts)
            expect(
                fits,
                f"{query.id}: the framework makes {result.current.value} of a tally from which "
                "the definition makes another number.",
                "look at the tally's answers and choices: a key or a value is not what it seems",
            )

    def test_calculations_of_one_question_count_the_same_responses(self) -> None:
        """Whatever is calculated, the same responses count, and the same are left out."""
        asked, answers = self._calculations()
        plain = answers["responses"]
        if isinstance(plain, MetricsError):
            raise unexpected(plain, "Counting responses without a question")
        everybody = plain.window("current")
        first: dict[str, dict[str, dict[str, int]]] = {}
        for question, query in asked:
            window = query_tally(answers, query).window("current")
            expect(
                window.total.responses == everybody.total.responses
                and dict(window.excluded) == dict(everybody.excluded),
                f"{query.id} counts {window.total.responses} responses, the survey has "
                f"{everybody.total.responses} that count.",
                "count every response of the survey for each of its questions: who was not asked "
                "is unanswered, with a reason",
            )
            numbers = {name: part for name, part in flat(window).items() if name != "answers"}
            expect(
                first.setdefault(question.id, numbers) == numbers,
                f"{query.id} counts other answers than the first calculation of {question.id}.",
                "let the calculation decide nothing about who answered",
            )

    def _grouped(self) -> tuple[Answers, Question]:
        question = best_question(self.questionnaire())
        answered = Calculation.ANSWERED
        queries = [
            ask(
                str(group_by or "whole"),
                self.survey_id,
                calculation=answered,
                question=question,
                group_by=group_by,
            )
            for group_by in (None, *(by for by, _ in everything_to_group_by(self.questionnaire())))
        ]
        return self.fetch("groups", *queries), question

    def test_group_bys_sum_up(self) -> None:
        """The groups of a question, a field or a period hold every response that counts."""
        answers, question = self._grouped()
        whole = answers["whole"]
        if isinstance(whole, MetricsError):
            raise unexpected(whole, f"Counting the answers of {question.id}")
        for group_by, several in everything_to_group_by(self.questionnaire()):
            name = f"{question.id} by {group_by}"
            tally = answers[str(group_by)]
            if isinstance(tally, GroupingRefused):
                continue  # Too many groups in the data: refusing them is right.
            if isinstance(tally, MetricsError):
                raise unexpected(tally, name)
            window = tally.window("current")
            expect(
                flat(window) == flat(whole.window("current")),
                f"{name}: grouping changes what counts altogether.",
                "give in `total` what the query counts without its group by",
            )
            check_groups(name, window, several=several)
            for group in window.groups:
                check_counts(f"{name}, {group.key}", group.counts, question)
            self._check_labels(name, group_by, tally)

    def _check_labels(self, name: str, group_by: GroupBy, tally: Tally) -> None:
        window = tally.window("current")
        groups = [(group.key, group.label) for group in window.groups]
        if group_by.kind == "question":
            choices = self.questionnaire().question(group_by.of).choices
            known = {choice.key: choice.label for choice in choices}
            wrong = [key for key, label in groups if known.get(key, label) != label]
            held = {key for key, _ in groups}
            kept = [key for key, _ in groups if key in known]
            wrong += [] if kept == [key for key in known if key in held] else kept
            fix = "label each group as the choice of its key, and give them in the order of those"
        elif group_by.kind == "period":
            wrong = [key for key, label in groups if _period(group_by.of, key) != label]
            keys = [key for key, _ in groups]
            wrong += [one.key for one in window.groups if not one.counts.responses]
            wrong += [key for key, nxt in pairwise(keys) if key >= nxt]
            fix = (
                "take keys, labels and order of periods from `smaply_metrics_core.date_ranges`, "
                "and give those alone in which a response counts"
            )
        else:
            wrong = [key for key, label in groups if not label.strip()]
            fix = "label each group, with its key where there is nothing better"
        expect(
            not wrong,
            f"{name}: the groups {', '.join(wrong)} are labelled or ordered wrongly, or empty.",
            fix,
        )

    def _borders(self) -> tuple[datetime, datetime, datetime]:
        answers, _ = self._grouped()
        tally = answers[str(BY_MONTH)]
        if isinstance(tally, MetricsError):
            raise unexpected(tally, "Grouping by month")
        try:
            return month_borders(tally)
        except ValueError:
            raise broken(
                f"All responses of {self.survey_id} were recorded in one month.",
                "name a survey that ran for several months in `survey_id`",
            ) from None

    def _ranges(self) -> Mapping[str, Tally]:
        start, middle, end = self._borders()
        spans = {"whole": (start, end), "before": (start, middle), "after": (middle, end)}
        at = self.recorded_at
        if at is not None:
            spans |= {
                "around": (at - DAY, at + DAY),
                "up to": (at - DAY, at),
                "from": (at, at + DAY),
                "next": (at + DAY, at + 2 * DAY),
                "second": (at, at + SECOND),
            }
        question = best_question(self.questionnaire())
        queries = [
            ask(
                name,
                self.survey_id,
                calculation=Calculation.ANSWERED,
                question=question,
                windows=(Window(start=since, end=until),),
            )
            for name, (since, until) in spans.items()
        ]
        compared = ask(
            "compared",
            self.survey_id,
            calculation=Calculation.ANSWERED,
            question=question,
            windows=(
                Window(start=middle, end=end),
                Window(name="previous", start=start, end=middle),
            ),
        )
        queries.append(compared)
        if at is not None:
            queries += [
                compared.model_copy(
                    update={
                        "id": name,
                        "windows": (
                            Window(start=border, end=border + DAY),
                            Window(name="previous", start=border - DAY, end=border),
                        ),
                    }
                )
                for name, border in (("compared at", at), ("compared after", at + DAY))
            ]
        answers = self.fetch("ranges", *queries)
        return {query.id: query_tally(answers, query) for query in queries}

    def test_two_adjacent_ranges_add_up_to_their_union(self) -> None:
        """What was recorded before an instant and what since then are all, and none twice."""
        tallies = {name: tally.window("current") for name, tally in self._ranges().items()}
        parts = added(tallies["before"], tallies["after"])
        expect(
            parts == flat(tallies["whole"]) and tallies["before"].total.responses,
            f"Before and after the middle of the survey count {parts['counted']}, both together "
            f"{flat(tallies['whole'])['counted']}.",
            HALF_OPEN,
        )

    def test_periods_and_ranges_count_the_same(self) -> None:
        """The months before an instant hold what the range up to it counts."""
        _, middle, _ = self._borders()
        border = period_key(Period.MONTH, middle.astimezone(zone_info(ZONE)).date())
        answers, _ = self._grouped()
        by_month = answers[str(BY_MONTH)]
        assert isinstance(by_month, Tally)  # noqa: S101  # Its borders were found.
        groups = by_month.window("current").groups
        held = sum(group.counts.responses for group in groups if group.key < border)
        counted = self._ranges()["before"].window("current").total.responses
        expect(
            held == counted,
            f"The months before {border} hold {held} responses, and the dates before it {counted}.",
            "cut days, weeks, months, quarters and years at midnight in the query's zone",
        )

    def test_the_start_of_a_range_counts_and_its_end_does_not(self) -> None:
        """A response recorded exactly at a border belongs to what begins there, and to no other."""
        if self.recorded_at is None:
            raise unknown_instant()
        tallies = {name: tally.window("current") for name, tally in self._ranges().items()}
        expect(
            tallies["second"].total.responses,
            f"No response counts in the second that begins at {self.recorded_at}.",
            f"{HALF_OPEN}; or correct `recorded_at`",
        )
        expect(
            added(tallies["up to"], tallies["from"]) == flat(tallies["around"]),
            f"The response of {self.recorded_at} counts twice, or not at all, where two ranges "
            "meet.",
            HALF_OPEN,
        )

    def test_both_windows_of_a_comparison_are_counted(self) -> None:
        """A Comparison's two windows count what each counts alone."""
        tallies = self._ranges()
        for name, current, previous in (
            ("compared", "after", "before"),
            ("compared at", "from", "up to"),
            ("compared after", "next", "from"),
        ):
            if name not in tallies:
                continue  # Nobody knows when a response was recorded.
            both = tallies[name]
            expect(
                flat(both.window("current")) == flat(tallies[current].window("current"))
                and flat(both.window("previous")) == flat(tallies[previous].window("current")),
                "A query with two windows counts other responses than one for each window.",
                "count every window of a query by its own start and end; each holds its start, "
                "and not its end",
            )


def _same(one: float | None, other: float | None) -> bool:
    if one is None or other is None:
        return one is other
    return math.isclose(one, other, rel_tol=1e-9, abs_tol=1e-9)


def _period(kind: str, key: str) -> str:
    try:
        return period_label(Period(kind), period_of_key(Period(kind), key))
    except ValueError:
        return ""
