"""The survey of the benchmark: 60 columns, and 20 metrics that need 18 of them."""

from __future__ import annotations

import csv
import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple

import polars as pl

from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    Filter,
    GroupBy,
    MetricQuery,
    MetricType,
    Window,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SURVEY: Final = "SV_benchmark0000001"
COLUMNS: Final = 60
NOT_APPLICABLE: Final = "9"
"""The recode of the choice "not applicable" of Q3, which is not part of an average."""

_FIRST: Final = datetime(2024, 7, 1, tzinfo=UTC)
_SECONDS: Final = 548 * 86_400
SINCE: Final = datetime(2025, 7, 1, tzinfo=UTC)
"""The start of the windows of the recent metrics."""

MATRIX: Final = ("1", "2", "3", "4")
MULTIPLE: Final = ("1", "2", "3", "4", "5")
_MORE_MATRICES: Final = ("QID11", "QID12", "QID13", "QID14")
_MORE_SINGLE: Final = tuple(f"QID{number}" for number in range(20, 31))

Kind = Literal["responses", "answered", "average", "median", "sum", "nps", "share", "distribution"]


class BenchmarkMetric(NamedTuple):
    """One metric, in terms that every pipeline can use.

    Attributes:
        column: The header of the answer's column; for several answers, its common prefix.
        question: The id of the question or field.
        by: The group-by: ``month``, a header, or nothing.
        where: A header and the value to filter by.
        since: Whether only responses from ``SINCE`` on count.
    """

    kind: Kind
    column: str = ""
    question: str = ""
    answers: tuple[str, ...] = ()
    by: str = ""
    where: tuple[str, str] | None = None
    since: bool = False


METRICS: Final[Mapping[str, BenchmarkMetric]] = {
    "nps": BenchmarkMetric("nps", "Q1", "QID1"),
    "nps_recent": BenchmarkMetric("nps", "Q1", "QID1", since=True),
    "nps_by_month": BenchmarkMetric("nps", "Q1", "QID1", by="month"),
    "nps_by_region": BenchmarkMetric("nps", "Q1", "QID1", by="Region"),
    "nps_west": BenchmarkMetric("nps", "Q1", "QID1", where=("Region", "West")),
    "channels": BenchmarkMetric("distribution", "Q2", "QID2"),
    "on_the_phone": BenchmarkMetric("share", "Q2", "QID2", answers=("4",)),
    "satisfied": BenchmarkMetric("average", "Q3", "QID3"),
    "satisfied_by_channel": BenchmarkMetric("average", "Q3", "QID3", by="Q2"),
    "satisfactions": BenchmarkMetric("distribution", "Q3", "QID3"),
    "matrix_1": BenchmarkMetric("average", "Q4_1", "QID4_1"),
    "matrix_2": BenchmarkMetric("average", "Q4_2", "QID4_2"),
    "matrix_3": BenchmarkMetric("average", "Q4_3", "QID4_3"),
    "matrix_4": BenchmarkMetric("distribution", "Q4_4", "QID4_4"),
    "reasons": BenchmarkMetric("distribution", "Q5", "QID5"),
    "two_reasons": BenchmarkMetric("share", "Q5", "QID5", answers=("1", "3")),
    "effort": BenchmarkMetric("average", "Q6_1", "QID6_1"),
    "effort_median_recent": BenchmarkMetric("median", "Q6_1", "QID6_1", since=True),
    "spent": BenchmarkMetric("sum", "Spent", "field:Spent"),
    "responses_by_month": BenchmarkMetric("responses", by="month"),
}


def queries() -> list[MetricQuery]:
    """Return the metrics as queries whose ids are the names."""
    return [_query(name, metric) for name, metric in METRICS.items()]


def _query(name: str, metric: BenchmarkMetric) -> MetricQuery:
    group_by = None
    if metric.by:
        group_by = GroupBy.parse(
            {"month": "period:month", "Region": "field:Region", "Q2": "question:QID2"}[metric.by]
        )
    filters: tuple[Filter, ...] = ()
    if metric.where is not None:
        filters = (Filter(kind="field", of=metric.where[0], values=(metric.where[1],)),)
    several = group_by is not None or metric.kind == "distribution"
    return MetricQuery(
        id=name,
        definition=Definition(
            type=MetricType.SERIES if several else MetricType.NUMBER,
            survey_id=SURVEY,
            question_id=metric.question or None,
            calculation=Calculation(metric.kind),
            answers=metric.answers,
            group_by=group_by,
            filters=filters,
        ),
        windows=(Window(start=SINCE) if metric.since else Window(),),
        zone="UTC",
    )


