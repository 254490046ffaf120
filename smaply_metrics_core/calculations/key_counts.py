"""Counting rows by keys: one integer per row that holds its status, group, reason and answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby
from typing import Final, NamedTuple

import polars as pl

from smaply_metrics_core.calculations.count_plan import COUNTED, CountPlan
from smaply_metrics_core.calculations.key_parts import DerivedColumns, KeyPart, KeySlot
from smaply_metrics_core.calculations.row_codes import RowBlock, ValueCache

MOST_ROWS: Final = 2**17
"""Larger frames are counted in slices, so that memory does not grow with the rows."""

MOST_KEYS: Final = 2**17
"""A plan with more counted keys than this adds up those of equal rows."""

_KEY: Final = "key"
_COUNT: Final = "count"


class GroupCount(NamedTuple):
    """The rows of one group.

    Attributes:
        responses: How many rows there are.
        reasons: How many of them have no answer, by reason.
        answers: How many have each answer, by its code.
    """

    responses: int
    reasons: Mapping[str, int]
    answers: Mapping[int, int]

    @property
    def answered(self) -> int:
        """How many rows have an answer, including those whose answers are not stored."""
        return self.responses - sum(self.reasons.values())


class WindowCount(NamedTuple):
    """The rows of one window of a query.

    Attributes:
        excluded: How many rows are excluded, by reason.
        groups: The rows that count, by group; ``None`` is the group of rows without one.
    """

    excluded: Mapping[str, int]
    groups: Mapping[str | None, GroupCount]


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
        self._counts: dict[CountPlan, list[pl.DataFrame]] = {plan: [] for plan in self._plans}
        self._windows: dict[CountPlan, WindowCount] = {}
        self._derived = derived
        parts = {part for plan in self._plans for part in plan if part is not None}
        self._roots = Counter(name for part in parts for name in part.roots)
        self._roots.update(derived.flag_sources())
        read = {*self._roots, *derived.timestamp_sources()}
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
        for outcome, plans in groupby(self._plans, key=lambda plan: plan.outcome):
            outcomes = block.keys(outcome)
            for plan in plans:
                parts = [part for part in (plan.status, plan.group) if part is not None]
                for part in parts:
                    if part not in keys:
                        keys[part] = block.keys(part)
                # Each part has its own bits, so that the sum holds all of them.
                counted = _count(sum((keys[part] for part in parts), outcomes))
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


def _count(keys: pl.Series) -> pl.DataFrame:
    """Count equal keys.

    ``value_counts`` is the fastest count. A further sum per key, such as of weights, needs a
    ``group_by`` of keys and weights instead; what follows adds up every column of the result.
    """
    return keys.filter(keys >= KeySlot.STATUS.factor).alias(_KEY).value_counts(name=_COUNT)


def _compacted(counted: list[pl.DataFrame]) -> list[pl.DataFrame]:
    if len(counted) == 1 or sum(frame.height for frame in counted) <= MOST_KEYS:
        return counted
    return [pl.concat(counted).group_by(_KEY).agg(pl.all().sum())]


def _window(plan: CountPlan, counted: Iterable[pl.DataFrame]) -> WindowCount:
    """Decode the keys of a plan."""
    # By status and group, then by reason and answer: two halves of a key.
    halves: dict[int, dict[int, int]] = {}
    low, mask = KeySlot.GROUP.shift, KeySlot.GROUP.factor - 1
    for frame in counted:
        for key, n in zip(frame[_KEY].to_list(), frame[_COUNT].to_list(), strict=True):
            outcomes = halves.setdefault(key >> low, {})
            outcomes[key & mask] = outcomes.get(key & mask, 0) + n
    statuses = plan.status.texts(KeySlot.STATUS)
    labels = plan.group.texts(KeySlot.GROUP) if plan.group else [None]
    excluded: Counter[str] = Counter()
    groups: dict[str | None, GroupCount] = {}
    for half, outcomes in halves.items():
        status = statuses[KeySlot.STATUS.code(half << low)]
        if status == COUNTED:
            label = labels[KeySlot.GROUP.code(half << low)]
            groups[label] = _group_count(outcomes, plan.outcome.texts(KeySlot.REASON))
        else:
            excluded[str(status)] += sum(outcomes.values())
    return WindowCount(excluded, groups)


def _group_count(outcomes: Mapping[int, int], reasons: Sequence[str | None]) -> GroupCount:
    first = KeySlot.REASON.factor
    unanswered = {
        str(reasons[KeySlot.REASON.code(outcome)]): n
        for outcome, n in outcomes.items()
        if outcome >= first
    }
    answers = {outcome: n for outcome, n in outcomes.items() if 0 < outcome < first}
    return GroupCount(sum(outcomes.values()), unanswered, answers)
