"""Write JSON and NDJSON exports, with one object for each response.

A response has values, labels and displayed fields. Blank cells are omitted. Codes, progress,
duration and scores are numbers, as in the API. A multiple-answer question is an array of choice
ids, and a display order an array of the ids of the displayed items; both have the texts in labels.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import compress
from operator import itemgetter
from typing import Any, TextIO

from smaply_metrics_qualtrics_sandbox.exports.export_request import ParsedExportRequest
from smaply_metrics_qualtrics_sandbox.exports.selection import (
    ShownQuestions,
    Snapshot,
    choose_columns,
    choose_rows,
)
from smaply_metrics_qualtrics_sandbox.surveys.columns import (
    NUMERIC_METADATA,
    ColumnRole,
    SandboxColumn,
)
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind

_INTEGER = re.compile(r"-?\d+")
_DECIMAL = re.compile(r"-?\d+\.\d+")


class JsonExport:
    """A JSON or NDJSON file of one request."""

    def __init__(
        self, snapshot: Snapshot, request: ParsedExportRequest, rows: Sequence[int]
    ) -> None:
        self._snapshot = snapshot
        self._request = request
        self._rows = rows
        self._seen = ShownQuestions(snapshot, rows)

    def write(self, stream: TextIO) -> None:
        """Write the file. An NDJSON file without responses contains one empty object."""
        lines = (
            json.dumps(response, ensure_ascii=False, separators=(",", ":"))
            for response in self.responses()
        )
        if self._request.format == "ndjson":
            written = False
            for line in lines:
                stream.write(f"{line}\n")
                written = True
            if not written:
                stream.write("{}\n")
            return
        stream.write('{"responses":[')
        for number, line in enumerate(lines):
            stream.write(f",{line}" if number else line)
        stream.write("]}")

    def responses(self) -> Iterator[dict[str, Any]]:
        """Yield the responses."""
        columns = choose_columns(self._snapshot, self._request)
        record = self._snapshot.metadata("_recordId")
        ids = record.cells.read(self._rows) if record else (f"R_{row:015d}" for row in self._rows)
        cells = [column.cells.read(self._rows) for column in columns]
        seen = {column.question: self._seen.by_row(column) for column in columns if column.question}
        if not columns:
            cells = []
        rows = zip(*cells, strict=True) if cells else iter([()] * len(self._rows))
        for index, (response_id, row) in enumerate(zip(ids, rows, strict=True)):
            shown = {qid for qid, by_row in seen.items() if by_row[index]}
            yield _response(response_id, columns, row, shown, self._snapshot.item_names)


def one_response(
    snapshot: Snapshot, request: ParsedExportRequest, response_id: str
) -> dict[str, Any] | None:
    """Return one recorded response as in a JSON export, or None."""
    ids = snapshot.metadata("_recordId")
    if ids is None:
        return None
    rows = choose_rows(snapshot, request)
    matches = ids.cells.look_up(rows, [word == response_id for word in ids.cells.words])
    found = list(compress(rows, matches))
    return next(JsonExport(snapshot, request, found[:1]).responses()) if found else None


def _response(
    response_id: str,
    columns: list[SandboxColumn],
    row: tuple[str, ...],
    shown: set[str],
    item_names: Mapping[str, str],
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    labels: dict[str, Any] = {}
    displayed: dict[str, list[Any]] = {}
    orders: dict[str, list[tuple[float, str]]] = {}
    texts = dict(item_names)
    for column, cell in zip(columns, row, strict=True):
        key = _key(column)
        if column.question in shown and column.role in {
            ColumnRole.CODED,
            ColumnRole.TICKED,
            ColumnRole.TEXT,
        }:
            choices = displayed.setdefault(key, [])
            choices.extend(_number(answer.recode) for answer in column.answers)
        if not cell:
            continue
        if column.role is ColumnRole.TICKED:
            choice = column.answers[0].id if column.answers else _choice(column)
            values.setdefault(key, []).append(choice)
            labels.setdefault(key, []).append(column.labels().get("1", choice))
        elif column.is_order:
            listed = [_choice(column)] if _choice(column) else cell.split("|")
            orders.setdefault(key, []).extend((_rank(cell), item) for item in listed)
            texts |= {answer.id: answer.label for answer in column.answers}
        else:
            values[key] = _value(column, cell)
            if label := column.labels().get(cell):
                labels[key] = label
    for key, ranked in orders.items():
        values[key] = [item for _, item in sorted(ranked, key=itemgetter(0))]
        labels[key] = [texts.get(item, item) for item in values[key]]
    return {
        "responseId": response_id,
        "values": values,
        "labels": labels,
        "displayedFields": list(displayed),
        "displayedValues": {key: choices for key, choices in displayed.items() if choices},
    }


def _key(column: SandboxColumn) -> str:
    if column.role is ColumnRole.TICKED and "choiceId" not in column.key:
        return column.import_id.rpartition("_")[0]
    return column.import_id


def _choice(column: SandboxColumn) -> str:
    return str(column.key.get("choiceId") or "")


def _value(column: SandboxColumn, cell: str) -> int | float | str:
    if column.role is ColumnRole.DATE:
        fraction = ".000Z" if column.import_id == "recordedDate" else "Z"
        return cell.replace(" ", "T") + fraction
    numeric = column.role in {ColumnRole.CODED, ColumnRole.NUMBER} or (
        column.kind is ColumnKind.METADATA and column.import_id in NUMERIC_METADATA
    )
    return _number(cell) if numeric else cell


def _number(text: str) -> int | float | str:
    if _INTEGER.fullmatch(text):
        return int(text)
    return float(text) if _DECIMAL.fullmatch(text) else text


def _rank(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return 0.0
