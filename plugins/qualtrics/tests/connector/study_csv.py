"""A minimal reader of the files of a study, to verify the numbers of the source.

It shares no code with the source and counts cells with only the csv module.
"""

from __future__ import annotations

import csv
import json
import re
import sys
from pathlib import Path
from typing import Any, Final

NOT_COUNTED: Final = frozenset({"1", "2", "8", "9", "12", "17", "40"})
"""The status codes of previews, tests and spam."""


class StudyCsv:
    """The survey of a study and its CSV columns by ImportId and choice.

    Args:
        folder: The folder with its files.
        every_response: Whether excluded responses are rows too.
    """

    def __init__(self, folder: Path, *, every_response: bool = False) -> None:
        csv.field_size_limit(sys.maxsize)
        with (folder / "responses.csv").open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file))
        self.zone = json.loads(rows[2][0])["timeZone"]
        keys = [json.loads(cell) if cell.startswith("{") else {} for cell in rows[2]]
        places = {key["ImportId"]: place for place, key in enumerate(keys) if key}
        self.rows = [
            row
            for row in rows[3:]
            if any(row)
            and (
                every_response
                or (
                    row[places["finished"]] == "1"
                    and ("status" not in places or row[places["status"]] not in NOT_COUNTED)
                )
            )
        ]
        self.columns: dict[tuple[str, str], list[str]] = {}
        for place, key in enumerate(keys):
            if key:
                name = (key["ImportId"], str(key.get("choiceId", "")))
                self.columns[name] = [row[place] for row in self.rows]
        self.id = ""
        self.questions: dict[str, dict[str, Any]] = {}
        if (folder / "survey.json").is_file():
            survey = json.loads((folder / "survey.json").read_text(encoding="utf-8"))["result"]
            self.id, self.questions = survey["SurveyID"], survey["Questions"]
            return
        survey = json.loads((folder / "survey.qsf").read_text(encoding="utf-8"))
        self.id = survey["SurveyEntry"]["SurveyID"]
        for element in survey["SurveyElements"]:
            if element["Element"] == "SQ":
                self.questions[element["Payload"]["QuestionID"]] = element["Payload"]

    def not_analyzed(self, question_id: str) -> set[str]:
        """Return the exported keys of the answers that are excluded from analyses."""
        (base,) = (part for part in question_id.split("_") if part.startswith("QID"))
        question = self.questions[base]
        recodes = question.get("RecodeValues") or {}
        return {
            str(recodes.get(choice, choice))
            for choice, analyze in (question.get("AnalyzeChoices") or {}).items()
            if analyze == "No"
        }

    def loops(self, question_id: str) -> list[str]:
        """Return the ids of a question in each loop, or its own id outside of loops."""
        if not question_id.startswith("QID"):
            return [question_id]
        found = {
            import_id.partition("_QID")[0]
            for import_id, _ in self.columns
            if re.match(rf"[^_]+_{question_id}(_|$)", import_id)
        }
        return [f"{loop}_{question_id}" for loop in sorted(found)] or [question_id]

    def parts(self, question_id: str) -> list[list[str]]:
        """Return the columns of a question and its sub-questions, without orders and groups."""
        name = question_id.removeprefix("field:")
        return [
            cells
            for (import_id, _), cells in self.columns.items()
            if import_id == name
            or (
                re.fullmatch(rf"{re.escape(name)}[_#].*", import_id)
                and not re.search(r"_DO$|_NPS_GROUP$|_TEXT_[0-9a-f]{24}", import_id)
            )
        ]

    def single(self, question_id: str) -> list[str]:
        """Return the column of a number or text; empty if it is missing from the file."""
        named = self.columns.get((f"{question_id}_TEXT", ""), [])
        return named or self.columns.get((question_id.removeprefix("field:"), ""), [])

    def exports(self, question_id: str) -> bool:
        """Whether the CSV contains a column for a question or one of its loops."""
        names = {question_id, f"{question_id}_TEXT", *self.loops(question_id)}
        return any(import_id in names for import_id, _ in self.columns)

    def responses(self, question_id: str) -> int:
        """Return the number of responses to a question; each loop counts, at least one each."""
        loops = self.loops(question_id)
        if loops == [question_id]:
            return len(self.rows)
        asked = [
            sum(any(cells[place] for cells in self.parts(loop)) for loop in loops)
            for place in range(len(self.rows))
        ]
        return sum(max(1, times) for times in asked)

    def answers(self, question_id: str) -> list[set[str]]:
        """Return the answers of each response, and each loop, that answered the question."""
        return [given for loop in self.loops(question_id) for given in self._answers(loop)]

    def _answers(self, question_id: str) -> list[set[str]]:
        void = self.not_analyzed(question_id)
        single = self.columns.get((question_id, ""))
        if single is not None:
            return [{cell} for cell in single if cell and cell not in void]
        several = {
            choice: cells
            for (import_id, choice), cells in self.columns.items()
            if import_id == question_id and choice not in void
        }
        given = (
            {choice for choice, cells in several.items() if cells[place]}
            for place in range(len(self.rows))
        )
        return [answers for answers in given if answers]
