"""Which columns and rows an export holds, and which questions a response has seen.

Columns. Metadata, embedded data and questions have a filter each; a filter that isn't given keeps
all of its kind, `[]` none. A question keeps every column of its own, in every loop. Orders of
display come only with includeDisplayOrder: those of a question with their question, those of the
flow when no filter on questions is given. Scores come when no filter on questions is given, or when
the filter names them. A nameless column, which only a spreadsheet makes, comes when no filter is
given at all. Deleted questions and questions in the trash have no columns.

Rows. Those recorded from startDate on and before endDate, in the order of the file; `limit` keeps
the first of them.

Seen but unanswered. A responses file doesn't tell a question that was skipped from one that was
never shown. The sandbox counts a question as seen by a response when any of its cells holds
something, or when the response is finished and the question is always shown: no display logic, no
loop, its block neither under a branch nor under a randomizer that shows only a part.
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
    """What an export was started on; later changes of the survey don't reach it.

    Attributes:
        name: The survey's name.
        columns: Its columns.
        rows: How many responses it had.
        always_shown: The questions that everyone sees who finishes.
    """

    name: str
    columns: tuple[SandboxColumn, ...]
    rows: int
    always_shown: frozenset[str]

    def metadata(self, import_id: str) -> SandboxColumn | None:
        """Return a column of metadata, if the survey has it."""
        for column in self.columns:
            if column.kind is ColumnKind.METADATA and column.import_id == import_id:
                return column
        return None


def take(survey: SandboxSurvey) -> Snapshot:
    """Return the survey as it is now."""
    return Snapshot(
        name=survey.name,
        columns=tuple(survey.exported()),
        rows=survey.rows,
        always_shown=always_shown(survey.definition),
    )


def choose_columns(snapshot: Snapshot, request: ParsedExportRequest) -> list[SandboxColumn]:
    """Return the columns that a request asks for, in the order of the file."""
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
    """Return the rows that a request asks for."""
    rows: Sequence[int] = range(snapshot.rows)
    recorded = snapshot.metadata("recordedDate")
    if recorded is not None and (request.start or request.end):
        first = to_export(request.start) if request.start else ""
        last = to_export(request.end) if request.end else "9999"
        # Dates are kept as text of one form, so that comparing texts compares moments.
        inside = [first <= word < last for word in recorded.cells.words]
        rows = [
            row
            for row, fits in zip(rows, recorded.cells.look_up(rows, inside), strict=True)
            if fits
        ]
    return rows if request.limit is None else rows[: request.limit]


class ShownQuestions:
    """Whether responses have seen questions, for the rows of one export."""

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
        """Return for each row 1 when the question of this column was seen, else 0."""
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
