"""Real studies through sandbox and connector, against their CSVs read in the simplest way.

The studies are not part of the project; without them these tests are skipped. The reader here
shares nothing with the connector: it counts cells with the csv module alone.
"""

from __future__ import annotations

import csv
import json
import re
import statistics
import sys
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from plugins.qualtrics.tests.connector.support import NOW, Account, account, query
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.errors import MetricsError, QuestionUnavailable
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.survey import Question, QuestionKind, Questionnaire
from smaply_metrics_core.models.tally import Tally

STUDIES = Path(__file__).parents[5] / "shared" / "qualtrics" / "recorded" / "surveys"
NAMES = (
    "consumer_minimalism",
    "privacy",
    "quantitative_intuition",
    "recommendation_algorithms",
    "targeting_fairness",
)
MEASURED = {
    "consumer_minimalism": 16,
    "privacy": 10,
    "quantitative_intuition": 61,
    "recommendation_algorithms": 29,
    "targeting_fairness": 2,
}
"""How many choice questions (rows, loops, and loops together) have columns in the CSV."""

pytestmark = pytest.mark.skipif(not STUDIES.is_dir(), reason="the recorded studies are not here")


class Study:
    """A study's CSV, column by ImportId and choice, and its survey."""

    def __init__(self, folder: Path) -> None:
        csv.field_size_limit(sys.maxsize)
        with (folder / "responses.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        self.rows = [row for row in rows[3:] if any(row)]
        self.columns: dict[tuple[str, str], list[str]] = {}
        for place, cell in enumerate(rows[2]):
            if cell.startswith("{"):
                key = json.loads(cell)
                name = (key["ImportId"], str(key.get("choiceId", "")))
                self.columns[name] = [row[place] for row in self.rows]
        survey = json.loads((folder / "survey.qsf").read_text(encoding="utf-8"))
        self.id = survey["SurveyEntry"]["SurveyID"]
        self.questions: dict[str, dict[str, Any]] = {
            element["Payload"]["QuestionID"]: element["Payload"]
            for element in survey["SurveyElements"]
            if element["Element"] == "SQ"
        }

    def not_analyzed(self, question_id: str) -> set[str]:
        """Give the exported numbers of the answers that are left out of analyses."""
        (base,) = (part for part in question_id.split("_") if part.startswith("QID"))
        question = self.questions[base]
        recodes = question.get("RecodeValues") or {}
        return {
            str(recodes.get(choice, choice))
            for choice, analyze in (question.get("AnalyzeChoices") or {}).items()
            if analyze == "No"
        }

    def loops(self, question_id: str) -> list[str]:
        """Give the ids of a question in each of its loops; its own outside of loops."""
        if not question_id.startswith("QID"):
            return [question_id]
        found = {
            import_id.partition("_QID")[0]
            for import_id, _ in self.columns
            if re.match(rf"[^_]+_{question_id}(_|$)", import_id)
        }
        return [f"{loop}_{question_id}" for loop in sorted(found)] or [question_id]

    def parts(self, question_id: str) -> list[list[str]]:
        """Give the columns of a question and of its parts, without orders and groups."""
        return [
            cells
            for (import_id, _), cells in self.columns.items()
            if re.fullmatch(rf"{question_id}([_#].*)?", import_id)
            and not re.search(r"_DO$|_NPS_GROUP$|_TEXT_[0-9a-f]{24}", import_id)
        ]

    def single(self, question_id: str) -> list[str]:
        """Give the one column of a number or a text; nothing when it was cut."""
        named = self.columns.get((f"{question_id}_TEXT", ""), [])
        return named or self.columns.get((question_id, ""), [])

    def exports(self, question_id: str) -> bool:
        """Whether the CSV has a column for a question, or for one of its loops."""
        names = {question_id, f"{question_id}_TEXT", *self.loops(question_id)}
        return any(import_id in names for import_id, _ in self.columns)

    def responses(self, question_id: str) -> int:
        """Give how many responses there are to a question: in loops one for each, at least one."""
        loops = self.loops(question_id)
        if loops == [question_id]:
            return len(self.rows)
        asked = [
            sum(any(cells[place] for cells in self.parts(loop)) for loop in loops)
            for place in range(len(self.rows))
        ]
        return sum(max(1, times) for times in asked)

    def answers(self, question_id: str) -> list[set[str]]:
        """Give the answers of each response, and each loop, that counts as answered."""
        return [given for loop in self.loops(question_id) for given in self._answers(loop)]

    def _answers(self, question_id: str) -> list[set[str]]:
        void = self.not_analyzed(question_id)
        single = self.columns.get((question_id, ""))
        if single is not None:
            return [{cell} for cell in single if cell and cell not in void]
        several = {
            choice: cells
            for (import_id, choice), cells in self.columns.items()
            if import_id == question_id and choice not in void
        }
        given = (
            {choice for choice, cells in several.items() if cells[place]}
            for place in range(len(self.rows))
        )
        return [answers for answers in given if answers]


@pytest.fixture(scope="module")
def served() -> Iterator[Account]:
    """All studies in one sandbox, read only."""
    with account(STUDIES, export_polls=0) as own:
        yield own


def ask_all(
    served: Account, study: Study, questions: list[Question]
) -> Iterator[tuple[Question, Mapping[str, Result | MetricsError]]]:
    """Measure everything that each question allows, all of it from one export."""
    queries: dict[str, MetricQuery] = {}
    for question in questions:
        for calculation in question.calculations:
            if calculation in {"answered", "average", "distribution"}:
                query_id = f"{question.id} {calculation}"
                queries[query_id] = query(
                    calculation, question.id, query_id=query_id, survey=study.id
                )
    outcomes = served.fetch(*queries.values(), survey=study.id)
    for question in questions:
        yield (
            question,
            {
                query_id.split(" ")[1]: calculate(queries[query_id], outcome, NOW)
                if isinstance(outcome, Tally)
                else outcome
                for query_id, outcome in outcomes.items()
                if query_id.split(" ")[0] == question.id
            },
        )


def described(served: Account, study: Study) -> Questionnaire:
    """Give the study as the connector describes it."""
    with served.session() as session:
        return session.questions(study.id)


CHOICES = {QuestionKind.SINGLE_CHOICE, QuestionKind.MULTIPLE_CHOICE, QuestionKind.NPS}


@pytest.mark.parametrize("name", NAMES)
def test_every_choice_question_equals_its_columns(served: Account, name: str) -> None:
    """All numbers are those of the CSV; what people cut out of it is said to be missing."""
    study = Study(STUDIES / name)
    questions = [one for one in described(served, study).walk() if one.kind in CHOICES]
    measured = 0
    for question, results in ask_all(served, study, questions):
        if not study.exports(question.id):
            assert {type(result) for result in results.values()} == {QuestionUnavailable}
            continue
        measured += 1
        answers = study.answers(question.id)
        answered, distribution = results["answered"], results["distribution"]
        assert isinstance(answered, Result)
        assert answered.current.value == len(answers), question.id
        assert answered.current.responses == study.responses(question.id), question.id
        counted = Counter(answer for given in answers for answer in given)
        assert isinstance(distribution, Result)
        assert {group.key: group.answered for group in distribution.groups if group.answered} == (
            counted
        ), question.id
        for group in distribution.groups:
            share = 100 * counted[group.key] / len(answers)
            assert group.value == pytest.approx(share), question.id
        if question.kind is QuestionKind.MULTIPLE_CHOICE:
            continue
        average = results["average"]
        assert isinstance(average, Result)
        assert average.current.value == pytest.approx(
            statistics.fmean(float(answer) for given in answers for answer in given)
        ), question.id
    assert measured == MEASURED[name]


NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@pytest.mark.parametrize("name", NAMES)
def test_everything_else_equals_its_columns_too(served: Account, name: str) -> None:
    """Numbers are averaged; texts, headings and types without a scale are counted."""
    study = Study(STUDIES / name)
    questions = [one for one in described(served, study).walk() if one.kind not in CHOICES]
    measured = 0
    for question, results in ask_all(served, study, questions):
        measured += 1
        columns = [study.parts(loop) for loop in study.loops(question.id)]
        if question.kind in {QuestionKind.NUMBER, QuestionKind.TEXT}:
            columns = [[study.single(loop)] for loop in study.loops(question.id)]
        if not any(cells for loop in columns for cells in loop):
            assert {type(result) for result in results.values()} <= {QuestionUnavailable}
            continue
        if question.kind is QuestionKind.GROUP:
            assert "answered" not in results
            continue
        filled = sum(any(row) for loop in columns for row in zip(*loop, strict=True))
        answered = results["answered"]
        assert isinstance(answered, Result)
        if question.kind is not QuestionKind.NUMBER:
            assert answered.current.value == filled, question.id
            continue
        numbers = [float(cell) for loop in columns for cell in loop[0] if NUMBER.fullmatch(cell)]
        assert answered.current.value == len(numbers), question.id
        unreadable = answered.current.unanswered.get("unreadable", 0)
        assert unreadable == filled - len(numbers), question.id
        average = results["average"]
        assert isinstance(average, Result)
        expected = pytest.approx(statistics.fmean(numbers)) if numbers else None
        assert average.current.value == expected, question.id
    assert measured


@pytest.mark.parametrize(
    ("name", "question_id"),
    [
        ("targeting_fairness", "QID1453_FIRST_CLICK"),
        ("targeting_fairness", "QID1453_CLICK_COUNT"),
        ("quantitative_intuition", "SC_9B899jEEz66h0rA"),
    ],
)
def test_times_and_scores_are_averaged(served: Account, name: str, question_id: str) -> None:
    """Numbers that are no answers are the mean of their cells."""
    study = Study(STUDIES / name)
    numbers = [float(cell) for cell in study.columns[question_id, ""] if cell]
    result = served.measure(query("average", question_id, survey=study.id), survey=study.id)
    assert result.current.answered == len(numbers)
    assert result.current.value == pytest.approx(statistics.fmean(numbers))


@pytest.mark.parametrize(
    ("name", "question_id", "import_ids"),
    [
        ("quantitative_intuition", "QID36", ["QID36_TEXT"]),
        ("quantitative_intuition", "QID30_27_TEXT", ["QID30_27_TEXT"]),
        ("targeting_fairness", "QID1451", ["QID1451_TEXT"]),
        ("recommendation_algorithms", "2_QID26_8_TEXT", ["2_QID26_8_TEXT"]),
        ("privacy", "QID1", ["QID1_BROWSER", "QID1_VERSION", "QID1_OS", "QID1_RESOLUTION"]),
    ],
)
def test_texts_and_browsers_are_counted(
    served: Account, name: str, question_id: str, import_ids: list[str]
) -> None:
    """A response answered when any of the question's columns holds something."""
    study = Study(STUDIES / name)
    cells = zip(*(study.columns[import_id, ""] for import_id in import_ids), strict=True)
    result = served.measure(query("answered", question_id, survey=study.id), survey=study.id)
    assert result.current.value == sum(any(cell.strip() for cell in row) for row in cells)


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("privacy", "Group"),
        ("targeting_fairness", "target"),
        ("consumer_minimalism", "order"),
    ],
)
def test_groups_by_an_embedded_field_equal_the_csv(served: Account, name: str, field: str) -> None:
    """Every group has as many responses as rows hold its value."""
    study = Study(STUDIES / name)
    asked = query("responses", group_by=f"field:{field}", survey=study.id)
    result = served.measure(asked, survey=study.id)
    counted = Counter(cell for cell in study.columns[field, ""] if cell)
    assert {group.key: group.responses for group in result.groups} == counted


