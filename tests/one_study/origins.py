"""Reads studies from the files of the tools in which they were made, with no code of a source.

Only the description of the questions comes from the source: it is what is loaded into other tools.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

from plugins.limesurvey.tests.replay_server import recordings
from plugins.qualtrics.tests.connector.study_csv import StudyCsv
from smaply_metrics_core import QuestionKind, Questionnaire
from tests.one_study.study import Answer, Roles, Study, StudyQuestion, StudyRow, questions_of

NUMBER: Final = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")
REASONS: Final = {
    **dict.fromkeys(("1", "9", "17"), "preview"),
    "2": "test",
    **dict.fromkeys(("8", "12", "40"), "spam"),
}
"""Why a response with a status in Qualtrics is excluded."""
LIMESURVEY_ZONE: Final = "Europe/Vienna"


@dataclass(frozen=True)
class QualtricsOrigin:
    """A study that was made in Qualtrics.

    Attributes:
        title: Its name in the documentation.
        folder: The name of the folder with its files.
        roles: What its questions are used for.
        real: Whether it is a study of others, which is not part of the repository.
        recorded_as: The number of the survey in LimeSurvey, if the study was recorded there.
        names: The ids of its questions in LimeSurvey.
    """

    title: str
    folder: str
    roles: Roles
    real: bool = False
    recorded_as: str = ""
    names: Mapping[str, str] | None = None

    def read(self, folder: Path, questionnaire: Questionnaire) -> Study:
        """Return the study, from a folder with its files."""
        files = StudyCsv(folder / self.folder, every_response=True)
        questions = questions_of(questionnaire, self.roles)
        columns = {name: _cells(files, one) for name, one in questions.items()}
        fields = {name: files.columns[name, ""] for name in self.roles.fields}
        recorded = files.columns["recordedDate", ""]
        count = len(files.rows)
        finished = files.columns["finished", ""]
        status = files.columns.get(("status", ""), ["0"] * count)
        rows = [
            StudyRow(
                _instant(recorded[place], files.zone),
                REASONS.get(status[place], "" if finished[place] == "1" else "unfinished"),
                {name: cells[place] for name, cells in columns.items()},
                {name: cells[place] or None for name, cells in fields.items()},
            )
            for place in range(count)
        ]
        return Study(self.title, files.zone, self.roles, questions, rows)


def _cells(files: StudyCsv, question: StudyQuestion) -> list[Answer]:
    """Return the answers to a question; a text that should be a number is a blank."""
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        chosen = [
            [choice.key if cell else "" for cell in files.columns[question.id, choice.key]]
            for choice in question.choices
        ]
        return [tuple(filter(None, keys)) or None for keys in zip(*chosen, strict=True)]
    if question.kind is QuestionKind.NUMBER:
        return [
            str(float(cell)) if NUMBER.fullmatch(cell) else None
            for cell in files.single(question.id)
        ]
    if question.kind is QuestionKind.TEXT:
        return [cell or None for cell in files.single(question.id)]
    return [cell or None for cell in files.columns[question.id, ""]]


def _instant(cell: str, zone: str) -> datetime:
    """Return the instant in a cell of an export, or of a file that a spreadsheet saved again."""
    if "/" not in cell:
        return datetime.fromisoformat(cell).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC)
    month, day, year, hour, minute = map(int, re.findall(r"\d+", cell)[:5])
    local = datetime(2000 + year % 100, month, day, hour, minute, tzinfo=ZoneInfo(zone))
    return local.astimezone(UTC)


@dataclass(frozen=True)
class LimeSurveyOrigin:
    """A study that was made in LimeSurvey, and is recorded in the repository.

    Attributes:
        title: Its name in the documentation.
        survey_id: The number of the survey.
        roles: What its questions are used for.
    """

    title: str
    survey_id: str
    roles: Roles

    @property
    def recorded_as(self) -> str:
        """The number of the survey in LimeSurvey."""
        return self.survey_id

    @property
    def names(self) -> Mapping[str, str]:
        """The ids of its questions in LimeSurvey: its own."""
        return {name: name for name in self.roles.questions}

    def read(self, questionnaire: Questionnaire) -> Study:
        """Return the study."""
        questions = questions_of(questionnaire, self.roles)
        rows = []
        for row in recordings().exports[int(self.survey_id)]:
            submitted = row["submitdate"]
            local = datetime.fromisoformat(submitted or row["datestamp"])
            rows.append(
                StudyRow(
                    local.replace(tzinfo=ZoneInfo(LIMESURVEY_ZONE)).astimezone(UTC),
                    "" if submitted else "unfinished",
                    {name: _exported(row, one) for name, one in questions.items()},
                    {name: row[name] or None for name in self.roles.fields},
                )
            )
        return Study(self.title, LIMESURVEY_ZONE, self.roles, questions, rows)


def _exported(row: Mapping[str, Any], question: StudyQuestion) -> Answer:
    """Return an answer in a row of an export."""
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        given = (one.key for one in question.choices if row[f"{question.id}[{one.key}]"])
        return tuple(given) or None
    cell = row[question.id]
    if question.kind is QuestionKind.NUMBER and cell:
        return str(float(cell))
    return cell or None


Origin = QualtricsOrigin | LimeSurveyOrigin

ORIGINS: Final[tuple[Origin, ...]] = (
    QualtricsOrigin(
        "Hotel stays (invented)",
        "hotel_stay",
        Roles(
            *("QID3", "QID2", "field:Spend"),
            several="QID4",
            number="QID9",
            text="QID7",
            field="Group",
        ),
    ),
    LimeSurveyOrigin(
        "Visits to a shop (invented)",
        "910001",
        Roles(
            *("csat", "nps", "question:stars"),
            several="used",
            number="spent",
            text="why",
            category="trip",
        ),
    ),
    QualtricsOrigin(
        "Real study 1",
        "consumer_minimalism",
        Roles("QID36_1", "QID25", "question:QID20", field="order"),
        real=True,
        recorded_as="910011",
        names={"QID36_1": "Q29[SQ001]", "QID25": "Q26", "QID20": "Q35"},
    ),
    QualtricsOrigin(
        "Real study 2",
        "privacy",
        Roles("QID11_1", "QID151", "question:QID138_1", field="Group"),
        real=True,
    ),
    QualtricsOrigin(
        "Real study 3",
        "quantitative_intuition",
        Roles("QID21_1", "QID23_1", "question:QID1_1", number="SC_9B899jEEz66h0rA", text="QID34"),
        real=True,
    ),
    QualtricsOrigin(
        "Real study 4",
        "recommendation_algorithms",
        Roles("1_QID30", "2_QID30", "question:QID27", several="QID7", text="1_QID16_6_TEXT"),
        real=True,
    ),
    QualtricsOrigin(
        "Real study 5",
        "targeting_fairness",
        Roles(
            "QID1396",
            "QID1396",
            "question:QID1453_PAGE_SUBMIT",
            number="QID1453_PAGE_SUBMIT",
            text="QID1451",
            field="Segment",
        ),
        real=True,
        recorded_as="910012",
        names={"QID1396": "fair1", "QID1453_PAGE_SUBMIT": "Q41[SQ003]", "QID1451": "comments"},
    ),
)
"""The studies."""
