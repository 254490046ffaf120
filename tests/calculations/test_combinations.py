"""Tallies from combinations equal those from the rows that they stand for."""

from __future__ import annotations

import random
from collections import defaultdict
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest

from smaply_metrics_core.calculations import (
    Combination,
    CombinationRequest,
    TallyColumns,
    tally,
    tally_combinations,
)
from smaply_metrics_core.models.query import (
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Weight,
    WeightReason,
    Window,
)
from smaply_metrics_core.models.survey import Choice
from tests.calculations.factories import AS_OF, NOT_APPLICABLE, scale

START = datetime(2025, 10, 20, tzinfo=UTC)
TIMES = (
    None,
    datetime(1850, 1, 1, tzinfo=UTC),
    *(START + timedelta(hours=7 * n) for n in range(60)),
)
"""Also in both of the hours that occur twice in Berlin."""
LEFT_OUT = (None, None, None, "", *ExclusionReason)
WEIGHTS = {
    None: WeightReason.MISSING,
    "?": WeightReason.UNREADABLE,
    "0": WeightReason.ZERO,
    "-1": WeightReason.NEGATIVE,
    "1": None,
    "2.5": None,
}
ANSWERS: dict[str, tuple[str | None, ...]] = {
    "choices": ("1", "2", " 1", "01", "None", "5", "99", "other", "", None),
    "number": ("1", "2.50", "\u00a07 ", "1e3", "x", "inf", "1_0", "٣", "1e309", "1\x00", "", None),
    "text": ("fine", "", None),
    "several": ("1", "1 2", "2 99", "99", "", None),
    "none": (None,),
}
CHOICES: dict[str, tuple[Choice, ...]] = {
    "choices": scale(1, 5, NOT_APPLICABLE),
    "several": scale(1, 3, NOT_APPLICABLE),
}
KEYS = ("1", "2", "3", "99")
GROUPS = (
    None,
    GroupBy(kind="field", of="region"),
    *(GroupBy(kind="period", of=one) for one in ("day", "week", "quarter")),
)
WINDOWS = (
    (Window(),),
    (Window(start=START + timedelta(days=5)),),
    (
        Window(start=START + timedelta(days=9), end=START + timedelta(days=14)),
        Window(name="previous", start=START, end=START + timedelta(days=9)),
    ),
)


def random_query(chance: random.Random, kind: str) -> MetricQuery:
    """Return a query that counts answers of a kind."""
    group_by = chance.choice(GROUPS)
    definition = Definition.model_validate(
        {
            "survey_id": "s",
            "type": "number" if group_by is None else "series",
            "question_id": None if kind == "none" else "q",
            "calculation": "responses" if kind == "none" else "answered",
            "group_by": group_by,
            "filters": chance.choice(
                [
                    (),
                    (Filter(kind="field", of="region", values=("a",)),),
                    (Filter(kind="field", of="region", values=("a", ""), exclude=True),),
                ]
            ),
            "include": chance.choice([frozenset(), frozenset({ExclusionReason.TEST})]),
            "weight": chance.choice([None, Weight(kind="field", of="w")]),
        }
    )
    return MetricQuery(
        id="q",
        definition=definition,
        windows=chance.choice(WINDOWS),
        zone="Europe/Berlin",
        week_start=3,
    )


def columns(kind: str) -> TallyColumns:
    """Return how the rows are read."""
    flags = {key: pl.col("answer").str.split(" ").list.contains(key) for key in KEYS}
    return TallyColumns(
        recorded=pl.col("recorded"),
        left_out=pl.col("left_out"),
        answer=pl.col("answer") if kind not in {"several", "none"} else None,
        answers=flags if kind == "several" else {},
        number=kind == "number",
        unanswered=pl.col("why"),
        group=pl.col("region"),
        filters={("field", "region"): pl.col("region")},
        weight=pl.col("weight"),
    )


def combine(rows: list[dict[str, Any]], query: MetricQuery, kind: str) -> list[Combination]:
    """Return the combinations of rows."""
    found: dict[Combination, list[float]] = defaultdict(list)
    for row in rows:
        answer, weight = row["answer"], row["weight"]
        several = (answer or "").split(" ") if kind == "several" else [answer or ""]
        key = Combination(
            responses=0,
            recorded=row["recorded"],
            left_out=row["left_out"],
            answers=tuple(several),
            unanswered=row["why"],
            group=row["region"],
            passes=tuple(row["region"] in one.values for one in query.definition.filters),
            no_weight=WEIGHTS[weight],
        )
        found[key].append(float(weight) if WEIGHTS[weight] is None else 0.0)
    return [
        key._replace(
            responses=len(weights),
            weights=sum(weights),
            squares=sum(weight * weight for weight in weights),
        )
        for key, weights in found.items()
    ]


@pytest.mark.parametrize("kind", ANSWERS)
def test_combinations_equal_rows(kind: str) -> None:
    """Answers, exclusions, windows, groups, filters and weights, of all kinds of questions."""
    chance = random.Random(kind)  # noqa: S311  # Repeatable.
    names = ("recorded", "left_out", "answer", "why", "region", "weight")
    values = (
        TIMES,
        LEFT_OUT,
        ANSWERS[kind],
        (None, "skipped", ""),
        ("a", "b", "", None),
        [*WEIGHTS],
    )
    for _ in range(12):
        query = random_query(chance, kind)
        rows = [dict(zip(names, map(chance.choice, values), strict=True)) for _ in range(150)]
        schema = dict.fromkeys(names, pl.String) | {"recorded": pl.Datetime("us", "UTC")}
        frame = pl.DataFrame(rows, schema=schema)
        choices, labels = CHOICES.get(kind, ()), {"a": "A"}
        expected = tally(
            frame, query, columns(kind), as_of=AS_OF, choices=choices, group_labels=labels
        )
        request = CombinationRequest(
            query,
            number=kind == "number",
            several=kind == "several",
            choices=choices,
            group_labels=labels,
        )

        assert tally_combinations(combine(rows, query, kind), request, as_of=AS_OF) == expected


def test_a_combination_lacks_the_flag_of_a_filter() -> None:
    """It is an error of the source."""
    filters = (Filter(kind="field", of="region", values=("a",)),)
    definition = Definition.model_validate(
        {"survey_id": "s", "type": "number", "calculation": "responses", "filters": filters}
    )
    request = CombinationRequest(MetricQuery(id="q", definition=definition, windows=(Window(),)))

    with pytest.raises(ValueError, match="zip"):
        tally_combinations([Combination(responses=1)], request, as_of=AS_OF)
