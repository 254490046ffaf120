"""Counting rows by keys: one integer per row that holds its status, group, reason and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from math import fsum
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core.calculations.count_plan import COUNTED, CountPlan, OutcomePart
from smaply_metrics_core.calculations.key_parts import DerivedColumns, KeyPart, KeySlot
from smaply_metrics_core.calculations.row_codes import RowBlock, ValueCache
from smaply_metrics_core.calculations.weight_column import (
    COUNT,
    KEY,
    REASONS,
    SQUARE,
    WEIGHT,
    BlockWeights,
    WeightColumn,
)
from smaply_metrics_core.calculations.window_counts import (
    AnswerTable,
    GroupCount,
    GroupWeights,
    WindowCount,
)
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import WeightSum

MOST_ROWS: Final = 2**17
"""Larger frames are counted in slices, so that memory does not grow with the rows."""

MOST_KEYS: Final = 2**17
"""A plan with more counted keys than this adds up those of equal rows."""

_LOW: Final = KeySlot.GROUP.shift
_MASK: Final = KeySlot.GROUP.factor - 1


class _KeySums(NamedTuple):
    """The sums of the weights of the rows with each key, and of their squares."""

    weights: Mapping[int, float]
    squares: Mapping[int, float]

    def of(self, key: int) -> WeightSum:
        """Return the sums of one key."""
        return WeightSum(self.weights[key], self.squares[key])

    def total(self, keys: Sequence[int]) -> WeightSum:
        """Return the sums of several keys together."""
        weights, squares = self.weights, self.squares
        return WeightSum(fsum([weights[key] for key in keys]), fsum([squares[key] for key in keys]))


class KeyCounter:
    """Counts the rows of many plans block by block.

    Args:
        plans: The plans. Equal ones are counted once.
        derived: The columns that their parts read in addition to those of the rows.

    Attributes:
        columns: The names of the columns of the rows that are read.
    """

    def __init__(self, plans: Iterable[CountPlan], derived: DerivedColumns) -> None:
        # In this order, so that only one outcome is in memory at a time.
        self._plans = sorted({*plans}, key=lambda plan: id(plan.outcome))
        weights = {plan.weight for plan in self._plans if plan.weight is not None}
        self._counts: dict[CountPlan, list[pl.DataFrame]] = {plan: [] for plan in self._plans}
        self._windows: dict[CountPlan, WindowCount] = {}
        self._derived = derived
        parts = {part for plan in self._plans for part in plan.parts()}
        self._roots = Counter(name for part in parts for name in part.roots)
        self._roots.update(derived.flag_sources())
        weighing = (name for weight in weights for name in weight.roots)
        read = {*self._roots, *derived.timestamp_sources(), *weighing}
        self._cache = ValueCache()
        self.columns = {name for name in read if not name.startswith("\0")}
        # Codes of categories, cached ones too, are valid while a column of their type exists.
        self._types: list[pl.DataFrame] = []

    def add(self, rows: pl.DataFrame) -> None:
        """Count some rows."""
        if not self._types or self._types[-1].schema != rows.schema:
            self._types.append(rows.clear())
        for start in range(0, max(rows.height, 1), MOST_ROWS):
            block = rows.slice(start, MOST_ROWS)
            self._add(RowBlock(block, self._derived, self._roots, self._cache))

    def _add(self, block: RowBlock) -> None:
        keys: dict[KeyPart, pl.Series] = {}
        weights: dict[WeightColumn, BlockWeights] = {}
        for outcome, plans in groupby(self._plans, key=lambda plan: plan.outcome):
            outcomes = block.keys(outcome)
            for plan in plans:
                *others, _ = plan.parts()
                for part in others:
                    if part not in keys:
                        keys[part] = block.keys(part)
                # Each part has its own bits, so that the sum holds all of them.
                key = sum((keys[part] for part in others), outcomes)
                if plan.weight is None:
                    counted = _count(key)
                else:
                    if plan.weight not in weights:
                        weights[plan.weight] = BlockWeights(block.texts(plan.weight))
                    counted = weights[plan.weight].count(key, plan.status)
                self._counts[plan] = _compacted([*self._counts[plan], counted])

    def window(self, plan: CountPlan) -> WindowCount:
        """Return the counts of a plan.

        Raises:
            ValueError: if no rows were added, not even an empty frame.
        """
        if not self._types:
            raise ValueError("no rows were added: add an empty frame if there are none")
        if plan not in self._windows:
            self._windows[plan] = _window(plan, _merged(self._counts.pop(plan)))
        return self._windows[plan]


def answer_table(outcome: OutcomePart, choices: Sequence[Choice]) -> AnswerTable:
    """Return the answers of an outcome, after all rows are counted."""
    texts = outcome.texts(KeySlot.ANSWER)
    keys = [() if text is None else outcome.read(text) for text in texts]
    return AnswerTable.of(keys, outcome.several, choices)


def _count(keys: pl.Series) -> pl.DataFrame:
    """Count equal keys. ``value_counts`` is the fastest count."""
    return keys.filter(keys >= KeySlot.STATUS.factor).alias(KEY).value_counts(name=COUNT)


def _compacted(counted: list[pl.DataFrame]) -> list[pl.DataFrame]:
    if sum(frame.height for frame in counted) <= MOST_KEYS:
        return counted
    return [_merged(counted)]


def _merged(counted: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """Add up the rows of equal keys."""
    if len(counted) == 1:
        return counted[0]
    return pl.concat(counted).group_by(KEY).agg(pl.all().sum())


def _window(plan: CountPlan, counted: pl.DataFrame) -> WindowCount:
    """Decode the keys of a plan."""
    # By status and group, then by what is below them: two halves of a key.
    halves: dict[int, dict[int, int]] = {}
    keys = counted[KEY].to_list()
    for key, n in zip(keys, counted[COUNT].to_list(), strict=True):
        halves.setdefault(key >> _LOW, {})[key & _MASK] = n
    sums = (
        None
        if plan.weight is None
        else _KeySums(
            *(dict(zip(keys, counted[name].to_list(), strict=True)) for name in (WEIGHT, SQUARE))
        )
    )
    statuses = plan.status.texts(KeySlot.STATUS)
    labels = plan.group.texts(KeySlot.GROUP) if plan.group else [None]
    reasons = plan.outcome.texts(KeySlot.REASON)
    excluded: Counter[str] = Counter()
    groups: dict[str | None, GroupCount] = {}
    for half, outcomes in halves.items():
        above = half << _LOW
        status = statuses[KeySlot.STATUS.code(above)]
        if status == COUNTED:
            label = labels[KeySlot.GROUP.code(above)]
            groups[label] = _group_count(outcomes, reasons, above, sums)
        elif status is not None:
            excluded[status] += sum(outcomes.values())
    return WindowCount(excluded, groups)


def _group_count(
    outcomes: Mapping[int, int], texts: Sequence[str | None], above: int, sums: _KeySums | None
) -> GroupCount:
    """Return the rows of a group.

    Args:
        outcomes: How many rows have each outcome.
        texts: The text of each code of a reason.
        above: The part of the keys that holds the status and the group.
        sums: The sums of weights, for weighted queries.
    """
    reasons: Counter[str] = Counter()
    answers: dict[int, int] = {}
    for outcome, n in outcomes.items():
        reason = texts[KeySlot.REASON.code(outcome)] or REASONS[KeySlot.WEIGHT.code(outcome)]
        if reason is None:
            answers[outcome] = n  # An outcome without a reason is the code of its answer.
        else:
            reasons[reason] += n
    weights = None
    if sums is not None:
        responses = sums.total([above | code for code in outcomes])
        weights = GroupWeights(
            responses,
            sums.total([above | code for code in answers]) if reasons else responses,
            {code: sums.of(above | code) for code in answers if code},
        )
    counted = {code: n for code, n in answers.items() if code}
    return GroupCount(sum(outcomes.values()), reasons, counted, weights)
