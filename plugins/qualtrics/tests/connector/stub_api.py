"""An API whose exports contain exactly the columns that a request names.

Each column states what it belongs to, so that no code has to conclude it from the ImportId.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import httpx

from plugins.qualtrics.tests.connector.support import (
    NOW,
    SURVEY,
    Json,
    api_answered_by,
    csv_text,
    envelope,
    zipped,
)
from smaply_metrics_core import MetricQuery, MetricsError, Result, Tally
from smaply_metrics_core.calculations import calculate
from smaply_metrics_qualtrics.responses.fetch import fetch

RECORDED = "2026-02-01 09:00:00"
METADATA = ("status", "finished", "recordedDate")
SEEN = "(seen)"
"""A cell that has the mark for seen but not answered, if the request names one."""


class StubColumn(NamedTuple):
    """A column of an export.

    Attributes:
        key: The object in row 3, or its ImportId.
        owner: The id of its question, or ``field`` or ``score``.
        cells: The cells, one for each response.
    """

    key: Json
    owner: str
    cells: Sequence[str]

    @property
    def import_id(self) -> str:
        """The ImportId."""
        return self.key if isinstance(self.key, str) else str(self.key["ImportId"])


@dataclass
class StubApi:
    """A survey with its responses.

    Attributes:
        folder: A folder for downloads.
        definition: The survey definition.
        columns: The columns in the order of the export, without metadata.
        schema: The properties of the response schema; ``None`` if it is unavailable.
        every_column: Whether an export has all columns, as that in a debug bundle.
        calls: The paths of the requests.
    """

    folder: Path
    definition: Mapping[str, Any]
    columns: Sequence[StubColumn]
    schema: Mapping[str, Any] | None = None
    every_column: bool = False
    calls: list[str] = field(default_factory=list)
    _csv: str = ""

    def fetch(self, *queries: MetricQuery) -> dict[str, Tally | MetricsError]:
        """Answer queries from one export."""
        with api_answered_by(self._answer, self.folder) as (api, context, _):
            found = fetch(api, context, SURVEY, queries, every_column=self.every_column)
            return dict(found)

    def measure(self, query: MetricQuery, *siblings: MetricQuery) -> Result:
        """Return the result of one query that is answered together with others."""
        outcome = self.fetch(query, *siblings)[query.id]
        if isinstance(outcome, MetricsError):
            raise outcome
        return calculate(query, outcome, NOW)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path
        self.calls.append(path)
        if path.endswith("/file"):
            return httpx.Response(200, content=zipped({"a.csv": self._csv}))
        if "survey-definitions" in path:
            return httpx.Response(200, json=envelope(self.definition))
        if path.endswith("/response-schema"):
            if self.schema is None:
                return httpx.Response(404, json=envelope(status="404 - Not Found"))
            body = {"properties": {"values": {"properties": self.schema}}}
            return httpx.Response(200, json=envelope(body))
        if request.method == "POST":
            self._csv = self._export(json.loads(request.content))
        done = {"progressId": "ES_1", "status": "complete", "fileId": "f", "percentComplete": 100}
        return httpx.Response(200, json=envelope(done))

    def _export(self, body: Mapping[str, Any]) -> str:
        questions, fields = body.get("questionIds"), body.get("embeddedDataIds")
        if self.every_column:
            questions = fields = None
        chosen = [
            column
            for column in self.columns
            if (fields is None or column.import_id in fields)
            if column.owner == "field"
        ]
        answers = [
            column
            for column in self.columns
            if column.owner != "field" and (questions is None or column.owner in questions)
        ]
        count = len(self.columns[0].cells)
        metadata = {name: {"ImportId": name} for name in METADATA}
        keys = {**metadata, **{f"c{n}": one.key for n, one in enumerate((*answers, *chosen))}}
        marks = {SEEN: str(body.get("seenUnansweredRecode", ""))}
        rows = [
            [
                *("0", "1", RECORDED),
                *(marks.get(one.cells[row], one.cells[row]) for one in (*answers, *chosen)),
            ]
            for row in range(count)
        ]
        return csv_text(keys, rows)
