"""An unmodified export with a byte order mark, of a German survey."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from plugins.qualtrics_sandbox.tests.studies.study_files import (
    Column,
    block,
    choices,
    fields,
    key,
    metadata,
    question,
    repeat,
)
from plugins.qualtrics_sandbox.tests.support import write_survey

SURVEY_ID: Final = "SV_museumVisit0001"
ROWS: Final = 24
_TOPICS: Final = "QID2_TEXT_0123456789abcdef01234567Topics"


def write(folder: Path) -> None:
    """Write the study's two files into a folder."""
    rows = ROWS
    questions = {
        "QID1": question(
            "Q1",
            "Wie gefällt Ihnen das Museum?",
            "MC",
            "SAHR",
            "TX",
            Choices=choices(c1="gar nicht", c2="gut", c3="sehr gut"),
            ChoiceOrder=["1", "2", "3"],
            RecodeValues={"1": "-1", "2": "0", "3": "1"},
        ),
        "QID2": question("Q2", "Was fehlt?", "TE", "ESTB"),
        "QID3": question(
            "Q3",
            "Würden Sie wiederkommen?",
            "MC",
            "NPS",
            Choices=[{"Display": str(score)} for score in range(11)],
        ),
    }
    survey = {
        "meta": {"httpStatus": "200 - OK", "requestId": "2c1f5a10-7b1e-4a44-9b6f-000000000400"},
        "result": {
            "SurveyID": SURVEY_ID,
            "SurveyName": "Museum: Besuch",
            "SurveyStatus": "Active",
            "LastModified": "2025-02-03T04:05:06Z",
            "Questions": {qid: {**body, "QuestionID": qid} for qid, body in questions.items()},
            "Blocks": {"BL_1": block("BL_1", list(questions), "Default")},
            "SurveyFlow": {
                "Type": "Root",
                "FlowID": "FL_1",
                "Flow": [fields("FL_2", "Status"), {"Type": "Block", "ID": "BL_1"}],
            },
        },
    }
    first = datetime(2025, 10, 20, 22, 30)  # noqa: DTZ001  # The zone follows from row 3.
    moments = [first + timedelta(hours=9) * number for number in range(rows)]
    plain = [f"{moment:%Y-%m-%d %H:%M:%S}" for moment in moments]
    with_offset = [f"{moment:%Y-%m-%dT%H:%M:%S}+02:00" for moment in moments[:8]] + plain[8:]
    zone = "Europe/Vienna"
    german = {"startDate": "Anfangsdatum", "endDate": "Enddatum", "recordedDate": "Erfassungsdatum"}
    columns: list[Column] = [
        *(
            (header, german[name], row_3, cells)
            for name, dates in (
                ("startDate", plain),
                ("endDate", with_offset),
                ("recordedDate", plain),
            )
            for header, _, row_3, cells in [metadata(name, dates, zone)]
        ),
        ("Status", "Antworttyp", key("status"), repeat("0", rows)),
        ("Finished", "Beendet", key("finished"), repeat("1", rows)),
        ("Q1", "Wie gefällt Ihnen das Museum?", key("QID1"), repeat("-1 0 1 . 1", rows)),
        ("Q2", "Was fehlt?", key("QID2_TEXT"), repeat("Bänke . „Licht“", rows)),
        (
            "Q2 - Topics",
            "Q2 - Topics",
            key("QID2_TEXT_0123456789abcdef01234567Topics"),
            [""] * rows,
        ),
        ("Q3", "Würden Sie wiederkommen?", key("QID3"), repeat("10 0 8", rows)),
        ("Status", "Status", key("Status"), repeat("member guest", rows)),
    ]
    write_survey(folder, survey, columns)
    path = folder / "responses.csv"
    path.write_text(path.read_text(encoding="utf-8"), encoding="utf-8-sig", newline="")