def write_survey(folder: Path, rows: int) -> None:
    """Write ``survey.json`` and ``responses.csv`` in the format of the sandbox."""
    folder.mkdir(parents=True)
    (folder / "survey.json").write_text(json.dumps(_definition()), encoding="utf-8")
    columns = _columns(rows)
    with (folder / "responses.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow([name for name, _, _ in columns])
        writer.writerow([f"Text of {name}" for name, _, _ in columns])
        writer.writerow([json.dumps(key, separators=(",", ":")) for _, key, _ in columns])
    frame = pl.DataFrame([cells.alias(name) for name, _, cells in columns])
    with (folder / "responses.csv").open("ab") as stream:
        frame.write_csv(stream, include_header=False)


def _definition() -> dict[str, Any]:
    scale = {str(n): {"Display": f"Answer {n}"} for n in range(1, 6)}
    single = {"QuestionType": "MC", "Selector": "SAVR", "SubSelector": "TX"}
    rows = {n: {"Display": f"Row {n}"} for n in MATRIX}
    matrix = {
        "QuestionType": "Matrix",
        "Selector": "Likert",
        "SubSelector": "SingleAnswer",
        "Choices": rows,
        "Answers": scale,
    }
    unsure = {**scale, "6": {"Display": "Not applicable"}}
    questions: dict[str, dict[str, Any]] = {
        "QID1": {**single, "Selector": "NPS", "Choices": [{"Display": str(n)} for n in range(11)]},
        "QID2": {**single, "Choices": scale},
        "QID3": {
            **single,
            "Choices": unsure,
            "RecodeValues": {**{n: n for n in scale}, "6": NOT_APPLICABLE},
            "AnalyzeChoices": {"6": "No"},
        },
        "QID4": matrix,
        "QID5": {**single, "Selector": "MAVR", "Choices": {n: scale[n] for n in MULTIPLE}},
        "QID6": {
            "QuestionType": "Slider",
            "Selector": "HSLIDER",
            "Choices": {"1": {"Display": "Effort"}},
        },
        "QID7": {"QuestionType": "TE", "Selector": "ML"},
        **dict.fromkeys(_MORE_MATRICES, matrix),
        **{question_id: {**single, "Choices": scale} for question_id in _MORE_SINGLE},
    }
    fields = [
        {"Field": "Region", "Type": "Custom", "VariableType": "Nominal"},
        {"Field": "Spent", "Type": "Custom", "VariableType": "Scale"},
    ]
    elements = [{"Type": "Question", "QuestionID": question_id} for question_id in questions]
    return {
        "SurveyID": SURVEY,
        "SurveyName": "Benchmark",
        "SurveyStatus": "Active",
        "LastModified": "2026-01-01T00:00:00Z",
        "Questions": {
            question_id: {
                "QuestionID": question_id,
                "QuestionText": f"Question {question_id}?",
                "DataExportTag": question_id.replace("QID", "Q"),
                **body,
            }
            for question_id, body in questions.items()
        },
        "Blocks": {"BL_1": {"Type": "Default", "ID": "BL_1", "BlockElements": elements}},
        "SurveyFlow": {
            "Type": "Root",
            "FlowID": "FL_1",
            "Flow": [
                {
                    "Type": "EmbeddedData",
                    "FlowID": "FL_2",
                    "EmbeddedData": [{"Description": f["Field"], **f} for f in fields],
                },
                {"Type": "Block", "ID": "BL_1", "FlowID": "FL_3"},
            ],
        },
    }


def _columns(rows: int) -> list[tuple[str, dict[str, str], pl.Series]]:
    """Return the header, ImportId object and cells of every column."""
    draw = _Draw(rows)
    ended = draw.seconds()
    zone = {"timeZone": "UTC"}
    columns: list[tuple[str, dict[str, str], pl.Series]] = [
        ("StartDate", {"ImportId": "startDate", **zone}, _dates(ended - 300)),
        ("EndDate", {"ImportId": "endDate", **zone}, _dates(ended)),
        ("Status", {"ImportId": "status"}, draw.one_of([*"0" * 92, *"11222888"])),
        ("IPAddress", {"ImportId": "ipAddress"}, draw.one_of([f"192.0.2.{n}" for n in range(256)])),
        ("Progress", {"ImportId": "progress"}, draw.one_of(["100"] * 9 + ["40"])),
        ("Duration", {"ImportId": "duration"}, draw.one_of([str(n) for n in range(30, 900)])),
        ("Finished", {"ImportId": "finished"}, draw.one_of([*"1" * 93, *"0" * 7])),
        ("RecordedDate", {"ImportId": "recordedDate", **zone}, _dates(ended + 1)),
        ("ResponseId", {"ImportId": "_recordId"}, draw.ids()),
        *(
            (name, {"ImportId": import_id}, draw.one_of([""]))
            for name, import_id in (
                ("LastName", "recipientLastName"),
                ("FirstName", "recipientFirstName"),
                ("Email", "recipientEmail"),
                ("Reference", "externalDataReference"),
            )
        ),
        ("Latitude", {"ImportId": "locationLatitude"}, draw.decimals(46, 49, 4)),
        ("Longitude", {"ImportId": "locationLongitude"}, draw.decimals(13, 17, 4)),
        (
            "DistributionChannel",
            {"ImportId": "distributionChannel"},
            draw.one_of(["email", "anonymous"]),
        ),
        ("UserLanguage", {"ImportId": "userLanguage"}, draw.one_of(["EN", "EN", "DE-AT"])),
        ("Q1", {"ImportId": "QID1"}, draw.answer([str(n) for n in range(11)])),
        ("Q2", {"ImportId": "QID2"}, draw.answer([*"12345"])),
        ("Q3", {"ImportId": "QID3"}, draw.answer([*"1234554", NOT_APPLICABLE])),
        *((f"Q4_{n}", {"ImportId": f"QID4_{n}"}, draw.answer([*"12345"])) for n in MATRIX),
        *(
            (f"Q5_{n}", {"ImportId": "QID5", "choiceId": n}, draw.answer(["1", "", ""]))
            for n in MULTIPLE
        ),
        ("Q6_1", {"ImportId": "QID6_1"}, draw.answer([f"{n / 10:.1f}" for n in range(1001)])),
        ("Q7", {"ImportId": "QID7_TEXT"}, draw.answer(["", "", *_COMMENTS])),
        *(
            (f"{qid.replace('QID', 'Q')}_{n}", {"ImportId": f"{qid}_{n}"}, draw.answer([*"12345"]))
            for qid in _MORE_MATRICES
            for n in MATRIX
        ),
        *(
            (qid.replace("QID", "Q"), {"ImportId": qid}, draw.answer([*"12345"]))
            for qid in _MORE_SINGLE
        ),
        ("Region", {"ImportId": "Region"}, draw.answer(["North", "East", "South", "West"])),
        ("Spent", {"ImportId": "Spent"}, draw.answer([str(n) for n in range(1, 500)])),
    ]
    if len(columns) != COLUMNS:
        raise ValueError(f"the survey has {len(columns)} columns, not {COLUMNS}")
    return columns


_COMMENTS: Final = (
    "Great service, will come back.",
    'The order page said "delivered" - it was not.',
    "Delivery was late.\nNobody called.\n\nI had to ask twice.",
    "Sehr freundliche Beratung in Graz, größtes Lob an Frau Özdemir.",
)


class _Draw:
    """Generates columns of cells; each has its own seed, so that runs are repeatable."""

    def __init__(self, rows: int) -> None:
        self._rows = rows
        self._seed = 0

    def one_of(self, cells: Sequence[str]) -> pl.Series:
        self._seed += 1
        return pl.Series(cells).sample(self._rows, with_replacement=True, seed=self._seed)

    def answer(self, cells: Sequence[str]) -> pl.Series:
        """Return answers; one in sixteen is blank."""
        return self.one_of([*list(cells) * 15, *[""] * len(cells)])

    def ids(self) -> pl.Series:
        return pl.Series([f"R_{n:015d}" for n in range(self._rows)])

    def seconds(self) -> pl.Series:
        """Return times in ascending order, as in exports."""
        return pl.int_range(0, self._rows, eager=True) * _SECONDS // self._rows

    def decimals(self, low: int, high: int, digits: int) -> pl.Series:
        self._seed += 1
        steps = (high - low) * 10**digits
        drawn = pl.int_range(0, steps, eager=True).sample(
            self._rows, with_replacement=True, seed=self._seed
        )
        cells: pl.Series = (drawn / 10**digits + low).round(digits).cast(pl.String)
        return cells


def _dates(seconds: pl.Series) -> pl.Series:
    start = int(_FIRST.timestamp())
    return pl.from_epoch(seconds + start, time_unit="s").dt.strftime("%Y-%m-%d %H:%M:%S")
