"""The question types of generated surveys, in the format of recorded definitions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

from smaply_metrics_qualtrics_sandbox.surveys.definition import Json
from smaply_metrics_qualtrics_sandbox.surveys.questions import plain

Question: TypeAlias = dict[str, Any]


def make_question(
    qid: str, tag: str, text: str, shape: tuple[str, str, str | None], **more: Json
) -> Question:
    """Return a question.

    Args:
        qid: The id of the question.
        tag: The export tag.
        text: The text, as HTML.
        shape: The type, selector and sub-selector.
        more: Additional properties.
    """
    kind, selector, sub = shape
    question: Question = {
        "QuestionText": text,
        "DefaultChoices": False,
        "DataExportTag": tag,
        "QuestionID": qid,
        "QuestionType": kind,
        "Selector": selector,
    }
    if sub:
        question["SubSelector"] = sub
    question |= {
        "DataVisibility": {"Private": False, "Hidden": False},
        "Configuration": {"QuestionDescriptionOption": "UseText"},
        "QuestionDescription": plain(text)[:99],
        "Validation": {
            "Settings": {"ForceResponse": "OFF", "ForceResponseType": "ON", "Type": "None"}
        },
        "GradingData": [],
        "Language": [],
        "NextChoiceId": 20,
        "NextAnswerId": 20,
        **more,
        "QuestionText_Unsafe": text,
    }
    return question


def single_choice(
    qid: str, tag: str, text: str, choices: Mapping[str, str], selector: str = "SAVR", **more: Json
) -> Question:
    """Return a single-answer question."""
    return make_question(
        qid,
        tag,
        text,
        ("MC", selector, "TX"),
        Choices={key: {"Display": label} for key, label in choices.items()},
        ChoiceOrder=list(choices),
        **more,
    )


def nps(qid: str, tag: str, text: str) -> Question:
    """Return an NPS question with eleven choices in an array."""
    return make_question(
        qid,
        tag,
        text,
        ("MC", "NPS", None),
        Choices=[{"Display": str(score)} for score in range(11)],
        ChoiceOrder=list(range(11)),
        ColumnLabels=[
            {"Display": "Not at all likely", "IsLabelDefault": True},
            {"Display": "Extremely likely", "IsLabelDefault": True},
        ],
    )


def matrix(qid: str, tag: str, text: str, rows: Sequence[str], answers: Sequence[str]) -> Question:
    """Return a matrix question with one answer for each row."""
    return make_question(
        qid,
        tag,
        text,
        ("Matrix", "Likert", "SingleAnswer"),
        Choices={str(key): {"Display": label} for key, label in enumerate(rows, 1)},
        ChoiceOrder=[str(key) for key in range(1, len(rows) + 1)],
        Answers={str(key): {"Display": label} for key, label in enumerate(answers, 1)},
        AnswerOrder=list(range(1, len(answers) + 1)),
        ChoiceDataExportTags=False,
    )


def free_text(qid: str, tag: str, text: str, selector: str = "ML", **more: Json) -> Question:
    """Return a free-text question."""
    return make_question(
        qid,
        tag,
        text,
        ("TE", selector, None),
        SearchSource={"AllowFreeResponse": "false"},
        **more,
    )


def multiple_choice(qid: str, tag: str, text: str, choices: Sequence[str]) -> Question:
    """Return a multiple-answer question.

    The last choice is exclusive, and the choice before it has a text field.
    """
    bodies: dict[str, Any] = {str(key): {"Display": label} for key, label in enumerate(choices, 1)}
    bodies[str(len(choices) - 1)]["TextEntry"] = "true"
    bodies[str(len(choices))]["ExclusiveAnswer"] = True
    return make_question(
        qid,
        tag,
        text,
        ("MC", "MAVR", "TX"),
        Choices=bodies,
        ChoiceOrder=list(bodies),
    )


def shown_below_seven(qid: str, text: str) -> dict[str, Any]:
    """Return the display logic of a question that is shown for scores below 7."""
    return {
        "0": {
            "0": {
                "LogicType": "Question",
                "QuestionID": qid,
                "QuestionIsInLoop": "no",
                "ChoiceLocator": f"q://{qid}/ChoiceNumericEntryValue/1",
                "Operator": "LessThan",
                "RightOperand": "7",
                "Type": "Expression",
                "Description": text,
            },
            "Type": "If",
        },
        "Type": "BooleanExpression",
        "inPage": False,
    }
