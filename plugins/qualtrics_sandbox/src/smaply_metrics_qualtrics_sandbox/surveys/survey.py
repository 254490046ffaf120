"""Read a folder of surveys; the survey class of the sandbox."""

from __future__ import annotations

import copy
import csv
import sys
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from smaply_metrics_qualtrics_sandbox.dates import parse_cell, to_export, zone
from smaply_metrics_qualtrics_sandbox.errors import ControlError, SurveyFolderError
from smaply_metrics_qualtrics_sandbox.surveys.columns import (
    ColumnRole,
    SandboxColumn,
    column_maker,
    metadata_column,
    parse_key,
    settle,
)
from smaply_metrics_qualtrics_sandbox.surveys.definition import (
    Definition,
    Json,
    read_definition,
    read_quotas,
    trash,
)
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.saved_filters import SavedFilter

if TYPE_CHECKING:
    from _csv import Reader as CsvReader

HEADER_ROWS = 3


class SandboxSurvey:
    """A survey: its definition and its responses by column.

    Attributes:
        definition: The `result` of `GET /survey-definitions/{id}`.
        columns: The columns of the responses, including those of deleted questions.
        rows: The number of responses.
        shared: Whether the token's user can access the survey.
        listed: Whether the survey is in the list. Surveys shared through a group are not, but can
            be accessed by id.
        results: Whether the token's user can view the results.
        filters: The saved filters by id.
        quotas: The quotas, in the format of survey-definitions.
        quota_groups: The groups of quotas.
    """

    def __init__(self, definition: Definition, columns: list[SandboxColumn]) -> None:
        self.definition = definition
        self.columns = columns
        self.rows = len(columns[0].cells) if columns else 0
        self.shared = self.listed = self.results = True
        self.filters: dict[str, SavedFilter] = {}
        self.quotas: list[Json] = []
        self.quota_groups: list[Json] = []
        self._deleted: dict[str, tuple[Mapping[str, Any], list[tuple[str, int]]]] = {}

    @property
    def id(self) -> str:
        """The id of the survey."""
        return str(self.definition["SurveyID"])

    @property
    def name(self) -> str:
        """The name of the survey."""
        return str(self.definition["SurveyName"])

    def exported(self) -> list[SandboxColumn]:
        """Return the columns for exports, without those of deleted questions."""
        gone = trash(self.definition) | set(self._deleted)
        return [column for column in self.columns if column.question not in gone]

    def metadata(self, import_id: str) -> SandboxColumn | None:
        """Return a metadata column, or None."""
        return metadata_column(self.columns, import_id)

    def delete_question(self, qid: str, *, to_trash: bool = False) -> None:
        """Delete a question permanently, or move it to the trash, which keeps it in the definition.

        Raises:
            ControlError: if the survey has no such question.
        """
        questions = self.definition["Questions"]
        if qid not in questions:
            raise ControlError(f"Survey {self.id} has no question {qid}.", 404)
        self._deleted[qid] = (questions[qid], self._forget(qid))
        if to_trash:
            self._trash_elements().append({"Type": "Question", "QuestionID": qid})
        else:
            del questions[qid]

    def restore_question(self, qid: str, as_id: str | None = None) -> str:
        """Restore a deleted question, or add it again without answers under a new id.

        Returns:
            The id of the restored or new question.

        Raises:
            ControlError: if the question is not deleted, or the new id is already used.
        """
        if qid not in self._deleted:
            raise ControlError(f"Question {qid} of survey {self.id} was not deleted.", 404)
        new = as_id or qid
        if new != qid and (new in self.definition["Questions"] or new in self._deleted):
            raise ControlError(f"Survey {self.id} already has a question {new}.")
        question, places = self._deleted[qid]
        if new == qid:
            del self._deleted[qid]
            self._forget(qid)
        else:
            question = {**copy.deepcopy(dict(question)), "QuestionID": new}
        self.definition["Questions"][new] = question
        for block_id, index in places:
            elements = self.definition["Blocks"][block_id]["BlockElements"]
            elements.insert(index, {"Type": "Question", "QuestionID": new})
        if new != qid:
            self.columns.extend(self._again(qid, new))
        return new

    def _forget(self, qid: str) -> list[tuple[str, int]]:
        """Remove a question from every block and return its previous positions."""
        places: list[tuple[str, int]] = []
        for block_id, block in self.definition["Blocks"].items():
            elements = block.get("BlockElements") or []
            for index, element in enumerate(elements):
                if element.get("QuestionID") == qid:
                    places.append((block_id, index))
                    del elements[index]
                    break
        return places

    def _again(self, qid: str, new: str) -> list[SandboxColumn]:
        make = column_maker(self.definition)
        found = [column for column in self.columns if column.question == qid]
        raws = [column.raw.replace(qid, new) for column in found]
        return [
            make(column.header, column.text, raw, parse_key(raw) or {}, self.rows)
            for column, raw in zip(found, raws, strict=True)
        ]

    def _trash_elements(self) -> list[Any]:
        for block in self.definition["Blocks"].values():
            if block.get("Type") == "Trash":
                elements: list[Any] = block["BlockElements"]
                return elements
        elements = []
        self.definition["Blocks"]["BL_sandboxTrash"] = {
            "Type": "Trash",
            "Description": "Trash / Unused Questions",
            "ID": "BL_sandboxTrash",
            "BlockElements": elements,
        }
        return elements


