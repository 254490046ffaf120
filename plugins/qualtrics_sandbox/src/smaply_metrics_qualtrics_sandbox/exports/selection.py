"""Select the columns and rows of an export, and determine which questions a response has seen.

Columns: Metadata, embedded data and questions have separate filters. A missing filter includes all
columns of its kind, and `[]` none. A question includes all its columns in all loops. Display orders
are included only with includeDisplayOrder: those of a question with the question, and those of the
flow always. Scores are included without a question filter, or if the filter names them. Deleted
questions and questions in the trash have no columns. LastModifiedDate is included only with
sortByLastModifiedDate, or if surveyMetadataIds names it.

Rows: Responses recorded from startDate (inclusive) to endDate (exclusive), in file order; with
sortByLastModifiedDate those modified in this range, sorted by that date, which is the recorded date
if the file has no other. `limit` selects the first of them. An unfinished response without a
recorded date is in progress: exportResponsesInProgress exports only these, and otherwise they are
excluded.

Seen but unanswered: A responses file does not distinguish a skipped question from one that was not
shown. The sandbox treats a question as seen if any of its cells is filled, or if the response is
finished and the question is always shown: it has no display logic and no loop, and its block is
neither in a branch nor in a randomizer that shows only a subset.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import compress

from smaply_metrics_qualtrics_sandbox.dates import to_export
from smaply_metrics_qualtrics_sandbox.exports.export_request import ParsedExportRequest
from smaply_metrics_qualtrics_sandbox.surveys.columns import SandboxColumn, metadata_column
from smaply_metrics_qualtrics_sandbox.surveys.definition import always_shown, item_names
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey


@dataclass(frozen=True)
class Continuation:
    """The state of a survey at an earlier export: the number of responses, and the time."""

    rows: int
    moment: str


@dataclass(frozen=True)
class Snapshot:
    """A survey at the start of an export. Later changes do not affect it.

    Attributes:
        name: The name of the survey.
        columns: The columns of the responses.
        rows: The number of responses.
        always_shown: The questions that every finished response has seen.
        modified: When the responses were last modified.
        item_names: The texts of what a display order lists, by id.
    """

    name: str
    columns: tuple[SandboxColumn, ...]
    rows: int
    always_shown: frozenset[str]
    modified: SandboxColumn | None
    item_names: Mapping[str, str]

    def metadata(self, import_id: str) -> SandboxColumn | None:
        """Return a metadata column, or None."""
        return metadata_column(self.columns, import_id)


def take(survey: SandboxSurvey) -> Snapshot:
    """Return a snapshot of the survey."""
    modified, recorded = survey.metadata("lastModifiedDate"), survey.metadata("recordedDate")
    if modified is None and recorded is not None:
        key = {"ImportId": "lastModifiedDate"}
        modified = replace(recorded, header="LastModifiedDate", text="Last Modified Date", key=key)
    return Snapshot(
        name=survey.name,
        columns=tuple(survey.exported()),
        rows=survey.rows,
        always_shown=always_shown(survey.definition),
        modified=modified,
        item_names=item_names(survey.definition),
    )


def choose_columns(snapshot: Snapshot, request: ParsedExportRequest) -> list[SandboxColumn]:
    """Return the requested columns in file order."""
    chosen = [column for column in snapshot.columns if _wanted(column, request)]
    if request.by_modification and snapshot.modified and snapshot.modified not in chosen:
        chosen.append(snapshot.modified)
    return chosen


def _wanted(column: SandboxColumn, request: ParsedExportRequest) -> bool:
    if column.is_order and not request.display_order:
        return False
    if column.kind is ColumnKind.METADATA:
        if request.metadata_ids is None:
            return column.import_id != "lastModifiedDate"
        return column.import_id in request.metadata_ids
    if column.kind is ColumnKind.EMBEDDED:
        return request.embedded_ids is None or column.import_id in request.embedded_ids
    if column.kind is ColumnKind.ORDER or request.question_ids is None:
        return True
    return (column.question or column.import_id) in request.question_ids


def choose_rows(
    snapshot: Snapshot, request: ParsedExportRequest, since: Continuation | None = None
) -> Sequence[int]:
    """Return the indexes of the requested rows; `since` excludes those of an earlier export."""
    recorded = snapshot.metadata("recordedDate")
    rows = recorded_rows(snapshot, in_progress=request.in_progress)
    by_date = snapshot.modified if request.by_modification else recorded
    if by_date is not None and not request.in_progress:
        rows = _dated_rows(rows, by_date, request)
    if since is not None:
        changed = set(range(since.rows, snapshot.rows))
        if request.by_modification and by_date is not None:
            later = [word >= since.moment for word in by_date.cells.words]
            changed |= set(compress(rows, by_date.cells.look_up(rows, later)))
        rows = [row for row in rows if row in changed]
    if request.saved_filter is not None:
        rows = list(compress(rows, request.saved_filter.rows(rows)))
    if request.by_modification and by_date is not None:
        dates = dict(zip(rows, by_date.cells.read(rows), strict=True))
        rows = sorted(rows, key=dates.__getitem__)
    return rows if request.limit is None else rows[: request.limit]


def recorded_rows(survey: Snapshot | SandboxSurvey, *, in_progress: bool = False) -> Sequence[int]:
    """Return the rows that are recorded, or those that are in progress."""
    rows = range(survey.rows)
    recorded, finished = survey.metadata("recordedDate"), survey.metadata("finished")
    if recorded is None or finished is None or all(recorded.cells.filled(rows)):
        return range(0) if in_progress else rows
    unfinished = [word in {"0", "False"} for word in finished.cells.words]
    dated = recorded.cells.filled(rows)
    found = zip(rows, finished.cells.look_up(rows, unfinished), dated, strict=True)
    return [row for row, is_open, date in found if (is_open and not date) is in_progress]


def _dated_rows(
    rows: Sequence[int], by_date: SandboxColumn, request: ParsedExportRequest
) -> Sequence[int]:
    """Return the rows in the requested range of dates."""
    if request.start is None and request.end is None:
        return rows
    first = to_export(request.start) if request.start else ""
    last = to_export(request.end) if request.end else "9999"
    # All dates have the same text format, so they can be compared as text.
    inside = [first <= word < last for word in by_date.cells.words]
    return list(compress(rows, by_date.cells.look_up(rows, inside)))


class ShownQuestions:
    """Determines which questions the rows of an export have seen."""

    def __init__(self, snapshot: Snapshot, rows: Sequence[int]) -> None:
        self._snapshot = snapshot
        self._rows = rows
        self._known: dict[tuple[str, str], bytes] = {}
        finished = snapshot.metadata("finished")
        self._finished = (
            bytes(cell in {"1", "True"} for cell in finished.cells.read(rows))
            if finished
            else bytes([1]) * len(rows)
        )

    def by_row(self, column: SandboxColumn) -> bytes:
        """Return 1 for each row that has seen the question of this column, otherwise 0."""
        key = (column.loop, column.question or "")
        if key not in self._known:
            shown = not column.loop and column.question in self._snapshot.always_shown
            seen = bytearray(self._finished if shown else bytes(len(self._rows)))
            for other in self._snapshot.columns:
                if (other.loop, other.question) == key and not other.is_order:
                    for index, filled in enumerate(other.cells.filled(self._rows)):
                        if filled:
                            seen[index] = 1
            self._known[key] = bytes(seen)
        return self._known[key]