@pytest.mark.parametrize("name", NAMES)
def test_days_are_those_on_which_responses_were_recorded(served: Account, name: str) -> None:
    """Groups by day, in the zone that the study's file was saved in, are the days in the file."""
    study = Study(STUDIES / name)
    zone = "America/Denver" if name == "targeting_fairness" else "America/New_York"
    asked = query("responses", group_by="period:day", survey=study.id, zone=zone)
    result = served.measure(asked, survey=study.id)
    days: Counter[str] = Counter()
    for cell in study.columns["recordedDate", ""]:
        day, _, _ = cell.partition(" ")
        month, number, year = day.split("/")
        days[datetime(2000 + int(year) % 100, int(month), int(number)).date().isoformat()] += 1  # noqa: DTZ001  # A day has no zone.
    counted = {group.key: group.responses for group in result.groups if group.responses}
    assert counted == days


def test_equal_headers_are_two_questions(served: Account) -> None:
    """The header Q2_1 stands on two ImportIds of one study; each has its own answers."""
    study = Study(STUDIES / "privacy")
    values = []
    for question_id in ("QID1217928509_1", "QID1217928562_1"):
        result = served.measure(query("average", question_id, survey=study.id), survey=study.id)
        values.append(result.current.answered)
    assert values == [1200 - 982, 1200 - 1001]
