"""A metric whose parts do not go together is refused, with a remedy, before anything is fetched."""

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
    """Make a question as a source would."""
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
    """Define a Number, or a Series when it is split by something."""
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
    """Filter by a question or field."""
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
    """A metric whose parts go together is accepted."""
    check_definition(good, SURVEY)


@pytest.mark.parametrize(
    ("bad", "error", "message", "remedy"),
    [
        # The rules of the three types.
        (
            define("nps", "NPS", by="period:month", type="number"),
            QueryInvalid, "Number takes no group by", "Series",
        ),
        (define("nps", "NPS", type="series"), QueryInvalid, "Series", "period:month"),
        (
            define("nps", "NPS", by="period:month", type="comparison", range=WEEK),
            QueryInvalid, "Comparison takes no group by", "Series",
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
            QueryInvalid, "Distribution has a value for each answer", "Series",
        ),
        (
            define("distribution", "NPS", type="comparison", range=WEEK),
            QueryInvalid, "Distribution has a value for each answer", "share",
        ),
        (
            define("distribution", "NPS", by="period:month"),
            QueryInvalid, "split by the answer already", "share",
        ),
        # What the question allows.
        (define("average"), QueryInvalid, "Average needs a question", "responses"),
        (define("responses", by="answer"), QueryInvalid, "no answer to group by", "question"),
        (
            define("average", "CHANNEL"),
            CalculationRefused, "does not allow average", "answered, share, distribution",
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
        (define("share", "CHANNEL"), QueryInvalid, "answers that it counts", "web (Web)"),
        (define("share", "AGE"), QueryInvalid, "answers that it counts", "9,10"),
        (
            define("share", "CHANNEL", answers=["fax"]),
            QuestionUnavailable, "no answer “fax”", "shop (Shop), web (Web)",
        ),
        (
            define("share", "STARS", answers=["5", "99"]),
            CalculationRefused, "“Not applicable” counts as no answer", "5 (Answer 5)",
        ),
        (
            define("share", "AGE", answers=["old"]),
            QuestionUnavailable, "“old” is none", "3.5",
        ),
        (
            define("average", "STARS", answers=["5"]),
            QueryInvalid, "counts no chosen answers", "share",
        ),
        (
            define("average", "STARS", reverse_scale=True),
            QueryInvalid, "the same on a reversed scale", "boxes",
        ),
        # Group by.
        (
            define("average", "STARS", by="answer"),
            GroupingRefused, "the answers that it is made of", "responses, answered, share",
        ),
        (
            define("answered", "WHY", by="answer"),
            GroupingRefused, "not counted one by one. Free text", "by a period",
        ),
        (
            define("nps", "NPS", by="question:WHY"),
            GroupingRefused, "Free text is counted, not read", "CHANNEL",
        ),
        (
            define("nps", "NPS", by="question:AGE"),
            GroupingRefused, "choice of answers", "CHANNEL",
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
            QuestionUnavailable, "no embedded field “CHANNEL”", "write question:CHANNEL",
        ),
        (
            define("nps", "NPS", **having("field", "region")),
            QueryInvalid, "names no value", "Add the values",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused(
    bad: Definition, error: type[MetricsError], message: str, remedy: str
) -> None:
    """Each mistake gives its own error, says what is wrong, and what would be right."""
    with pytest.raises(MetricsError) as caught:
        check_definition(bad, SURVEY)

    assert type(caught.value) is error
    assert message in caught.value.message
    assert remedy in caught.value.remedy


def test_a_survey_without_fields_says_so() -> None:
    """Where there is no embedded field at all, the remedy does not list any."""
    bare = SURVEY.model_copy(update={"fields": ()})

    with pytest.raises(QuestionUnavailable) as caught:
        check_definition(define("responses", by="field:region"), bare)

    assert caught.value.remedy == "It has no embedded fields."


def test_a_long_list_of_answers_is_cut() -> None:
    """A remedy names a dozen answers of a long list, and how many more there are."""
    long = SURVEY.model_copy(
        update={"questions": (question("Q", QuestionKind.SINGLE_CHOICE, scale(1, 100)),)}
    )

    with pytest.raises(QuestionUnavailable) as caught:
        check_definition(define("share", "Q", answers=["0"]), long)

    assert "12 (Answer 12) and 88 more" in caught.value.remedy


def test_a_question_that_allows_nothing_says_so() -> None:
    """A question without any calculation is refused without an empty list of what it allows."""
    dead = question("Q", QuestionKind.OTHER).model_copy(update={"calculations": ()})

    with pytest.raises(CalculationRefused) as caught:
        check_definition(define("answered", "Q"), SURVEY.model_copy(update={"questions": (dead,)}))

    assert "Choose another question" in caught.value.remedy


def test_without_anything_to_group_by_the_remedy_is_a_period() -> None:
    """Where no question can be grouped by, only periods are offered."""
    text = question("Q", QuestionKind.TEXT)

    with pytest.raises(GroupingRefused) as caught:
        check_definition(
            define("responses", by="question:Q"), SURVEY.model_copy(update={"questions": (text,)})
        )

    assert caught.value.remedy == "Group by a period."
