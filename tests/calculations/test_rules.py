"""A metric whose parts contradict each other is refused before anything is fetched."""

from __future__ import annotations

from typing import Any

import pytest

from smaply_metrics_core.calculations.rules import allowed_calculations, check_definition
from smaply_metrics_core.errors import (
    CalculationRefused,
    GroupingRefused,
    MetricsError,
    QueryInvalid,
    QuestionUnavailable,
)
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.survey import (
    Choice,
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from tests.calculations.factories import NOT_APPLICABLE, choices, scale


def question(
    question_id: str,
    kind: QuestionKind,
    offered: tuple[Choice, ...] = (),
    *,
    note: str = "",
    rows: tuple[Question, ...] = (),
) -> Question:
    """Return a question as a plugin does."""
    return Question(
        id=question_id,
        text=f"The text of {question_id}",
        kind=kind,
        choices=offered,
        calculations=allowed_calculations(kind, offered),
        can_group_by=bool(offered),
        note=note,
        sub_questions=rows,
    )


SURVEY = Questionnaire(
    survey=Survey(id="S", name="Shop"),
    questions=(
        question("NPS", QuestionKind.NPS, scale(0, 10)),
        question("STARS", QuestionKind.SINGLE_CHOICE, scale(1, 5, NOT_APPLICABLE)),
        question("CHANNEL", QuestionKind.SINGLE_CHOICE, choices("Shop", "Web")),
        question("USED", QuestionKind.MULTIPLE_CHOICE, choices("Chat", "Phone")),
        question("AGE", QuestionKind.NUMBER),
        question("WHY", QuestionKind.TEXT, note="Free text is counted, not read."),
        question(
            "GRID",
            QuestionKind.GROUP,
            rows=(question("GRID_1", QuestionKind.SINGLE_CHOICE, scale(1, 5)),),
        ),
    ),
    fields=(EmbeddedField(name="region"), EmbeddedField(name="plan")),
)
WEEK = {"preset": "last_week"}


def define(
    calculation: str, question_id: str | None = None, by: str | None = None, **parts: object
) -> Definition:
    """Return a Number, or a Series if there is a group-by."""
    kind, _, of = (by or "").partition(":")
    return Definition.model_validate(
        {
            "type": "series" if by or calculation == "distribution" else "number",
            "survey_id": "S",
            "question_id": question_id,
            "calculation": calculation,
            "group_by": {"kind": kind, "of": of} if by else None,
            **parts,
        }
    )


def having(kind: str, of: str, *values: str) -> dict[str, Any]:
    """Return a filter on a question or field."""
    return {"filters": [{"kind": kind, "of": of, "values": values}]}


@pytest.mark.parametrize(
    "good",
    [
        define("responses"),
        define("responses", by="period:month"),
        define("responses", by="field:region"),
        define("responses", by="question:CHANNEL"),
        define("responses", "GRID"),
        define("responses", "CHANNEL", by="answer"),
        define("answered", "AGE", by="answer"),
        define("answered", "WHY", by="period:day"),
        define("nps", "NPS"),
        define("nps", "NPS", by="question:GRID_1"),
        define("average", "GRID_1", by="question:CHANNEL"),
        define("average", "AGE", type="comparison", range=WEEK),
        define(
            "nps", "NPS", type="comparison",
            range={"preset": "custom", "start": "2026-01-01", "end": "2026-02-01"},
        ),
        define("top_2_box", "STARS", reverse_scale=True),
        define("share", "STARS", answers=["4", "5"]),
        define("share", "AGE", answers=["18", "19.5"]),
        define("share", "USED", by="answer"),
        define("share", "USED", by="period:week", answers=["chat"]),
        define("distribution", "USED"),
        define("distribution", "AGE", by="answer"),
        define("nps", "NPS", **having("question", "CHANNEL", "web", "shop")),
        define("nps", "NPS", **having("question", "AGE", "18")),
        define("nps", "NPS", **having("field", "region", "North")),
        define("nps", "NPS", **having("question", "STARS", "99")),
    ],
    ids=repr,
)  # fmt: skip
def test_what_can_be_measured_passes(good: Definition) -> None:
    """A metric whose parts fit is accepted."""
    check_definition(good, SURVEY)


@pytest.mark.parametrize(
    ("bad", "error", "message", "remedy"),
    [
        # The rules of the three types.
        (
            define("nps", "NPS", by="period:month", type="number"),
            QueryInvalid, "Number cannot have a group-by", "Series",
        ),
        (define("nps", "NPS", type="series"), QueryInvalid, "Series", "period:month"),
        (
            define("nps", "NPS", by="period:month", type="comparison", range=WEEK),
            QueryInvalid, "Comparison cannot have a group-by", "Series",
        ),
        (
            define("nps", "NPS", type="comparison"),
            QueryInvalid, "All time", "last 28 days",
        ),
        (
            define(
                "nps", "NPS", type="comparison",
                range={"preset": "custom", "start": "2026-01-01"},
            ),
            QueryInvalid, "without a start or an end", "end",
        ),
        (
            define("distribution", "NPS", type="number"),
            QueryInvalid, "Distribution has one value per answer", "Series",
        ),
        (
            define("distribution", "NPS", type="comparison", range=WEEK),
            QueryInvalid, "Distribution has one value per answer", "share",
        ),
        (
            define("distribution", "NPS", by="period:month"),
            QueryInvalid, "already grouped by answer", "share",
        ),
        # What the question allows.
        (define("average"), QueryInvalid, "Average needs a question", "responses"),
        (define("responses", by="answer"), QueryInvalid, "cannot be grouped by answer", "question"),
        (
            define("average", "CHANNEL"),
            CalculationRefused, "does not allow average",
            "answered, net_score, share, distribution",
        ),
        (define("nps", "STARS"), CalculationRefused, "a scale from 0 to 10", "top_box"),
        (define("average", "USED"), CalculationRefused, "does not allow average", "share"),
        (
            define("average", "WHY"),
            CalculationRefused, "Free text is counted, not read", "responses, answered",
        ),
        (define("average", "GRID"), CalculationRefused, "GRID does not allow", "GRID_1"),
        (define("average", "GONE"), QuestionUnavailable, "no question GONE", "choose another"),
        # The answers of a share.
        (define("share", "CHANNEL"), QueryInvalid, "at least one answer", "web (Web)"),
        (define("share", "AGE"), QueryInvalid, "at least one answer", "9,10"),
        (
            define("share", "CHANNEL", answers=["fax"]),
            QuestionUnavailable, "no answer “fax”", "shop (Shop), web (Web)",
        ),
        (
            define("share", "STARS", answers=["5", "99"]),
            CalculationRefused, "“Not applicable” does not count", "5 (Answer 5)",
        ),
        (
            define("share", "AGE", answers=["old"]),
            QuestionUnavailable, "“old” is not a number", "3.5",
        ),
        (
            define("average", "STARS", answers=["5"]),
            QueryInvalid, "does not use selected answers", "share",
        ),
        (
            define("average", "STARS", reverse_scale=True),
            QueryInvalid, "direction of the scale", "bottom box",
        ),
        # Group by.
        (
            define("average", "STARS", by="answer"),
            GroupingRefused, "cannot be grouped by answer", "responses, answered, share",
        ),
        (
            define("answered", "WHY", by="answer"),
            GroupingRefused, "not counted individually. Free text", "by a period",
        ),
        (
            define("nps", "NPS", by="question:WHY"),
            GroupingRefused, "Free text is counted, not read", "CHANNEL",
        ),
        (
            define("nps", "NPS", by="question:AGE"),
            GroupingRefused, "questions with choices", "CHANNEL",
        ),
        (
            define("nps", "NPS", by="question:GONE"),
            QuestionUnavailable, "no question GONE", "choose",
        ),
        (
            define("nps", "NPS", by="field:regoin"),
            QuestionUnavailable, "no embedded field “regoin”", "Did you mean region?",
        ),
        (
            define("nps", "NPS", by="field:xyz"),
            QuestionUnavailable, "no embedded field “xyz”", "region, plan",
        ),
        # Filters.
        (
            define("nps", "NPS", **having("question", "GONE", "1")),
            QuestionUnavailable, "no question GONE", "choose",
        ),
        (
            define("nps", "NPS", **having("question", "CHANNEL", "web", "fax")),
            QuestionUnavailable, "“fax”", "shop (Shop), web (Web)",
        ),
        (
            define("nps", "NPS", **having("field", "country", "AT")),
            QuestionUnavailable, "“country”", "region, plan",
        ),
        (
            define("nps", "NPS", **having("field", "CHANNEL", "web")),
            QuestionUnavailable, "no embedded field “CHANNEL”", "use question:CHANNEL",
        ),
        (
            define("nps", "NPS", **having("field", "region")),
            QueryInvalid, "has no values", "Add values",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_calculated_is_refused(
    bad: Definition, error: type[MetricsError], message: str, remedy: str
) -> None:
    """Each mistake has its own error, with a message and a remedy."""
    with pytest.raises(MetricsError) as caught:
        check_definition(bad, SURVEY)

    assert type(caught.value) is error
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_survey_without_fields_says_so() -> None:
    """Without embedded fields the remedy lists none."""
    bare = SURVEY.model_copy(update={"fields": ()})

    with pytest.raises(QuestionUnavailable) as caught:
        check_definition(define("responses", by="field:region"), bare)

    assert caught.value.remedy == "It has no embedded fields."


def test_a_long_list_of_answers_is_cut() -> None:
    """A remedy names a dozen answers of a long list, and the number of the others."""
    long = SURVEY.model_copy(
        update={"questions": (question("Q", QuestionKind.SINGLE_CHOICE, scale(1, 100)),)}
    )

    with pytest.raises(QuestionUnavailable) as caught:
        check_definition(define("share", "Q", answers=["0"]), long)

    assert "12 (Answer 12) and 88 more" in caught.value.remedy


def test_a_question_that_allows_nothing_says_so() -> None:
    """The remedy for a question without calculations has no empty list."""
    dead = question("Q", QuestionKind.OTHER).model_copy(update={"calculations": ()})

    with pytest.raises(CalculationRefused) as caught:
        check_definition(define("answered", "Q"), SURVEY.model_copy(update={"questions": (dead,)}))

    assert "Choose another question" in caught.value.remedy


def test_without_anything_to_group_by_the_remedy_is_a_period() -> None:
    """If no question can be a group-by, the remedy is a period."""
    text = question("Q", QuestionKind.TEXT)

    with pytest.raises(GroupingRefused) as caught:
        check_definition(
            define("responses", by="question:Q"), SURVEY.model_copy(update={"questions": (text,)})
        )

    assert caught.value.remedy == "Group by a period."
