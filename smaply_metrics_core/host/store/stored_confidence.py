"""Calculates intervals and verdicts of stored results again, at the account's level of confidence.

A result is stored with the intervals of the level at its refresh. If the account has another level
since, or if the result is older than intervals, they are calculated from its tally. Nothing is
written: the next refresh stores a result at the new level.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Final

from pydantic import ValidationError
from sqlalchemy import Connection, select

from smaply_metrics_core.calculations.confidence import add_confidence
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.store.dialect import in_list, json_text
from smaply_metrics_core.host.store.metric_states import MetricState, StoredValue
from smaply_metrics_core.host.store.tables import metric_values
from smaply_metrics_core.models.query import Definition
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally

LONGEST_CACHED: Final = 4_000
"""The maximum total length of the texts of a cached result; others are calculated each time."""

MAX_RESULTS: Final = 10_240
"""The maximum number of cached results; with their texts they take some 50 MB.

This is enough for 10,000 Numbers. If a load needed more results than this, each would replace the
one that is needed next, so that all of them were calculated again: 3 seconds for 10,000.
"""


def at_confidence(
    db: Connection, account: str, confidence: float, states: Sequence[MetricState]
) -> tuple[MetricState, ...]:
    """Return the states with intervals and verdicts at a level of confidence, in percent.

    A result whose tally cannot be read keeps the intervals that it has, with their own level.
    """
    outdated = [
        state.id
        for state in states
        if state.value is not None and state.value.result.confidence != confidence
    ]
    if not outdated:
        return tuple(states)
    tallies = dict(_read_tallies(db, account, outdated))
    return tuple(
        _recalculated(state, state.value, tallies[state.id], confidence)
        if state.value is not None and state.id in tallies
        else state
        for state in states
    )


def _read_tallies(
    db: Connection, account: str, metric_ids: Sequence[str]
) -> Iterator[tuple[str, str]]:
    statement = select(metric_values.c.metric_id, json_text(metric_values.c.tally)).where(
        metric_values.c.account == account, in_list(db, metric_values.c.metric_id, metric_ids)
    )
    for row in db.execute(statement):
        yield row.metric_id, row.tally


def _recalculated(
    state: MetricState, value: StoredValue, tally: str, confidence: float
) -> MetricState:
    if value.fingerprint != state.fingerprint:
        return state  # The tally is of another definition; the value is not shown.
    texts = (state.row.definition, state.row.result, tally)
    calculate = _find if sum(map(len, texts)) <= LONGEST_CACHED else _calculate
    result = calculate(*texts, confidence)
    return state if result is None else replace(state, value=replace(value, result=result))


def _calculate(definition: str, result: str, tally: str, confidence: float) -> Result | None:
    try:
        return add_confidence(
            Result.model_validate_json(result),
            Definition.model_validate_json(definition),
            Tally.model_validate_json(tally),
            confidence,
        )
    except (MetricsError, ValidationError, KeyError):
        return None


# A pure function of immutable texts, so an entry cannot be outdated or differ between accounts.
_find = lru_cache(maxsize=MAX_RESULTS)(_calculate)
