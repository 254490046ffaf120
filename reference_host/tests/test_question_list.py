"""The searchable list of questions in the metric form."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import RELATIONSHIP, make
from smaply_metrics_core import Question, QuestionKind, Questionnaire, Survey
from smaply_metrics_core.host import AccountSettings, AnswerCounts, FormOption, Role
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.metric_form.question_list import (
    KINDS,
    QUESTIONS_SHOWN,
    TOO_FEW,
    QuestionList,
    question_list,
)

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"
NONE = FormOption(value="", label="No question")
CAFE = Question(id="QID1", name="caf", text="Wie war das Café?", kind=QuestionKind.NPS)
ROWS = tuple(
    Question(id=f"QID2_{row}", text=text, kind=QuestionKind.SINGLE_CHOICE)
    for row, text in enumerate(("Staff", "Straße"))
)
MATRIX = Question(id="QID2", text="Rate us", kind=QuestionKind.GROUP, sub_questions=ROWS)


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def listed(form: MetricForm, *questions: Question, deleted: str = "") -> QuestionList:
    """Return the list of a survey with questions that can all be chosen."""
    survey = Questionnaire(survey=Survey(id="SV_1", name="Mine"), questions=questions)
    options = (NONE, *(option(one) for one in questions))
    return question_list(form, options, survey, deleted)


def option(question: Question) -> FormOption:
    """Return the option of a question."""
    rows = tuple(option(row) for row in question.sub_questions)
    return FormOption(value=question.id, label=question.text, rows=rows)


def values(found: QuestionList) -> list[str]:
    """Return the ids of the listed questions."""
    return [one.value for _, entries in found.groups for one in entries]


@pytest.mark.parametrize(
    ("sought", "found"),
    [
        ("", ["", "QID1", "QID2", "QID2_0", "QID2_1"]),
        ("CAFE", ["", "QID1"]),
        (" cafe\u0301 ", ["", "QID1"]),
        ("strasse", ["", "QID2_1"]),
        ("qid2_", ["", "QID2_0", "QID2_1"]),
        ("caf", ["", "QID1"]),
        ("rate", ["", "QID2", "QID2_0", "QID2_1"]),
        ("nothing of this", [""]),
    ],
)
def test_questions_are_found_by_text_id_name_and_heading(sought: str, found: list[str]) -> None:
    """The search ignores case and accents; the chosen entry is always listed."""
    form = MetricForm(question_search=sought)
    result = listed(form, CAFE, MATRIX)
    assert values(result) == found
    assert result.matching == len(found) - 1
    assert result.total == 4


def test_rows_are_listed_under_their_heading() -> None:
    """A row is named with its heading where it is shown alone."""
    result = listed(MetricForm(question="QID2_0", question_search="caf"), CAFE, MATRIX)
    assert [heading for heading, _ in result.groups] == ["", "Rate us"]
    assert values(result) == ["QID1", "QID2_0"]
    assert result.chosen.full_label == "Rate us \N{EN DASH} Staff"
    assert (
        listed(MetricForm(question="QID2"), MATRIX).chosen.full_label
        == "Rate us \N{EN DASH} All rows"
    )


def test_a_question_with_a_text_field_is_not_all_rows() -> None:
    """It has answers of its own, so it has its text, and only the field has a heading."""
    field = Question(id="QID3_TEXT", text="Other: text", kind=QuestionKind.TEXT)
    several = Question(
        id="QID3", text="Pick some", kind=QuestionKind.MULTIPLE_CHOICE, sub_questions=(field,)
    )
    result = listed(MetricForm(question="QID3"), several)
    assert result.chosen.full_label == "Pick some"
    assert [heading for heading, _ in result.groups] == ["", "Pick some"]


def test_a_long_list_is_limited() -> None:
    """The chosen question is listed in any case, and the number of the others is stated."""
    many = [
        Question(id=f"Q{number}", text=f"Topic {number}", kind=QuestionKind.TEXT)
        for number in range(QUESTIONS_SHOWN + 20)
    ]
    result = listed(MetricForm(question=many[-1].id), *many)
    assert values(result) == ["", *(one.id for one in many[:QUESTIONS_SHOWN]), many[-1].id]
    assert (result.matching, result.more) == (len(many), 20)


def test_a_deleted_question_stays_chosen() -> None:
    """It is listed first, without a type."""
    result = listed(MetricForm(question="QID9"), CAFE, deleted="Old text")
    assert values(result) == ["QID9", "", "QID1"]
    assert (result.chosen.label, result.chosen.kind) == ("Old text (deleted)", "")


def test_numbers_of_answers_are_stated_where_they_are_known() -> None:
    """A hidden number is told apart from an unknown one."""
    options = (NONE, option(CAFE), option(MATRIX))
    survey = Questionnaire(survey=Survey(id="SV_1", name="Mine"), questions=(CAFE, MATRIX))
    answers = AnswerCounts(
        counts={"QID1": 1204, "QID9": 7, "QID2_0": 1},
        few=frozenset({"QID2_1"}),
        as_of=None,
        failed=False,
        due=False,
    )
    found = question_list(MetricForm(question="QID1"), options, survey, "", answers)
    stated = {one.value: one.answers for _, entries in found.groups for one in entries}
    assert stated == {
        "": "",
        "QID1": "1,204 answers",
        "QID2": "",
        "QID2_0": "1 answer",
        "QID2_1": TOO_FEW,
    }
    assert found.chosen.answers == "1,204 answers"


def test_every_type_has_a_word() -> None:
    """A new kind of question needs a badge."""
    assert set(KINDS) == set(QuestionKind)


def test_the_form_searches_questions_and_keeps_the_chosen_one(world: World) -> None:
    """The search works without scripts, survives a preview, and ends with another survey."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)
    assert '<span class="chip neutral">NPS 0\N{EN DASH}10</span>' in form.page
    form.choose(question="QID1", question_search="statements")
    assert "QID4_1" in form.offered("question")
    assert "QID3" not in form.offered("question")
    assert form.fields["question"] == ["QID1"]

    form.press("/metrics/preview")
    assert form.fields["question_search"] == ["statements"]
    form.choose(question_search="<i>none</i>")
    assert "No question matches “<bdi>&lt;i&gt;none&lt;/i&gt;</bdi>”." in form.page
    assert form.offered("question") == ["QID1"]
    form.choose(survey="SV_StorePilotDemoA")
    assert form.fields["question_search"] == [""]


