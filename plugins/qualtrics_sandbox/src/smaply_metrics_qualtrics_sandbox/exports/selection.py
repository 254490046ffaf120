"""Select the columns and rows of an export, and determine which questions a response has seen.

Columns: Metadata, embedded data and questions have separate filters. A missing filter includes all
columns of its kind, and `[]` none. A question includes all its columns in all loops. Display orders
are included only with includeDisplayOrder: those of a question with the question, and those of the
flow without a question filter. Scores are included without a question filter, or if the filter
names them. A nameless column, which a spreadsheet added, is included only without any filter.
Deleted questions and questions in the trash have no columns.

Rows: Responses recorded from startDate (inclusive) to endDate (exclusive), in file order; `limit`
selects the first of them.

Seen but unanswered: A responses file does not distinguish a skipped question from one that was not
shown. The sandbox treats a question as seen if any of its cells is filled, or if the response is
finished and the question is always shown: it has no display logic and no loop, and its block is
neither in a branch nor in a randomizer that shows only a subset.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smaply_metrics_qualtrics_sandbox.dates import to_export
from smaply_metrics_qualtrics_sandbox.exports.export_request import ParsedExportRequest
from smaply_metrics_qualtrics_sandbox.surveys.columns import ColumnKind, SandboxColumn
from smaply_metrics_qualtrics_sandbox.surveys.definition import always_shown
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey


@dataclass(frozen=True)
class Snapshot:
    """A survey at the start of an export. Later changes do not affect it.

    Attributes:
        name: The name of the survey.
        columns: The columns of the responses.
        rows: The number of responses.
        always_shown: The questions that every finished response has seen.
    """

    name: str
    columns: tuple[SandboxColumn, ...]
    rows: int
    always_shown: frozenset[str]

    def metadata(self, import_id: str) -> SandboxColumn | None:
        """Return a metadata column, or None."""
        for column in self.columns:
            if column.kind is ColumnKind.METADATA and column.import_id == import_id:
                return column
        return None


def take(survey: SandboxSurvey) -> Snapshot:
    """Return a snapshot of the survey."""
    return Snapshot(
        name=survey.name,
        columns=tuple(survey.exported()),
        rows=survey.rows,
        always_shown=always_shown(survey.definition),
    )


def choose_columns(snapshot: Snapshot, request: ParsedExportRequest) -> list[SandboxColumn]:
    """Return the requested columns in file order."""
    return [column for column in snapshot.columns if _wanted(column, request)]


def _wanted(column: SandboxColumn, request: ParsedExportRequest) -> bool:
    if column.is_order and not request.display_order:
        return False
    if column.kind is ColumnKind.METADATA:
        return request.metadata_ids is None or column.import_id in request.metadata_ids
    if column.kind is ColumnKind.EMBEDDED:
        return request.embedded_ids is None or column.import_id in request.embedded_ids
    if column.kind is ColumnKind.NAMELESS:
        return request.question_ids is request.embedded_ids is request.metadata_ids is None
    if request.question_ids is None:
        return True
    return (column.question or column.import_id) in request.question_ids


def choose_rows(snapshot: Snapshot, request: ParsedExportRequest) -> Sequence[int]:
    """Return the indexes of the requested rows."""
    rows: Sequence[int] = range(snapshot.rows)
    recorded = snapshot.metadata("recordedDate")
    if recorded is not None and (request.start or request.end):
        first = to_export(request.start) if request.start else ""
        last = to_export(request.end) if request.end else "9999"
        # All dates have the same text format, so they can be compared as text.
        inside = [first <= word < last for word in recorded.cells.words]
        rows = [
            row
            for row, fits in zip(rows, recorded.cells.look_up(rows, inside), strict=True)
            if fits
        ]
    return rows if request.limit is None else rows[: request.limit]


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
