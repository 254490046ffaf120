"""Factories for the tests of calculations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import polars as pl

from smaply_metrics_core.calculations.tally_builder import TallyColumns, tally
from smaply_metrics_core.models.query import (
    Calculation,
    Definition,
    GroupBy,
    MetricQuery,
    MetricType,
    Window,
)
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, WindowTally


def instant(text: str) -> datetime:
    """Return an instant in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


RECORDED = pl.col("recorded")
ANSWER = pl.col("answer")
JANUARY = Window(start=instant("2026-01-01"), end=instant("2026-02-01"))
AS_OF = datetime(2026, 3, 1, 12, tzinfo=UTC)
NOT_APPLICABLE = Choice(key="99", label="Not applicable", value=99, analyze=False)


def scale(lowest: int, highest: int, *more: Choice) -> tuple[Choice, ...]:
    """Return a choice for each whole number in a range."""
    numbers = range(lowest, highest + 1)
    return (*(Choice(key=str(n), label=f"Answer {n}", value=n) for n in numbers), *more)


def choices(*labels: str) -> tuple[Choice, ...]:
    """Return choices without values; the keys are the labels in lower case."""
    return tuple(Choice(key=label.lower(), label=label) for label in labels)


def query(
    calculation: Calculation = Calculation.RESPONSES,
    *,
    group_by: str | None = None,
    windows: Sequence[Window] = (Window(),),
    zone: str = "UTC",
    week_start: int = 1,
    **parts: object,
) -> MetricQuery:
    """Return a query on the question Q, a Series if there is a group-by."""
    several = group_by is not None or calculation is Calculation.DISTRIBUTION
    definition = Definition.model_validate(
        {
            "type": MetricType.SERIES if several else MetricType.NUMBER,
            "survey_id": "S",
            "question_id": "Q",
            "calculation": calculation,
            "group_by": GroupBy.parse(group_by) if group_by else None,
            **parts,
        }
    )
    return MetricQuery(
        id="1", definition=definition, windows=tuple(windows), zone=zone, week_start=week_start
    )


AVERAGE = query(Calculation.AVERAGE)


def counts(
    answers: Mapping[str, int] | None = None, *, blank: int = 0, answered: int | None = None
) -> Counts:
    """Return counts of answers: one per respondent, unless ``answered`` is given."""
    given = answers or {}
    total = sum(given.values()) if answered is None else answered
    return Counts(
        responses=total + blank,
        answered=total,
        unanswered={"not_answered": blank} if blank else {},
        answers=given,
    )


def tally_of(
    total: Counts,
    *,
    groups: Mapping[str, Counts] | None = None,
    previous: Counts | None = None,
    multiple: bool = False,
    **parts: Any,  # noqa: ANN401  # As Tally takes them.
) -> Tally:
    """Return a tally of counts; the labels of groups are their keys."""
    windows = [
        WindowTally(
            total=total,
            groups=tuple(
                GroupCounts(key=key, label=key, counts=group)
                for key, group in (groups or {}).items()
            ),
        )
    ]
    if previous is not None:
        windows.append(WindowTally(window="previous", total=previous))
    return Tally(windows=tuple(windows), as_of=AS_OF, multiple=multiple, **parts)


def frame(answers: Iterable[str | None], **columns: Sequence[Any]) -> pl.DataFrame:
    """Return one row per answer, recorded a minute apart unless ``recorded`` is given."""
    listed = list(answers)
    recorded = columns.pop("recorded", None) or [
        datetime(2026, 1, 5, 12, minute % 60, tzinfo=UTC) for minute in range(len(listed))
    ]
    return pl.DataFrame(
        {"recorded": recorded, "answer": listed, **columns},
        schema_overrides={
            "recorded": pl.Datetime("us", "UTC"),
            **dict.fromkeys(("answer", *columns), pl.String),
        },
    )


def count(rows: pl.DataFrame, asked: MetricQuery = AVERAGE, **parts: Any) -> Tally:  # noqa: ANN401  # As Columns takes them.
    """Return the tally of a question with a scale from 1 to 5."""
    offered = parts.pop("choices", scale(1, 5))
    labels = parts.pop("group_labels", {})
    columns = TallyColumns(**{"recorded": RECORDED, "answer": ANSWER, **parts})
    return tally(rows, asked, columns, as_of=AS_OF, choices=offered, group_labels=labels)


def current(rows: pl.DataFrame, asked: MetricQuery = AVERAGE, **parts: Any) -> WindowTally:  # noqa: ANN401  # As above.
    """Return the current window of the tally."""
    return count(rows, asked, **parts).window("current")
