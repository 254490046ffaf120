"""A study with a loop & merge block whose questions share headers."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from plugins.qualtrics_sandbox.tests.studies.study_files import (
    AGREE,
    ONE_ROW,
    Column,
    block,
    choices,
    fields,
    key,
    metadata,
    qsf,
    question,
    repeat,
    spreadsheet_dates,
)
from plugins.qualtrics_sandbox.tests.support import write_survey

SURVEY_ID: Final = "SV_streamLoops0001"
ROWS: Final = 40


def write(folder: Path) -> None:
    """Write the study's two files into a folder."""
    rows = ROWS
    why = choices(c1="I like it", c2="It is free", c7="None of these")
    other = {**choices(c1="Skip it", c5="Report it"), "8": {"Display": "Other", "TextEntry": 1}}
    questions = {
        "QID7": question(
            "Platform Use",
            "Which of these do you use? [Check all that apply]",
            "MC",
            "MAVR",
            "TX",
            Choices=choices(c2="Radio", c3="Records", c6="None"),
            ChoiceOrder=["2", "3", 6],
        ),
        "QID30": question(
            "Q15",
            "How often do you use ${lm://Field/1}?",
            "MC",
            "SAVR",
            "TX",
            Choices=choices(c1="Daily", c2="Weekly", c3="Never"),
            ChoiceOrder=["1", "2", "3"],
        ),
        "QID31": question(
            "Q16",
            "Why do you use ${lm://Field/1}?<br>",
            "MC",
            "MAVR",
            "TX",
            Choices=why,
            ChoiceOrder=["1", "2", "7"],
            AnalyzeChoices={"7": "No"},
        ),
        "QID16": question(
            "Q16",
            "What do you do when you dislike ${lm://Field/1}?",
            "MC",
            "MAVR",
            "TX",
            Choices=other,
            ChoiceOrder=[1, 5, "8"],
        ),
        "QID32": question("Q17", "Tell us about ${lm://Field/1}", "TE", "ML"),
        "QID33": question("Q18", "Rate it", "Matrix", "Likert", "SingleAnswer", **ONE_ROW, **AGREE),
    }
    static = {"Static": {"1": {"1": "Radio"}, "2": {"1": "Records"}}, "Randomization": "All"}
    looped = [name for name in questions if name != "QID7"]
    survey = qsf(
        SURVEY_ID,
        "Streams in loops",
        questions=questions,
        blocks=[
            block("BL_use", ["QID7"]),
            block("BL_loop", looped, Options={"Looping": "Static", "LoopingOptions": static}),
            block("BL_trash", [], "Trash"),
        ],
        flow=[
            fields("FL_2", "target"),
            {"Type": "Standard", "ID": "BL_use", "FlowID": "FL_3"},
            {"Type": "Standard", "ID": "BL_loop", "FlowID": "FL_4"},
            {"Type": "EndSurvey", "FlowID": "FL_5", "EndingType": "Advanced"},
        ],
    )
    first = datetime(2025, 4, 20, 13, 48)  # noqa: DTZ001  # A spreadsheet's cell has no zone.
    dates = spreadsheet_dates(first, timedelta(hours=5, minutes=7), rows, "%Y")
    zone = "America/Denver"
    columns: list[Column] = [
        metadata("startDate", dates, zone),
        metadata("endDate", dates, zone),
        metadata("progress", repeat("100", rows)),
        metadata("finished", repeat("1", rows)),
        metadata("recordedDate", dates, zone),
        ("Platform Use_2", "Radio", key("QID7", choiceId="2"), repeat("1 . 1 1", rows)),
        ("Platform Use_3", "Records", key("QID7", choiceId="3"), repeat("1 1 . .", rows)),
        ("Platform Use_6", "None", key("QID7", choiceId="6"), repeat(".", rows)),
    ]
    # Of each four responses, the first has both loops, and the others loop 2, 1 and 1.
    shown = {"1": repeat("1 . 1 1", rows), "2": repeat("1 1 . .", rows)}
    for loop, field in (("1", "Radio"), ("2", "Records")):
        looped_columns = {
            ("Q15", f"{loop}_QID30", ""): "1 2 3 . 2",
            ("Q16_1", f"{loop}_QID31", "1"): "1 . 1",
            ("Q16_2", f"{loop}_QID31", "2"): ". . 1 . .",
            ("Q16_7", f"{loop}_QID31", "7"): ". 1 . . . . .",
            ("Q16_1", f"{loop}_QID16", "1"): "1 . .",
            ("Q16_5", f"{loop}_QID16", "5"): ". 1 . . 1",
            ("Q16_8", f"{loop}_QID16", "8"): ". . . . . . 1",
            ("Q16_8_TEXT", f"{loop}_QID16_8_TEXT", ""): ". . . . . . sing",
            ("Q17", f"{loop}_QID32_TEXT", ""): "good . . bad NA",
            ("Q18_1", f"{loop}_QID33_1", ""): "5 4 . 1 2 3",
        }
        for (header, import_id, choice), pattern in looped_columns.items():
            cells = [
                cell if seen else ""
                for cell, seen in zip(repeat(pattern, rows), shown[loop], strict=True)
            ]
            row_3 = key(import_id, choiceId=choice) if choice else key(import_id)
            columns.append((f"{loop}_{header}", f"{field} - {header}\n[Field-1]", row_3, cells))
    columns.append(("target", "target", key("target"), repeat("broad narrow", rows)))
    write_survey(folder, survey, columns, "survey.qsf")
