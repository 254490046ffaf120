"""``answer_queries`` answers the queries of a plugin that reads every question by one rule."""

from __future__ import annotations

import polars as pl
import pytest

from smaply_metrics_core.calculations.row_queries import AnswerExpr, RowReader, answer_queries
from smaply_metrics_core.calculations.rules import allowed_calculations
from smaply_metrics_core.errors import CalculationRefused, MetricsError
from smaply_metrics_core.models.query import Calculation, MetricQuery
from smaply_metrics_core.models.survey import (
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.models.tally import Tally
from tests.calculations.factories import AS_OF, RECORDED, choices, frame, query, scale

KINDS = {
    "STARS": (QuestionKind.SINGLE_CHOICE, scale(1, 5)),
    "USED": (QuestionKind.MULTIPLE_CHOICE, choices("Chat", "Phone")),
    "AGE": (QuestionKind.NUMBER, ()),
}
SURVEY = Questionnaire(
    survey=Survey(id="S", name="Shop"),
    questions=tuple(
        Question(
            id=name,
            text=name,
            kind=kind,
            choices=offered,
            calculations=allowed_calculations(kind, offered),
            can_group_by=bool(offered),
        )
        for name, (kind, offered) in KINDS.items()
    ),
    fields=(EmbeddedField(name="region"),),
    notes=("One column was ignored.",),
)
ROWS = frame(
    ["5", "4", "4", "1"],
    used=["chat,phone", "phone", "", "chat"],
    age=["30", "x", "41.5", "20"],
    region=["north", "west", "north", ""],
    kind=["", "", "", "test"],
)


def read(question: Question) -> AnswerExpr:
    """Return the answer to a question of the test's source."""
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        ticked = pl.col("used").str.split(",")
        return {choice.key: ticked.list.contains(choice.key) for choice in question.choices}
    return pl.col("age" if question.id == "AGE" else "answer")


READING = RowReader(recorded=RECORDED, answer=read, field=pl.col, left_out=pl.col("kind"))


def answer(*asked: MetricQuery) -> dict[str, Tally | MetricsError]:
    """Return the answers to queries by position."""
    numbered = [one.model_copy(update={"id": str(place)}) for place, one in enumerate(asked)]
    return dict(answer_queries(ROWS, numbered, SURVEY, READING, as_of=AS_OF))


def only(asked: MetricQuery) -> Tally:
    """Return the tally of one query."""
    (outcome,) = answer(asked).values()
    assert isinstance(outcome, Tally)
    return outcome


def test_each_kind_of_question_is_counted_its_own_way() -> None:
    """One answer, several answers, numbers and no question are counted."""
    stars = only(query(Calculation.AVERAGE, question_id="STARS"))
    used = only(query(Calculation.DISTRIBUTION, question_id="USED"))
    age = only(query(Calculation.AVERAGE, question_id="AGE"))
    everybody = only(query(question_id=None))

    assert stars.window("current").total.answers == {"4": 2, "5": 1}
    assert stars.window("current").excluded == {"test": 1}
    assert (stars.choices, stars.notes, stars.as_of) == (scale(1, 5), SURVEY.notes, AS_OF)
    assert used.multiple
    assert used.window("current").total.answers == {"chat": 1, "phone": 2}
    assert age.window("current").total.answers == {"30": 1, "41.5": 1}
    assert age.window("current").total.unanswered == {"unreadable": 1}
    assert everybody.window("current").total.responses == 3


def test_groups_have_the_labels_of_their_answers() -> None:
    """Groups of a question have the labels of its choices, groups of a field their values."""
    by_stars = only(query(question_id=None, group_by="question:STARS"))
    by_region = only(query(question_id=None, group_by="field:region"))

    assert [(g.key, g.label) for g in by_stars.window("current").groups] == [
        ("4", "Answer 4"),
        ("5", "Answer 5"),
    ]
    assert [(g.key, g.label) for g in by_region.window("current").groups] == [
        ("north", "north"),
        ("west", "west"),
    ]


def test_filters_are_found_like_questions() -> None:
    """Filters on a field, and on a question that takes several answers, are applied."""
    kept = only(
        query(
            question_id=None,
            filters=[
                {"kind": "field", "of": "region", "values": ["north", "west"]},
                {"kind": "question", "of": "USED", "values": ["chat"]},
            ],
        )
    )

    assert kept.window("current").total.responses == 1


def test_a_query_that_does_not_fit_gets_its_own_error() -> None:
    """A query that does not fit the survey is refused; the others have tallies."""
    outcome = answer(
        query(Calculation.AVERAGE, question_id="STARS"),
        query(Calculation.AVERAGE, question_id="USED"),
        query(Calculation.SUM, question_id="AGE"),
    )

    assert sorted(outcome) == ["0", "1", "2"]
    assert isinstance(outcome["1"], CalculationRefused)
    assert isinstance(outcome["0"], Tally)
    assert isinstance(outcome["2"], Tally)


def test_an_author_may_not_group_by_several_answers() -> None:
    """Grouping by a question that takes several answers is a TypeError."""
    with pytest.raises(TypeError, match="question:USED takes several answers"):
        answer(query(question_id=None, group_by="question:USED"))


def test_a_tally_has_the_text_of_its_question() -> None:
    """From it the host detects changes of the question; inferred questions have none."""
    asked = query(Calculation.AVERAGE, question_id="STARS")
    inferred = SURVEY.model_copy(update={"inferred": True})
    for survey, text in ((SURVEY, "STARS"), (inferred, "")):
        ((_, tally),) = answer_queries(ROWS, [asked], survey, READING, as_of=AS_OF)
        assert isinstance(tally, Tally)
        assert tally.question_text == text
    assert only(query(Calculation.RESPONSES, question_id=None)).question_text == ""
