"""Write CSV and TSV exports: three header rows, followed by the responses."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, TextIO
from zoneinfo import ZoneInfo

from smaply_metrics_qualtrics_sandbox.dates import EXPORT_FORMAT, from_export, zone
from smaply_metrics_qualtrics_sandbox.exports.export_request import ParsedExportRequest
from smaply_metrics_qualtrics_sandbox.exports.selection import (
    ShownQuestions,
    Snapshot,
    choose_columns,
)
from smaply_metrics_qualtrics_sandbox.surveys.columns import (
    NUMERIC_METADATA,
    ColumnRole,
    SandboxColumn,
)
from smaply_metrics_qualtrics_sandbox.surveys.import_ids import ColumnKind

_DECIMAL = re.compile(r"-?\d+\.\d+")
_NEWLINE = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Output:
    """A column of the file: its three header cells, its values, and what they mean in SPSS."""

    header: str
    text: str
    raw: str
    cells: Callable[[], Iterator[str]]
    numeric: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)


class _UnixLines:
    """Ends lines by a newline only.

    Before Python 3.13, a CSV writer with this line terminator does not quote carriage returns.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, line: str) -> None:
        self._stream.write(line.removesuffix("\r\n") + "\n")


class TextExport:
    """A CSV or TSV file of one request."""

    def __init__(
        self, snapshot: Snapshot, request: ParsedExportRequest, rows: Sequence[int]
    ) -> None:
        self._snapshot = snapshot
        self._request = request
        self._rows = rows
        self._seen = ShownQuestions(snapshot, rows)
        self._zone = zone(request.time_zone or "UTC")

    def write(self, stream: TextIO) -> None:
        """Write the file; `stream` must not translate line endings."""
        delimiter = "\t" if self._request.format == "tsv" else ","
        writer = csv.writer(_UnixLines(stream), delimiter=delimiter, lineterminator="\r\n")
        outputs = self.outputs()
        writer.writerow([output.header for output in outputs])
        writer.writerow([self._flat(output.text) for output in outputs])
        writer.writerow([output.raw for output in outputs])
        writer.writerows(zip(*(output.cells() for output in outputs), strict=True))

    def outputs(self) -> list[Output]:
        """Return the columns of the file."""
        columns = choose_columns(self._snapshot, self._request)
        if self._request.breakout_sets:
            return [output for column in columns for output in self._singles(column)]
        # The columns of a set need not be adjacent: text columns are between the choices.
        sets: dict[tuple[str, ...], list[SandboxColumn]] = {}
        for column in columns:
            sets.setdefault(_set_of(column), []).append(column)
        outputs: list[Output] = []
        for column in columns:
            ticked = sets[_set_of(column)]
            if column.role is not ColumnRole.TICKED:
                outputs += self._singles(column)
            elif ticked[0] is column:
                outputs += self._both(partial(self._joined, ticked))
        return outputs

    def _singles(self, column: SandboxColumn) -> list[Output]:
        """Return a column, and its labels if these are requested and it has any."""
        if not column.labels():
            return [self._single(column, labelled=False)]
        return self._both(partial(self._single, column))

    def _both(self, output: Callable[..., Output]) -> list[Output]:
        if not self._request.label_columns:
            return [output(labelled=self._request.use_labels)]
        labels = output(labelled=True)
        raw = _compact({**json.loads(labels.raw), "IsLabelsColumn": True})
        return [output(labelled=False), replace(labels, raw=raw)]

    def _single(self, column: SandboxColumn, *, labelled: bool) -> Output:
        raw = column.raw
        if column.role is ColumnRole.DATE:
            raw = _compact({**column.key, "timeZone": self._request.time_zone or "Z"})
        return Output(
            column.header,
            column.text,
            raw,
            lambda: self._cells(column, labelled=labelled),
            numeric=_is_numeric(column) or bool(column.labels()),
            labels=column.labels(),
        )

    def _cells(self, column: SandboxColumn, *, labelled: bool) -> Iterator[str]:
        words = self._meanings(column, labelled=labelled)
        fill = self._fill(column)
        cells = column.cells.look_up(self._rows, words)
        if fill is None:
            return cells
        return (
            cell or (fill if seen else "")
            for cell, seen in zip(cells, self._seen.by_row(column), strict=True)
        )

    def _meanings(self, column: SandboxColumn, *, labelled: bool) -> list[str]:
        """Return the exported text for each distinct text of a column."""
        words = column.cells.words
        if column.role is ColumnRole.DATE:
            # Dates are stored in UTC, and converting a million of them takes seconds.
            return words if self._zone.key == "UTC" else [_in_zone(w, self._zone) for w in words]
        if labelled:
            labels = column.labels()
            words = [labels.get(word, word) for word in words]
        if self._request.decimal_comma and _is_numeric(column):
            words = [word.replace(".", ",") if _DECIMAL.fullmatch(word) else word for word in words]
        return [self._flat(word) for word in words]

    def _flat(self, text: str) -> str:
        newline = self._request.newline
        return text if newline is None else _NEWLINE.sub(lambda _: newline, text)

    def _fill(self, column: SandboxColumn) -> str | None:
        if column.role is ColumnRole.TICKED:
            return self._request.multiselect_seen_unanswered
        if column.role is ColumnRole.CODED and not column.import_id.endswith("_NPS_GROUP"):
            return self._request.seen_unanswered
        return None

    def _joined(self, columns: list[SandboxColumn], *, labelled: bool) -> Output:
        """Return one column for a set of choices: the selected choices, joined by commas."""
        first = columns[0]
        choice = str(first.key.get("choiceId") or first.import_id.rpartition("_")[2])
        header = first.header.removesuffix(f"_{choice}")
        if header == first.header:
            header = first.header.rpartition("_")[0] or first.header
        import_id = f"{first.loop}_{first.question}" if first.loop else str(first.question)
        row = first.group[3]
        key = {"ImportId": f"{import_id}_{row}" if row else import_id}
        text = (
            first.text.removesuffix(f" - {first.answers[0].label}") if first.answers else first.text
        )
        return Output(
            header, text, _compact(key), lambda: self._joined_cells(columns, labelled=labelled)
        )

    def _joined_cells(self, columns: list[SandboxColumn], *, labelled: bool) -> Iterator[str]:
        names = [_name(column, labelled=labelled) for column in columns]
        ticks = [column.cells.filled(self._rows) for column in columns]
        fill = self._request.multiselect_seen_unanswered or ""
        seen = self._seen.by_row(columns[0])
        for ticked, was_seen in zip(zip(*ticks, strict=True), seen, strict=True):
            chosen = ",".join(name for name, tick in zip(names, ticked, strict=True) if tick)
            yield chosen or (fill if was_seen else "")


def _name(column: SandboxColumn, *, labelled: bool) -> str:
    """Return the choice of a ticked column."""
    if not column.answers:
        return str(column.key.get("choiceId") or column.import_id)
    answer = column.answers[0]
    return answer.label if labelled else answer.recode


def _compact(key: Mapping[str, Any]) -> str:
    """Return an object for row 3."""
    return json.dumps(key, separators=(",", ":"), ensure_ascii=False)


def _set_of(column: SandboxColumn) -> tuple[str, ...]:
    return column.group if column.role is ColumnRole.TICKED else ()


def _in_zone(word: str, where: ZoneInfo) -> str:
    return from_export(word).astimezone(where).strftime(EXPORT_FORMAT) if word else ""


def _is_numeric(column: SandboxColumn) -> bool:
    if column.kind is ColumnKind.METADATA:
        return column.import_id.startswith("location") or column.import_id in NUMERIC_METADATA
    return column.role in {ColumnRole.NUMBER, ColumnRole.CODED}
