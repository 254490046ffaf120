"""Compare the numbers of whole studies with those read directly from their CSV files."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import pytest

from plugins.qualtrics.tests.connector.study_csv import StudyCsv
from plugins.qualtrics.tests.connector.support import NOW, Account, account, query
from plugins.qualtrics_sandbox.tests.studies import catalog, hotel_stay, stream_loops
from plugins.qualtrics_sandbox.tests.studies.catalog import StudyFacts
from smaply_metrics_core import (
    MetricQuery,
    MetricsError,
    Question,
    QuestionKind,
    Questionnaire,
    QuestionUnavailable,
    Result,
    Tally,
)
from smaply_metrics_core.calculations import calculate
from tests.shared_data import needs_recorded_data


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with all studies."""
    return catalog.gather_studies(tmp_path_factory.mktemp("studies"))


@pytest.fixture(scope="module")
def served(folder: Path) -> Iterator[Account]:
    """All studies in a read-only sandbox."""
    with account(folder, export_polls=0) as own:
        yield own


def ask_all(
    served: Account, study: StudyCsv, questions: list[Question]
) -> Iterator[tuple[Question, Mapping[str, Result | MetricsError]]]:
    """Yield each question with the results of its calculations, all from one export."""
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


def described(served: Account, study: StudyCsv) -> Questionnaire:
    """Return the questionnaire of a study."""
    with served.session() as session:
        return session.questions(study.id)


CHOICES = {QuestionKind.SINGLE_CHOICE, QuestionKind.MULTIPLE_CHOICE, QuestionKind.NPS}


@catalog.every_study
def test_every_choice_question_equals_its_columns(
    served: Account, folder: Path, facts: StudyFacts
) -> None:
    """All numbers equal the CSV file; questions without a column are unavailable."""
    study = StudyCsv(folder / facts.name)
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
    assert measured == facts.measured


NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")


@catalog.every_study
def test_every_other_question_equals_its_columns(
    served: Account, folder: Path, facts: StudyFacts
) -> None:
    """Numbers are averaged; texts, groups and other types are counted."""
    study = StudyCsv(folder / facts.name)
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


class StudyQuestion(NamedTuple):
    """A question or embedded field of a study."""

    study: str
    name: str


def studied(study: str, name: str, *more: object) -> object:
    """Return a test parameter for a question of a study; real studies may be absent."""
    real = study in {facts.name for facts in catalog.REAL}
    marks = [needs_recorded_data] if real else []
    return pytest.param(StudyQuestion(study, name), *more, id=f"{study}-{name}", marks=marks)


@pytest.mark.parametrize(
    "subject",
    [
        studied("hotel_stay", "QID8_FIRST_CLICK"),
        studied("hotel_stay", "QID8_CLICK_COUNT"),
        studied("hotel_stay", "SC_stayScore000001"),
        studied("targeting_fairness", "QID1453_FIRST_CLICK"),
        studied("targeting_fairness", "QID1453_CLICK_COUNT"),
        studied("quantitative_intuition", "SC_9B899jEEz66h0rA"),
    ],
)
def test_times_and_scores_are_averaged(
    served: Account, folder: Path, subject: StudyQuestion
) -> None:
    """The average is the mean of the cells."""
    study = StudyCsv(folder / subject.study)
    numbers = [float(cell) for cell in study.columns[subject.name, ""] if cell]
    result = served.measure(query("average", subject.name, survey=study.id), survey=study.id)
    assert result.current.answered == len(numbers)
    assert result.current.value == pytest.approx(statistics.fmean(numbers))


@pytest.mark.parametrize(
    ("subject", "import_ids"),
    [
        studied("hotel_stay", "QID7", ["QID7_TEXT"]),
        studied("hotel_stay", "QID4_8_TEXT", ["QID4_8_TEXT"]),
        studied("hotel_stay", "QID1", ["QID1_BROWSER", "QID1_VERSION"]),
        studied("stream_loops", "2_QID16_8_TEXT", ["2_QID16_8_TEXT"]),
        studied("museum_visit", "QID2", ["QID2_TEXT"]),
        studied("quantitative_intuition", "QID36", ["QID36_TEXT"]),
        studied("quantitative_intuition", "QID30_27_TEXT", ["QID30_27_TEXT"]),
        studied("targeting_fairness", "QID1451", ["QID1451_TEXT"]),
        studied("recommendation_algorithms", "2_QID26_8_TEXT", ["2_QID26_8_TEXT"]),
        studied("privacy", "QID1", ["QID1_BROWSER", "QID1_VERSION", "QID1_OS", "QID1_RESOLUTION"]),
    ],
)
def test_texts_and_browsers_are_counted(
    served: Account, folder: Path, subject: StudyQuestion, import_ids: list[str]
) -> None:
    """A response answered if any of the question's columns is filled."""
    study = StudyCsv(folder / subject.study)
    cells = zip(*(study.columns[import_id, ""] for import_id in import_ids), strict=True)
    result = served.measure(query("answered", subject.name, survey=study.id), survey=study.id)
    assert result.current.value == sum(map(any, cells))


