"""A survey definition and response schema in which one value is replaced by nonsense.

As in ``nonsense``, each value is replaced by each of a table of values. The survey has the parts
that the example there lacks, and is read without HTTP. Run by hand as
``python -m plugins.qualtrics.tests.connector.nonsense_definitions``; ``make nonsense`` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from plugins.qualtrics.tests.connector.nonsense import NONSENSE, Place, changed
from plugins.qualtrics.tests.connector.support import (
    MATRIX,
    SURVEY,
    Json,
    embedded,
    mc,
    survey_definition,
)
from smaply_metrics_core import SourceUnavailable
from smaply_metrics_qualtrics.survey.definition import read_definition

CARRIED: Final = {"Locator": "q://QID1/ChoiceGroup/SelectedChoices", "Type": "ChoiceGroup"}
NUMBERS: Final = {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}
YES_NO: Final = {"1": {"Display": "Yes"}, "2": {"Display": "No"}}


def _block(*questions: str, **more: object) -> dict[str, Any]:
    elements = [{"Type": "Question", "QuestionID": one} for one in questions]
    return {"Type": "Standard", "BlockElements": elements, **more}


def _loops(kind: str, **options: object) -> dict[str, Any]:
    return {"Looping": kind, "LoopingOptions": options}


DEFINITION: Final = survey_definition(
    {
        "QID1": mc("Used", {"1": "Red", "2": "${e://Field/offer}"}, Selector="MAVR"),
        "QID2": mc(
            "Best", {"5": "Other"}, DynamicChoices=CARRIED, RecodeValues={"x1": "4", "x2": "7"}
        ),
        "QID3": {
            **MATRIX,
            "DynamicAnswers": {**CARRIED, "Type": "AnswerGroup"},
            "ChoiceDataExportTags": {"1": "Speed"},
            "VariableNaming": {"x1": "Colour"},
        },
        "QID4": {
            "QuestionText": "Shops",
            "QuestionType": "SBS",
            "Selector": "SBSMatrix",
            "Choices": YES_NO,
            "AdditionalQuestions": {
                "1": {**MATRIX, "RecodeValues": {"1": "3"}},
                "2": {"QuestionType": "TE", "Selector": "SL", "Validation": NUMBERS},
                "3": {"QuestionType": "MC", "Selector": "MAVR", "Answers": YES_NO},
            },
        },
        "QID5": {"QuestionText": "${lm://Field/1}", "QuestionType": "TE", "Selector": "ML"},
        "QID6": mc("In a loop", {"1": "1", "5": "5"}),
        "QID7": mc("Outside of the flow", {"1": "1", "5": "5"}),
        "QID8": mc("Deleted", {"1": "1", "5": "5"}),
        "QID9": {
            "QuestionText": "Place",
            "QuestionType": "DD",
            "Choices": YES_NO,
            "Answers": YES_NO,
            "AnswerMap": {"2": "1"},
        },
    },
    Blocks={
        "BL_1": _block("QID1", "QID2", "QID3", "QID4", "QID9"),
        "BL_2": _block("QID5", Options=_loops("Static", Static={"1": {"1": "Shop"}})),
        "BL_3": _block("QID6", Options=_loops("Question", QID="QID1", Static=[])),
        "BL_4": _block("QID7"),
        "BL_5": _block("QID8", Type="Trash"),
    },
    SurveyFlow={
        "Type": "Root",
        "Flow": [
            embedded("Region"),
            {"Type": "BlockRandomizer", "Flow": [{"Type": "Block", "ID": "BL_2"}]},
            {"Type": "Block", "ID": "BL_1"},
            {"Type": "Block", "ID": "BL_3"},
        ],
    },
)
TEXT_IQ: Final = "1_QID5_TEXT_0123456789abcdef01234567"
SCHEMA: Final = {
    "properties": {
        "values": {
            "properties": {
                "1_QID6": {"dataType": "question", "questionId": "QID6", "loopNumber": "1"},
                f"{TEXT_IQ}SentimentScore": {"dataType": "embeddedData", "type": "number"},
                f"{TEXT_IQ}Sentiment": {
                    "dataType": "question",
                    "type": "string",
                    "oneOf": [{"const": "1", "label": "Good"}],
                },
                f"{TEXT_IQ}Topics": {"dataType": "question", "type": ["array", "null"]},
                "old_QID1": {"dataType": "embeddedData", "type": ["number", "string"]},
            }
        }
    }
}
VALUES: Final = (
    # Text that is not Unicode, and of a megabyte, is refused when a response is decoded.
    *(one for one in NONSENSE if not isinstance(one, str) or (one != "\ud800" and len(one) < 500)),
    [["1"]],
    {"1": [1]},
    [{}],
    "QID5",
    "1_QID6",
)


def _places(body: Json, at: Place = ()) -> Iterator[Place]:
    yield at
    keys = body if isinstance(body, dict) else range(len(body)) if isinstance(body, list) else ()
    for key in keys:
        yield from _places(body[key], (*at, key))


def read(definition: Json, schema: Json) -> None:
    """Read a survey. Only errors that blame the survey tool are allowed."""
    try:
        read_definition(definition, SURVEY, schema).questionnaire.model_dump()
    except SourceUnavailable:
        return


CASES: Final = [
    *((place, value, True) for place in _places(DEFINITION) for value in VALUES),
    *((place, value, False) for place in _places(SCHEMA) for value in VALUES),
]


def read_some(step: int) -> int:
    """Read every so many cases, and return how many."""
    some = CASES[::step]
    for place, value, in_definition in some:
        if in_definition:
            read(changed(DEFINITION, place, value), SCHEMA)
        else:
            read(DEFINITION, changed(SCHEMA, place, value))
    return len(some)


if __name__ == "__main__":
    print(f"{read_some(1):,} survey definitions with nonsense: all read or refused.")  # noqa: T201