def read_folder(folder: Path) -> list[SandboxSurvey]:
    """Read all surveys in a folder.

    Args:
        folder: A folder with `NAME/survey.qsf` or `NAME/survey.json`, each with
            `NAME/responses.csv`. Other entries are ignored.

    Returns:
        The surveys, sorted by the names of their folders.

    Raises:
        SurveyFolderError: if there is no survey, a file is not valid, or two surveys have the same
            id.
    """
    if not folder.is_dir():
        raise SurveyFolderError(folder, "this is not a folder")
    surveys: dict[str, SandboxSurvey] = {}
    origin: dict[str, Path] = {}
    for entry in sorted(folder.iterdir()):
        found = [entry / name for name in ("survey.qsf", "survey.json") if (entry / name).is_file()]
        if not found:
            if (entry / "responses.csv").is_file():
                raise SurveyFolderError(
                    entry, "contains responses.csv but no survey.qsf or survey.json"
                )
            continue
        if len(found) > 1:
            raise SurveyFolderError(entry, "contains both survey.qsf and survey.json; keep one")
        survey = read_survey(found[0], entry / "responses.csv")
        if survey.id in surveys:
            raise SurveyFolderError(
                found[0],
                f"survey {survey.id} is already in {origin[survey.id]}; remove one of them",
            )
        surveys[survey.id], origin[survey.id] = survey, found[0]
    if not surveys:
        raise SurveyFolderError(
            folder, "contains no NAME/survey.qsf or NAME/survey.json with NAME/responses.csv"
        )
    return list(surveys.values())


def read_survey(definition_path: Path, responses_path: Path) -> SandboxSurvey:
    """Read one survey and its responses.

    Raises:
        SurveyFolderError: if a file is missing or not valid.
    """
    definition = read_definition(definition_path)
    if not responses_path.is_file():
        raise SurveyFolderError(responses_path, "this file is missing")
    csv.field_size_limit(sys.maxsize)
    try:
        with responses_path.open(encoding="utf-8-sig", newline="") as stream:
            columns = _read_columns(responses_path, csv.reader(stream), definition)
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SurveyFolderError(responses_path, f"this is not a UTF-8 CSV file: {error}") from error
    for column in columns:
        if column.role is ColumnRole.DATE:
            _read_dates(responses_path, column)
        else:
            settle(column)
    survey = SandboxSurvey(definition, columns)
    survey.quotas, survey.quota_groups = read_quotas(definition_path)
    return survey


def _read_columns(path: Path, reader: CsvReader, definition: Definition) -> list[SandboxColumn]:
    headers: list[Sequence[str]] = list(islice(reader, HEADER_ROWS))
    if len(headers) < HEADER_ROWS or len({len(row) for row in headers}) != 1:
        raise SurveyFolderError(
            path, "three header rows of equal length are required: names, texts, ImportId objects"
        )
    make = column_maker(definition)
    keys = [parse_key(raw) for raw in headers[2]]
    # Columns that people added after the download have no object in row 3.
    kept = [(place, key) for place, key in enumerate(keys) if key is not None]
    if not kept:
        raise SurveyFolderError(path, 'row 3 has no {"ImportId": …} object: export the CSV again')
    columns = [make(*(row[place] for row in headers), key) for place, key in kept]
    seen: set[str] = set()
    for column in columns:
        if column.kind is ColumnKind.METADATA and column.import_id in seen:
            raise SurveyFolderError(path, f"two columns have the ImportId {column.import_id}")
        seen.add(column.import_id)
    appends = [
        (place, column.cells.append) for (place, _), column in zip(kept, columns, strict=True)
    ]
    for row in reader:
        if not any(row):
            continue
        if len(row) != len(keys):
            raise SurveyFolderError(
                path, f"line {reader.line_num} has {len(row)} cells instead of {len(keys)}"
            )
        for place, append in appends:
            append(row[place])
    return columns


def _read_dates(path: Path, column: SandboxColumn) -> None:
    try:
        where = zone(column.zone)
        column.cells.translate(lambda word: to_export(parse_cell(word, where)))
    except ValueError as error:
        raise SurveyFolderError(path, f"column {column.header}: {error}") from error
