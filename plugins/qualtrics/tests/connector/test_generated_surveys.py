"""Compare the numbers of generated surveys with those of an independent reader.

The generated surveys have features that the recorded studies lack: every status, unfinished
responses, NPS, multiple answers and “not applicable”.
"""

from __future__ import annotations

import csv
import json
import statistics
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from plugins.qualtrics.tests.connector.support import NOW, Account, account, query
from smaply_metrics_core import ExclusionReason, MetricQuery, Question, Result, Tally, Window
from smaply_metrics_core.calculations import calculate, describe_responses
from smaply_metrics_qualtrics_sandbox import generate

NAMES = ("relationship", "support", "store")
KINDS = {"1": "preview", "9": "preview", "17": "preview", "2": "test"} | dict.fromkeys(
    ("8", "12", "40"), "spam"
)


class Simple:
    """The definition and responses of a survey, read without the source."""

    def __init__(self, folder: Path) -> None:
        self.definition: dict[str, Any] = json.loads(
            (folder / "survey.json").read_text(encoding="utf-8")
        )
        self.id = self.definition["SurveyID"]
        with (folder / "responses.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
        keys = [json.loads(cell) for cell in rows[2]]
        self.zone = next(key["timeZone"] for key in keys if key["ImportId"] == "recordedDate")
        self.names = [(key["ImportId"], str(key.get("choiceId", ""))) for key in keys]
        self.rows = [dict(zip(self.names, row, strict=True)) for row in rows[3:]]

    def reason(self, row: dict[tuple[str, str], str]) -> str:
        """Return why a response is excluded, or an empty string if it counts."""
        kind = KINDS.get(row["status", ""], "")
        return kind or ("unfinished" if row["finished", ""] == "0" else "")

    def void(self, question_id: str) -> set[str]:
        """Return the recodes of the answers that are excluded from analyses."""
        body = self.definition["Questions"][question_id.split("_", maxsplit=1)[0]]
        recodes = body.get("RecodeValues") or {}
        left_out = (key for key, yes in (body.get("AnalyzeChoices") or {}).items() if yes == "No")
        return {str(recodes.get(key, key)) for key in left_out}

    def answers(self, question_id: str, counted: frozenset[str]) -> list[set[str]]:
        """Return the answers of each counted response that answered the question."""
        void = self.void(question_id)
        found = []
        for row in self.rows:
            if self.reason(row) not in counted:
                continue
            given = {
                choice or cell
                for (import_id, choice), cell in row.items()
                if import_id == question_id and cell
            }
            if given - void:
                found.append(given - void)
        return found


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the generated surveys."""
    made = tmp_path_factory.mktemp("generated")
    generate(made, seed=11, until=datetime(2026, 2, 28, 12, tzinfo=UTC))
    return made


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Account]:
    """The generated surveys in a read-only sandbox."""
    with account(folder, export_polls=0) as own:
        yield own


def measure_all(
    served: Account, survey: str, queries: dict[tuple[str, str], MetricQuery]
) -> dict[tuple[str, str], Result]:
    """Answer many queries from one export."""
    outcomes = served.fetch(*queries.values(), survey=survey)
    results = {}
    for key, metric_query in queries.items():
        outcome = outcomes[metric_query.id]
        assert isinstance(outcome, Tally), outcome
        results[key] = calculate(metric_query, outcome, NOW)
    return results


def nps_of(answers: list[set[str]]) -> float:
    """Return promoters minus detractors, in percent of the answers."""
    scores = [int(score) for given in answers for score in given]
    promoters = sum(score >= 9 for score in scores)
    detractors = sum(score <= 6 for score in scores)
    return 100 * (promoters - detractors) / len(scores)


CALCULATIONS = {"answered", "average", "distribution", "nps", "top_box", "share"}


@pytest.mark.parametrize(
    "included", [(), (ExclusionReason.UNFINISHED,), (ExclusionReason.SPAM, ExclusionReason.TEST)]
)
@pytest.mark.parametrize("name", NAMES)
def test_every_question_equals_the_file(
    served: Account, folder: Path, name: str, included: tuple[ExclusionReason, ...]
) -> None:
    """The results of all questions equal those counted from the file."""
    simple = Simple(folder / name)
    with served.session() as session:
        questions = [one for one in session.questions(simple.id).walk() if one.choices]
    queries = {
        (question.id, str(calculation)): query(
            calculation,
            question.id,
            query_id=f"{question.id} {calculation}",
            survey=simple.id,
            answers=[question.choices[0].key] if calculation == "share" else (),
            include=included,
        )
        for question in questions
        for calculation in question.calculations
        if calculation in CALCULATIONS
    }
    results = measure_all(served, simple.id, queries)
    counted = frozenset({"", *included})
    whole = [row for row in simple.rows if simple.reason(row) in counted]
    reasons = Counter(simple.reason(row) for row in simple.rows)
    for question in questions:
        given = simple.answers(question.id, counted)
        current = results[question.id, "answered"].current
        assert (current.value, current.responses) == (len(given), len(whole)), question.id
        assert current.recorded == len(simple.rows)
        assert current.excluded == {
            reason: n for reason, n in reasons.items() if reason not in counted
        }
        assert sum(current.unanswered.values()) == len(whole) - len(given)
        _compare(question, given, results)


def _compare(
    question: Question, given: list[set[str]], results: dict[tuple[str, str], Result]
) -> None:
    times = Counter(answer for answers in given for answer in answers)
    groups = results[question.id, "distribution"].groups
    assert {group.key: group.answered for group in groups if group.answered} == times, question.id
    for group in groups:
        assert group.value == pytest.approx(100 * times[group.key] / len(given)), question.id
    first = question.choices[0].key
    share = results[question.id, "share"].current.value
    assert share == pytest.approx(100 * times[first] / len(given)), question.id
    if (question.id, "average") in results:
        values = [float(answer) for answers in given for answer in answers]
        average = results[question.id, "average"].current.value
        assert average == pytest.approx(statistics.fmean(values)), question.id
        highest = max(choice.value or 0 for choice in question.choices if choice.analyze)
        box = results[question.id, "top_box"].current.value
        assert box == pytest.approx(100 * values.count(highest) / len(values)), question.id
    if (question.id, "nps") in results:
        assert results[question.id, "nps"].current.value == pytest.approx(nps_of(given))


def test_not_applicable_is_excluded_from_averages(served: Account, folder: Path) -> None:
    """These answers are counted separately from blank ones."""
    simple = Simple(folder / "relationship")
    assert simple.void("QID2") == {"99"}
    expected = sum(row["QID2", ""] == "99" for row in simple.rows if not simple.reason(row))
    result = served.measure(query("average", "QID2", survey=simple.id), survey=simple.id)
    assert expected > 0
    assert result.current.unanswered["not_applicable"] == expected
    assert result.current.value is not None
    assert 1 <= result.current.value <= 5
    assert result.scale == "1 = Very dissatisfied … 5 = Very satisfied"


def test_not_shown_differs_from_not_answered(served: Account, folder: Path) -> None:
    """A finished response was shown every unconditional question."""
    simple = Simple(folder / "relationship")
    blank = sum(not row["QID3", ""] for row in simple.rows if not simple.reason(row))
    result = served.measure(query("answered", "QID3", survey=simple.id), survey=simple.id)
    assert result.current.unanswered == ({"not_answered": blank} if blank else {})


def test_the_sentence_adds_up(served: Account, folder: Path) -> None:
    """The description of a result contains all recorded responses."""
    simple = Simple(folder / "relationship")
    result = served.measure(query("responses", survey=simple.id), survey=simple.id)
    reasons = Counter(simple.reason(row) for row in simple.rows)
    assert describe_responses(result.current) == (
        f"{reasons['']:,} of {len(simple.rows):,} recorded; {reasons['unfinished']} unfinished, "
        f"{reasons['preview']} previews, {reasons['test']} tests, {reasons['spam']} spam excluded"
    )


@pytest.mark.parametrize("zone", ["America/New_York", "Europe/Vienna", "Pacific/Auckland"])
@pytest.mark.parametrize("period", ["day", "month"])
def test_periods_follow_the_time_zone_across_clock_changes(
    served: Account, folder: Path, zone: str, period: str
) -> None:
    """The responses span two years with all clock changes."""
    simple = Simple(folder / "relationship")
    metric_query = query("responses", group_by=f"period:{period}", survey=simple.id, zone=zone)
    result = served.measure(metric_query, survey=simple.id)
    form = "%Y-%m-%d" if period == "day" else "%Y-%m"
    expected = Counter(
        datetime.fromisoformat(row["recordedDate", ""])
        .replace(tzinfo=ZoneInfo(simple.zone))
        .astimezone(ZoneInfo(zone))
        .strftime(form)
        for row in simple.rows
        if not simple.reason(row)
    )
    assert {group.key: group.responses for group in result.groups if group.responses} == expected
    keys = [group.key for group in result.groups]
    assert keys == sorted(keys)
    assert all(group.value == 0 for group in result.groups if not group.responses)


def test_the_bounds_of_a_short_local_day_are_sent_as_instants(
    served: Account, folder: Path
) -> None:
    """A local day of 23 hours has an inclusive start and an exclusive end."""
    simple = Simple(folder / "relationship")
    spring = Window(
        start=datetime(2025, 3, 30, tzinfo=ZoneInfo("Europe/Vienna")),
        end=datetime(2025, 3, 31, tzinfo=ZoneInfo("Europe/Vienna")),
    )
    served.measure(query("responses", survey=simple.id, windows=[spring]), survey=simple.id)
    body = served.exports()[-1]
    assert body["startDate"] == "2025-03-29T23:00:00Z"
    assert body["endDate"] == "2025-03-30T22:00:00Z"


def test_a_period_without_answers_is_a_gap_and_a_count_of_zero(
    served: Account, folder: Path
) -> None:
    """An empty month has no average; the current month is marked as running."""
    simple = Simple(folder / "store")
    window = Window(start=datetime(2020, 1, 1, tzinfo=UTC), end=NOW)
    queries = {
        (calculation, ""): query(
            calculation,
            "QID1",
            query_id=calculation,
            group_by="period:month",
            survey=simple.id,
            windows=[window],
        )
        for calculation in ("average", "responses")
    }
    results = measure_all(served, simple.id, queries)
    average, count = results["average", ""].groups, results["responses", ""].groups
    assert (average[0].key, average[0].value, count[0].value) == ("2020-01", None, 0)
    assert [group.key for group in count if group.running] == ["2026-03"]
