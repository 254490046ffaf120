"""Counting rows by keys: one integer per row that holds its status, group, reason and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final

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
                    counted = weights[plan.weight].count(key)
                self._counts[plan] = _compacted([*self._counts[plan], counted])

    def window(self, plan: CountPlan) -> WindowCount:
        """Return the counts of a plan.

        Raises:
            ValueError: if no rows were added, not even an empty frame.
        """
        if not self._types:
            raise ValueError("no rows were added: add an empty frame if there are none")
        if plan not in self._windows:
            self._windows[plan] = _window(plan, self._counts.pop(plan))
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
    if len(counted) == 1 or sum(frame.height for frame in counted) <= MOST_KEYS:
        return counted
    return [pl.concat(counted).group_by(KEY).agg(pl.all().sum())]


def _window(plan: CountPlan, counted: Sequence[pl.DataFrame]) -> WindowCount:
    """Decode the keys of a plan."""
    # By status and group, then by what is below them: two halves of a key.
    halves: dict[int, dict[int, int]] = {}
    for frame in counted:
        for key, n in zip(frame[KEY].to_list(), frame[COUNT].to_list(), strict=True):
            outcomes = halves.setdefault(key >> _LOW, {})
            outcomes[key & _MASK] = outcomes.get(key & _MASK, 0) + n
    sums = {} if plan.weight is None else _sums(counted)
    statuses = plan.status.texts(KeySlot.STATUS)
    labels = plan.group.texts(KeySlot.GROUP) if plan.group else [None]
    excluded: Counter[str] = Counter()
    groups: dict[str | None, GroupCount] = {}
    for half, outcomes in halves.items():
        status = statuses[KeySlot.STATUS.code(half << _LOW)]
        if status == COUNTED:
            label = labels[KeySlot.GROUP.code(half << _LOW)]
            reasons = plan.outcome.texts(KeySlot.REASON)
            groups[label] = _group_count(outcomes, sums.get(half), reasons)
        elif status is not None:
            excluded[status] += sum(outcomes.values())
    return WindowCount(excluded, groups)


def _sums(counted: Iterable[pl.DataFrame]) -> dict[int, dict[int, WeightSum]]:
    """Return the sums of weights by the two halves of their key."""
    halves: dict[int, dict[int, WeightSum]] = {}
    for frame in counted:
        columns = (frame[name].to_list() for name in (KEY, WEIGHT, SQUARE))
        for key, weight, square in zip(*columns, strict=True):
            found, sums = halves.setdefault(key >> _LOW, {}), WeightSum(weight, square)
            before = found.setdefault(key & _MASK, sums)
            if before is not sums:
                found[key & _MASK] = WeightSum.total([before, sums])
    return halves


def _group_count(
    outcomes: Mapping[int, int], sums: Mapping[int, WeightSum] | None, texts: Sequence[str | None]
) -> GroupCount:
    reasons: Counter[str] = Counter()
    answers: dict[int, int] = {}
    for outcome, n in outcomes.items():
        reason = texts[KeySlot.REASON.code(outcome)] or REASONS[KeySlot.WEIGHT.code(outcome)]
        if reason is None:
            answers[outcome] = n  # An outcome without a reason is the code of its answer.
        else:
            reasons[reason] += n
    return GroupCount(
        sum(outcomes.values()),
        reasons,
        {code: n for code, n in answers.items() if code},
        None
        if sums is None
        else GroupWeights(
            WeightSum.total(sums.values()),
            WeightSum.total(sums[code] for code in answers),
            {code: sums[code] for code in answers if code},
        ),
    )
