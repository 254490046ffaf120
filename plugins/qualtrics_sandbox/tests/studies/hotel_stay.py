"""A study that was saved again by a spreadsheet.

Its dates have short years, one column has no ImportId, and the column of one question is missing.
It has excluded responses, recodes, answers excluded from analyses, equal labels, equal headers, a
matrix with a display order, timings, a score, browsers, unreadable numbers and multi-line texts.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

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

SURVEY_ID: Final = "SV_hotelStay000001"
ROWS: Final = 60

_NOT_SHOWN: Final[dict[str, Any]] = {"DisplayLogic": {"Type": "BooleanExpression", "inPage": False}}
_NUMBER: Final[dict[str, Any]] = {
    "Validation": {"Settings": {"Type": "ContentType", "ContentType": "ValidNumber"}}
}


def write(folder: Path) -> None:
    """Write the study's two files into a folder."""
    rows = ROWS
    services = {
        **choices(c2="Breakfast", c3="Spa &amp; pool", c4="Parking"),
        "8": {"Display": "Other", "TextEntry": "true"},
        "9": {"Display": "None of these", "ExclusiveAnswer": True},
    }
    questions = {
        "QID1": question("Q1", "Browser Meta Info", "Meta", "Browser"),
        "QID2": question(
            "NPS",
            "How likely are you to recommend us to <b>friends</b>?",
            "MC",
            "NPS",
            Choices=[{"Display": str(score)} for score in range(11)],
            ChoiceOrder=list(range(11)),
            ColumnLabels=[{"Display": "not at all"}, {"Display": "extremely"}],
        ),
        "QID3": question(
            "Q3",
            "How was your <i>room</i>?&nbsp;",
            "MC",
            "SAVR",
            "TX",
            Choices=choices(
                c1="1:<br>Very good",
                c2="Good",
                c3="Fair",
                c4="Poor",
                c5="Poor",
                c6="Not applicable",
            ),
            ChoiceOrder=[1, 2, "3", "4", 5, "6"],
            RecodeValues={"1": 5, "2": "4", "3": "3", "4": "2", "5": "1", "6": "9"},
            AnalyzeChoices={"6": "No"},
        ),
        "QID4": question(
            "Services used",
            "Which services did you use?<div><br></div>Tick all.",
            "MC",
            "MAVR",
            "TX",
            Choices=services,
            ChoiceOrder=["2", "3", "4", "8", "9"],
            AnalyzeChoices={"9": "No"},
        ),
        "QID36": question(
            "Q5",
            "&nbsp;",
            "Matrix",
            "Likert",
            "SingleAnswer",
            Choices=choices(c1="The staff was kind", c99="It was quiet", c100="It was clean"),
            ChoiceOrder=["1", "100", "99"],
            Randomization={"Type": "All"},
            **AGREE,
        ),
        "QID7": question("Q7", "What could we do better?", "TE", "ML"),
        "QID8": question("Q8", "Timing", "Timing", "PageTimer"),
        "QID9": question("Nights", "How many nights did you stay?", "TE", "SL", **_NUMBER),
        "QID10": question("Q10", "Thank you", "DB", "TB"),
        "QID11": question("Q11", "Captcha", "Captcha", "V2"),
        "QID12": question("Q12", "Old", "MC", "SAVR", "TX", Choices=choices(c1="Yes", c2="No")),
        "QID13": question(
            "Why low",
            "What was wrong?",
            "MC",
            "SAVR",
            "TX",
            Choices=choices(c1="Noise", c2="Price", c4="Staff"),
            ChoiceOrder=["1", "2", "4"],
            **_NOT_SHOWN,
        ),
        "QID14": question(
            "Q14", "This was cut", "MC", "DL", Choices=choices(c1="18", c2="19"), ChoiceOrder=[1, 2]
        ),
        "QID1508": question(
            "Q2", "The room", "Matrix", "Likert", "SingleAnswer", **ONE_ROW, **AGREE
        ),
        "QID1509": question(
            "Q2", "The food", "Matrix", "Likert", "SingleAnswer", **ONE_ROW, **AGREE
        ),
        "QID16": question(
            "Age",
            "Your age",
            "MC",
            "DL",
            Choices=choices(c1="18", c2="19", c3="20"),
            ChoiceOrder=["1", "2", "3"],
            RecodeValues={"1": "18", "2": "19", "3": "20"},
        ),
    }
    flow = [
        fields("FL_2", "Group", "Create New Field or Choose From Dropdown..."),
        fields("FL_3", "Spend", kind="Scale"),
        {"Type": "Standard", "ID": "BL_stay", "FlowID": "FL_5", "Autofill": []},
        {
            "Type": "BlockRandomizer",
            "FlowID": "FL_4",
            "SubSet": 1,
            "EvenPresentation": True,
            "Flow": [fields("FL_28", order="1"), fields("FL_29", order="2")],
        },
    ]
    stay = [name for name in questions if name != "QID12"]
    survey = qsf(
        SURVEY_ID,
        "Hotel stay: “guests & groups”",
        questions=questions,
        blocks=[
            block("BL_stay", stay, "Default", Description="Stay"),
            block("BL_trash", ["QID12"], "Trash", Description="Trash / Unused Questions"),
        ],
        flow=flow,
        scores={"SC_stayScore000001": "Score"},
    )
    status, finished = ["0"] * rows, ["1"] * rows
    for number, code in {20: "2", 33: "8", 34: "9", 47: "4", 48: "16"}.items():
        status[number] = code
    for number in range(7, rows, 15):
        status[number] = "1"
    for number in range(9, rows, 10):
        finished[number] = "0"
    first = datetime(2025, 3, 3, 0, 10)  # noqa: DTZ001  # A spreadsheet's cell has no zone.
    dates = {
        name: spreadsheet_dates(first + timedelta(minutes=n), timedelta(hours=7), rows, "%y")
        for n, name in enumerate(("startDate", "endDate", "recordedDate"))
    }
    zone = "America/New_York"
    comments = ["Fine,\nreally “fine”", ".", "NA", ".", 'Grüße, "à bientôt"', ".", "  "]
    score_texts = repeat("10 9 7 3 .", rows)
    groups = {"10": "3", "9": "3", "7": "2", "3": "1", "": ""}
    browsers = ["Chrome", "Safari", ".", "Firefox"]
    columns: list[Column] = [
        metadata("startDate", dates["startDate"], zone),
        metadata("endDate", dates["endDate"], zone),
        metadata("status", status),
        metadata("progress", ["100" if done == "1" else "40" for done in finished]),
        metadata("duration", repeat("61 75 112", rows)),
        metadata("finished", finished),
        metadata("recordedDate", dates["recordedDate"], zone),
        metadata("_recordId", [f"R_hotel{number:09}" for number in range(rows)]),
        metadata("recipientEmail", repeat("guest@example.com .", rows)),
        metadata("distributionChannel", repeat("anonymous", rows)),
        metadata("userLanguage", repeat("EN DE", rows)),
        ("Q1_Browser", "Browser Meta Info - Browser", key("QID1_BROWSER"), repeat(browsers, rows)),
        ("Q1_Version", "Browser Meta Info - Version", key("QID1_VERSION"), repeat("1.0 .", rows)),
        ("NPS", "How likely are you to recommend us to friends?", key("QID2"), score_texts),
        ("NPS_NPS_GROUP", "Group", key("QID2_NPS_GROUP"), [groups[one] for one in score_texts]),
        ("Q3", "How was your room?", key("QID3"), repeat("5 4 9 1 . 2 3", rows)),
        *(
            (f"Services used_{c}", "Services", key("QID4", choiceId=c), repeat(pattern, rows))
            for c, pattern in {
                "2": "1 . 1",
                "3": ". 1 . .",
                "4": "1 . . . .",
                "8": ". . . . . . 1",
                "9": ". . . . 1 . . . . . .",
            }.items()
        ),
        (
            "Services used_8_TEXT",
            "Services - Other - Text",
            key("QID4_8_TEXT"),
            repeat([".", ".", ".", ".", ".", ".", "A boat,\nrowed"], rows),
        ),
        *(
            (f"Q5_{n}", f"The hotel:\n\n- {label}", key(f"QID36_{row}"), repeat(pattern, rows))
            for n, (row, label, pattern) in enumerate(
                (
                    ("1", "The staff was kind", "5 4 . 4 3 5"),
                    ("99", "It was quiet", "1 . 2 3 4 5 5 5 . 2 1"),
                    ("100", "It was clean", ". 5 5 5 4 . 3 2 5 5 4 1 5"),
                ),
                start=1,
            )
        ),
        *(
            (f"Q5_DO_{n}", "Display Order", key("QID36_DO", choiceId=row), repeat(pattern, rows))
            for n, (row, pattern) in enumerate(
                {"1": "1 2 3", "99": "2 3 1", "100": "3 1 2"}.items(), start=1
            )
        ),
        ("Q7", "What could we do\nbetter?", key("QID7_TEXT"), repeat(comments, rows)),
        ("Q8_First Click", "Timing", key("QID8_FIRST_CLICK"), repeat("0.5 1.25 . 2", rows)),
        ("Q8_Click Count", "Timing", key("QID8_CLICK_COUNT"), repeat("0 1 2", rows)),
        ("Nights", "Nights", key("QID9_TEXT"), repeat("1 2 . 1e1 two 3.5 1,5 -1", rows)),
        ("Why low", "What was wrong?", key("QID13"), repeat(". . . 2 . . . . 4 .", rows)),
        ("Q2_1", "The room - ...", key("QID1508_1"), repeat("3 . .", rows)),
        ("Q2_1", "The food - ...", key("QID1509_1"), repeat(". 1 . 5", rows)),
        ("Age", "Your age", key("QID16"), repeat("18 19 20 19", rows)),
        ("SC0", "Score", key("SC_stayScore000001"), repeat("10 20.5 .", rows)),
        ("Group", "Group", key("Group"), repeat("a b . A", rows)),
        (
            "Create New Field or Choose From Dropdown...",
            "Create New Field or Choose From Dropdown...",
            key("Create New Field or Choose From Dropdown..."),
            repeat(". x", rows),
        ),
        ("Spend", "Spend", key("Spend"), repeat("12.5 . 40", rows)),
        ("order", "order", key("order"), repeat("1 2", rows)),
        ("FL_4_DO_FL_28", "Order", key("FL_4_DO", choiceId="FL_28"), repeat("1 .", rows)),
        ("FL_4_DO_FL_29", "Order", key("FL_4_DO", choiceId="FL_29"), repeat(". 1", rows)),
        ("PANEL_ID", "PANEL_ID", "PANEL_ID", [str(100 + number) for number in range(rows)]),
        ("", "", "", repeat(". . note", rows)),
    ]
    write_survey(folder, survey, columns, "survey.qsf")