@pytest.mark.parametrize(
    "subject",
    [
        studied("hotel_stay", "Group"),
        studied("hotel_stay", "order"),
        studied("stream_loops", "target"),
        studied("museum_visit", "Status"),
        studied("privacy", "Group"),
        studied("targeting_fairness", "target"),
        studied("consumer_minimalism", "order"),
    ],
)
def test_groups_by_an_embedded_field_equal_the_csv(
    served: Account, folder: Path, subject: StudyQuestion
) -> None:
    """Each group has as many responses as there are rows with its value."""
    study = StudyCsv(folder / subject.study)
    metric_query = query("responses", group_by=f"field:{subject.name}", survey=study.id)
    result = served.measure(metric_query, survey=study.id)
    counted = Counter(cell for cell in study.columns[subject.name, ""] if cell)
    assert {group.key: group.responses for group in result.groups} == counted


@catalog.every_study
def test_days_are_those_on_which_responses_were_recorded(
    served: Account, folder: Path, facts: StudyFacts
) -> None:
    """Days in the time zone of the file equal the days in the file."""
    study = StudyCsv(folder / facts.name)
    metric_query = query("responses", group_by="period:day", survey=study.id, zone=study.zone)
    result = served.measure(metric_query, survey=study.id)
    days: Counter[str] = Counter()
    for cell in study.columns["recordedDate", ""]:
        day, _, _ = cell.partition(" ")
        if "/" in day:
            month, number, year = map(int, day.split("/"))
            day = datetime(2000 + year % 100, month, number).date().isoformat()  # noqa: DTZ001  # Only the date is used.
        days[day] += 1
    counted = {group.key: group.responses for group in result.groups if group.responses}
    assert counted == days


@pytest.mark.parametrize(
    ("name", "question_ids", "answered"),
    [
        pytest.param("hotel_stay", ("QID1508_1", "QID1509_1"), [17, 21], id="hotel_stay"),
        pytest.param(
            "privacy",
            ("QID1217928509_1", "QID1217928562_1"),
            [1200 - 982, 1200 - 1001],
            id="privacy",
            marks=needs_recorded_data,
        ),
    ],
)
def test_equal_headers_are_two_questions(
    served: Account, folder: Path, name: str, question_ids: tuple[str, ...], answered: list[int]
) -> None:
    """Two columns with the header Q2_1 but different ImportIds are distinguished."""
    study = StudyCsv(folder / name)
    values = []
    for question_id in question_ids:
        result = served.measure(query("average", question_id, survey=study.id), survey=study.id)
        values.append(result.current.answered)
    assert values == answered


def test_numbers_counted_by_hand(served: Account) -> None:
    """The numbers of the hotel study equal those counted by hand from its patterns.

    Of 60 responses, 6 are unfinished, 5 are previews (one of them preview spam), 1 is a test and 1
    is spam. The NPS pattern is “10 9 7 3 blank”, 12 times each. The excluded responses answered 10
    (number 20), 7 (7, 22, 37, 52) and 3 (33), which leaves 11, 12, 8 and 11.
    """

    def measure(calculation: str, question_id: str | None = None, **options: object) -> Result:
        metric_query = query(calculation, question_id, survey=hotel_stay.SURVEY_ID, **options)  # type: ignore[arg-type]
        return served.measure(metric_query, survey=hotel_stay.SURVEY_ID)

    everyone = measure("responses").current
    assert everyone.responses == 47
    assert everyone.excluded == {"unfinished": 6, "preview": 5, "test": 1, "spam": 1}
    nps = measure("nps", "QID2").current
    assert nps.answered == 42
    assert nps.value == pytest.approx(100 * (11 + 12 - 11) / 42)
    by_answer = measure("distribution", "QID2").groups
    assert {group.key: group.answered for group in by_answer if group.answered} == {
        "10": 11,
        "9": 12,
        "7": 8,
        "3": 11,
    }
    loops = query("answered", "QID30", survey=stream_loops.SURVEY_ID)
    # 30 responses saw loop 1 and 20 loop 2; a fifth of each pattern is blank.
    assert served.measure(loops, survey=stream_loops.SURVEY_ID).current.value == 24 + 16
