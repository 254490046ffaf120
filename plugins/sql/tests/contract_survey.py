"""The survey of the contract tests: eight invented responses, two of which do not count."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, Final

from smaply_metrics_core.testing.suite.facts import Expected

MAPPING: Final = """
surveys:
- id: visits
  name: Visits
  table: visits
  recorded_at: {column: recorded_at, zone: UTC}
  status: {column: state, exclude: {partial: unfinished, test: test}}
  questions:
  - {column: nps, text: "Would you recommend us?", type: nps}
  - column: csat
    text: "How satisfied are you?"
    type: scale
    choices:
    - {key: 1, label: Not satisfied}
    - {key: 2, label: Satisfied}
    - {key: 3, label: Very satisfied}
    - {key: 9, label: Not applicable, counts: false}
  - {column: channel, text: "Where did you buy?", type: choice}
  - {column: topics, text: "What was good?", type: multiple, delimiter: ";"}
  - {column: minutes, text: "How long did you wait?", type: number}
  - {column: remark, text: "Anything else?", type: text}
  fields:
  - {column: store, label: Store}
  - {column: weight, label: Weight}
- id: new_visits
  table: new_visits
  recorded_at: {column: recorded_at, zone: UTC}
  questions:
  - {column: nps, type: nps}
- id: bare_visits
  table: new_visits
  recorded_at: {column: recorded_at, zone: UTC}
"""
EMPTY_IDS: Final = ("new_visits", "bare_visits")
EMPTY_COLUMNS: Final = "nps integer"

COLUMNS: Final = (
    "state text, nps integer, csat integer, channel text, topics text, minutes double precision, "
    "remark text, store text, weight double precision, email text"
)

_ANSWERS: Final[tuple[tuple[Any, ...], ...]] = (
    ("2026-01-05 10:00:00", "done", 9, 3, "shop", "price;staff", 10.5, "Friendly", "Graz", 1.0),
    ("2026-01-12 11:30:00", "done", 10, 3, "web", "price", 5.0, None, "Wien", 2.0),
    ("2026-01-20 09:15:00", "done", 7, 2, "shop", "staff", 7.25, "Fine", "Wien", 0.5),
    ("2026-02-02 08:00:00", "done", 3, 1, "web", None, None, None, "Graz", 1.5),
    ("2026-02-14 17:45:00", "done", 8, 9, "shop", "price;speed", 0.0, "Slow", "Graz", 1.0),
    ("2026-02-20 12:00:00", "done", None, 2, None, "speed", 3.5, None, "Wien", 1.0),
    ("2026-02-21 12:00:00", "partial", 0, 1, "web", "price", 100.0, "x", "Graz", 1.0),
    ("2026-02-24 12:00:00", "test", 0, 1, "web", "price", 100.0, "x", "Graz", 1.0),
)

ROWS: Final = tuple((*row, f"person{number}@visits.example") for number, row in enumerate(_ANSWERS))
"""The rows of the table; the last column is about a person, and is not mapped."""

EXCLUDED_AT: Final = datetime(2026, 2, 21, 12, tzinfo=UTC)
RECORDED_AT: Final = datetime(2026, 2, 14, 17, 45, tzinfo=UTC)

EXPECTED: Final[dict[str, Expected]] = {  # Counted by hand.
    "surveys": 3,
    "questions": 6,
    "responses": 6,
    "left out": {"test": 1, "unfinished": 1},
    "nps nps": 20,
    "nps answered": 5,
    "csat average": 2.2,
    "csat labels": {
        "1": "Not satisfied",
        "2": "Satisfied",
        "3": "Very satisfied",
        "9": "Not applicable",
    },
    "csat top_2_box": 80,
    "channel distribution": {"shop": 60, "web": 40},
    "topics distribution": {"price": 60, "speed": 40, "staff": 40},
    "minutes sum": 26.25,
    "remark answered": 3,
    "nps by field:store": {"Graz": 3, "Wien": 2},
    "nps by period:month": {"2026-01": 3, "2026-02": 2},
}