def test_the_answers_of_a_survey_are_counted_on_request(world: World) -> None:
    """One export counts all questions; the form keeps its choices, and the count rests an hour."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)
    assert 'class="quiet question-answers"' not in form.page
    world.sandbox.state.clear_log()

    form.press("/metrics/answers", question="QID1", name="Mine")
    assert form.fields["name"] == ["Mine"]
    listed = re.findall(r'question-answers">([\d,]+) answers</span>', form.page)
    assert len(listed) > 5
    assert "Answers over all time, counted" in form.page
    assert "Count the answers" not in form.page
    exports = [
        one for one in world.sandbox.state.calls() if one["path"].endswith("/export-responses")
    ]
    assert len(exports) == 1

    world.run(
        world.app_state.metrics.accounts.edit(world.actor(), AccountSettings(minimum_group=1000))
    )
    form.choose()
    assert TOO_FEW in form.page
    world.clock.forward(timedelta(hours=2))
    form.choose()
    assert "Count the answers" in form.page
    world.sandbox.state.add_fault("export_start", kind="status", status=403, times=0)
    problem = form.send("/metrics/answers")
    assert problem.url.path.startswith("/jobs/")
    form.choose()
    assert "The answers could not be counted" in form.page
    assert TOO_FEW in form.page


def test_numbers_of_answers_need_a_survey(world: World) -> None:
    """Without one, the form says so."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), "/metrics/new?source=qualtrics")
    assert "No survey is chosen." in form.send("/metrics/answers").text


def test_the_list_is_closed_when_a_metric_is_edited(world: World) -> None:
    """The chosen question is shown with its type; the list opens on request."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), f"/metrics/{make(world).id}/edit")
    assert '<details class="question-picker">' in form.page
    assert form.fields["question"] == ["QID1"]
    assert '<details class="question-picker" open>' in FormFiller(form.browser, START).page
