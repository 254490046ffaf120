"""Random responses, in a database and as rows, and random queries about them."""

from __future__ import annotations

import random
import sqlite3
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

import polars as pl

from smaply_metrics_core import (
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Question,
    QuestionKind,
    Weight,
    Window,
)
from smaply_metrics_core.calculations import AnswerExpr, RowReader
from smaply_metrics_sql.mapping.yaml_text import read_mapping

ZONES: Final = ("UTC", "Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "Australia/Lord_Howe")

MAPPING: Final = read_mapping(
    """
    surveys:
    - id: visits
      name: Visits
      table: visits
      response: id
      recorded_at: {column: recorded_at}
      status: {column: state, exclude: {partial: unfinished, test: test}}
      questions:
      - {column: nps, text: "Would you recommend us?", type: nps}
      - column: csat
        type: scale
        choices:
        - {key: 1, label: Bad}
        - {key: 2, label: Good}
        - {key: 3, label: Great}
        - {key: 9, label: Not applicable, counts: false}
      - {column: minutes, type: number}
      - {column: channel, type: choice}
      - {column: topics, type: multiple, delimiter: ";"}
      - {column: remark, type: text}
      fields:
      - {column: country, label: Country}
      - {column: weight}
    """
).surveys[0]

CHANGES: Final = (
    *(datetime(2025, 3, 30, 1, tzinfo=UTC), datetime(2025, 10, 26, 1, tzinfo=UTC)),
    *(datetime(2025, 3, 9, 5, 30, tzinfo=UTC), datetime(2025, 11, 2, 4, 30, tzinfo=UTC)),
    *(datetime(2025, 4, 5, 15, tzinfo=UTC), datetime(2025, 10, 4, 15, 30, tzinfo=UTC)),
)
"""Changes of clocks in these zones."""

PERIODS: Final = tuple(
    GroupBy(kind="period", of=one) for one in ("day", "week", "month", "quarter", "year")
)
FILTERS: Final = (
    (),
    (Filter(kind="field", of="country", values=("AT", "FR")),),
    (Filter(kind="question", of="nps", values=("9", "10"), exclude=True),),
    (Filter(kind="question", of="topics", values=("price", "staff")),),
)
WEIGHTED: Final = {"nps", "average", "share", "top_box", "top_2_box", "distribution"}

Row = dict[str, Any]


def random_rows(chance: random.Random, count: int) -> list[Row]:
    """Return responses, many of them recorded near midnights, ends of months and clock changes."""
    return [
        {
            "id": f"R{number}",
            "recorded_at": _time(chance),
            "state": chance.choice(["done", "done", "done", "partial", "test", None, ""]),
            "nps": chance.choice([*range(11), None]),
            "csat": chance.choice([1, 2, 3, 9, None]),
            "minutes": chance.choice([0.5, 2.25, 7.0, -3.0, 0.1, None]),
            "channel": chance.choice(["shop", "web", "Zürich", "", None]),
            "topics": chance.choice(["price", "price;speed", "speed; staff", "staff", "", None]),
            "remark": chance.choice(["fine", "", None, "a;b"]),
            "country": chance.choice(["AT", "DE", "FR", "", None]),
            "weight": chance.choice([0.5, 1.25, 2.0, 0.1, 0.0, -1.0, None]),
        }
        for number in range(count)
    ]


def _time(chance: random.Random) -> datetime | None:
    near = timedelta(seconds=chance.randrange(-7_200, 7_200))
    match chance.randrange(8):
        case 0:
            return None
        case 1 | 2 | 3:
            return chance.choice(CHANGES) + near
        case 4 | 5:
            return datetime(2025, chance.randrange(1, 13), 1, tzinfo=UTC) + near * 6
        case _:
            start = datetime(2024, 11, 1, tzinfo=UTC)
            return start + timedelta(seconds=chance.randrange(500 * 86_400))


def random_query(chance: random.Random, number: int) -> MetricQuery:
    """Return a query that fits the survey."""
    question, calculation = chance.choice(
        [
            *(("nps", one) for one in ("nps", "average", "median", "top_2_box", "distribution")),
            *(("csat", one) for one in ("average", "top_box", "share", "sum")),
            *(("minutes", one) for one in ("average", "sum", "minimum", "maximum", "median")),
            *(("channel", one) for one in ("share", "answered")),
            *(("topics", one) for one in ("share", "distribution")),
            ("remark", "answered"),
            (None, "responses"),
        ]
    )
    several = calculation == "distribution"
    others = (GroupBy(kind="field", of="country"), GroupBy(kind="question", of="channel"), None)
    group_by = None if several else chance.choice([*PERIODS, *others])
    weight = chance.choice([None, Weight(kind="field", of="weight")])
    definition = Definition.model_validate(
        {
            "survey_id": "visits",
            "type": "series" if several or group_by is not None else "number",
            "question_id": question,
            "calculation": calculation,
            "answers": _answers(chance, question) if calculation == "share" else (),
            "group_by": group_by,
            "range": DateRange(preset="custom", start=date(2025, 1, 1), end=date(2026, 1, 1)),
            "filters": chance.choice(FILTERS),
            "include": chance.choice([frozenset(), frozenset({ExclusionReason.UNFINISHED})]),
            "weight": weight if calculation in WEIGHTED else None,
        }
    )
    return MetricQuery(
        id=f"q{number}",
        definition=definition,
        windows=chance.choice(WINDOWS),
        zone=chance.choice(ZONES),
        week_start=chance.randrange(1, 8),
    )


WINDOWS: Final = (
    (Window(),),
    (
        Window(
            start=datetime(2025, 3, 29, 23, tzinfo=UTC), end=datetime(2025, 10, 26, 1, tzinfo=UTC)
        ),
    ),
    (
        Window(start=datetime(2025, 6, 1, tzinfo=UTC), end=datetime(2025, 12, 1, tzinfo=UTC)),
        Window(
            name="previous",
            start=datetime(2024, 12, 1, tzinfo=UTC),
            end=datetime(2025, 6, 1, tzinfo=UTC),
        ),
    ),
)


def _answers(chance: random.Random, question: str | None) -> tuple[str, ...]:
    some: dict[str, list[tuple[str, ...]]] = {
        "csat": [("2", "3")],
        "channel": [("web",)],
        "topics": [("price", "staff"), ("speed",)],
    }
    return chance.choice(some[str(question)])


def frame_of(rows: list[Row]) -> pl.DataFrame:
    """Return the rows as a source that has every response reads them."""
    status = {"partial": "unfinished", "test": "test"}
    texts = ("nps", "csat", "minutes", "channel", "topics", "remark", "country", "weight")
    recorded = [row["recorded_at"] for row in rows]
    return pl.DataFrame(
        {
            "recorded": pl.Series(recorded, dtype=pl.Datetime("us", "UTC")),
            "left_out": pl.Series([status.get(row["state"]) for row in rows], dtype=pl.String),
            **{
                name: pl.Series(
                    [None if row[name] is None else str(row[name]) for row in rows], dtype=pl.String
                )
                for name in texts
            },
        }
    )


def _read(question: Question) -> AnswerExpr:
    cell = pl.col(question.id)
    if question.kind is QuestionKind.MULTIPLE_CHOICE:
        given = cell.str.split(";").list.eval(pl.element().str.strip_chars())
        return {one.key: given.list.contains(one.key) for one in question.choices}
    return cell


READER: Final = RowReader(
    recorded=pl.col("recorded"), answer=_read, field=pl.col, left_out=pl.col("left_out")
)
"""How ``frame_of`` is read."""


def create_table(time: str, number: str) -> str:
    """Return the statement that makes the table, with the types of a database."""
    return (
        f"CREATE TABLE visits (id text, recorded_at {time}, state text, nps integer, "
        f"csat integer, minutes {number}, channel text, topics text, remark text, "
        "country text, weight double precision)"
    )


def fill_sqlite(connection: sqlite3.Connection, rows: list[Row]) -> None:
    """Fill an SQLite database; its times are texts in several forms."""
    connection.execute(create_table("text", "real"))
    formats = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%dT%H:%M:%S+00:00")
    for number, row in enumerate(rows):
        time = row["recorded_at"]
        text = None if time is None else time.strftime(formats[number % 3])
        values = [*{**row, "recorded_at": text}.values()]
        connection.execute("INSERT INTO visits VALUES (?,?,?,?,?,?,?,?,?,?,?)", values)
    connection.commit()
