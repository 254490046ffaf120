"""A survey with many features."""

from __future__ import annotations

from pathlib import Path

from plugins.qualtrics.tests.connector.support import (
    embedded,
    mc,
    survey_definition,
    write_survey,
)

ROWS: list[dict[str, str]] = [
    {"NPS": "10", "Sat": "5", "Chan": "10", "Well_1": "1", "Well_2": "1", "Region": "North"},
    {"NPS": "9", "Sat": "4", "Chan": "20", "Well_1": "1", "Region": "North", "Spend": "10.5"},
    {"NPS": "7", "Sat": "9", "Chan": "20", "Well_9": "1", "Region": "South", "Spend": "20"},
    {"NPS": "3", "Sat": "1", "Rate_1": "2", "Region": "South", "Spend": "1,5"},
    {"Sat": "5", "Rate_1": "1", "Rate_2": "2", "Comment": "Fine,\nreally “fine”", "Region": " "},
    {"RecordedDate": "2026-01-15 10:00:00", "NPS": "0", "Chan": "10", "Region": "North"},
    {"NPS": "0", "Finished": "0"},
    {"NPS": "0", "Status": "1"},
    {"NPS": "0", "Status": "2"},
    {"NPS": "0", "Status": "8", "Finished": "0"},
]
"""Six counted responses, then an unfinished one, a preview, a test and spam."""

QUESTIONS = {
    "QID1": mc("NPS", {}, Selector="NPS", Choices=[{"Display": str(score)} for score in range(11)]),
    "QID2": mc(
        "Satisfied?",
        {"1": "Not", "2": "Little", "3": "So", "4": "Quite", "5": "Very", "6": "N/A"},
        RecodeValues={"1": "1", "2": "2", "3": "3", "4": "4", "5": "5", "6": "9"},
        AnalyzeChoices={"6": "No"},
    ),
    "QID3": mc(
        "Channel?",
        {"1": "Web", "2": "Store"},
        RecodeValues={"1": "10", "2": "20"},
        DisplayLogic={"Type": "BooleanExpression", "0": {"0": {"LeftOperand": "q://QID1/1"}}},
    ),
    "QID4": mc("Well done?", {"1": "Advice", "2": "Price", "9": "None"}, Selector="MAVR"),
    "QID5": {
        "QuestionText": "Rate",
        "DataExportTag": "Rate",
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": {"1": {"Display": "Speed"}, "2": {"Display": "Calm"}},
        "Answers": {"1": {"Display": "Bad"}, "2": {"Display": "Good"}},
    },
    "QID6": {"QuestionText": "Comment", "QuestionType": "TE", "Selector": "ML"},
    "QID7": {"QuestionText": "Where", "QuestionType": "HeatMap", "Selector": "I"},
}
COLUMNS: dict[str, object] = {
    "NPS": "QID1",
    "NPS_NPS_GROUP": "QID1_NPS_GROUP",
    "Sat": "QID2",
    "Chan": "QID3",
    "Well_1": {"ImportId": "QID4", "choiceId": "1"},
    "Well_2": {"ImportId": "QID4", "choiceId": "2"},
    "Well_9": {"ImportId": "QID4", "choiceId": "9"},
    "Rate_1": "QID5_1",
    "Rate_2": "QID5_2",
    "Comment": "QID6_TEXT",
    "Where_x": {"ImportId": "QID7_1", "coordinate": "x"},
    "SC0": "SC_health00000001",
    "Region": "Region",
    "Spend": "Spend",
}


def write_example(folder: Path) -> Path:
    """Write the survey to a folder of surveys and return that folder."""
    declared = [embedded("Region"), embedded("Spend", kind="Scale")]
    definition = survey_definition(
        QUESTIONS,
        SurveyFlow={"Type": "Root", "Flow": [*declared, {"Type": "Block", "ID": "BL_1"}]},
        Scoring={"ScoringCategories": [{"ID": "SC_health00000001", "Name": "Health"}]},
    )
    write_survey(folder / "surveys" / "one", definition, COLUMNS, ROWS)
    return folder / "surveys"
