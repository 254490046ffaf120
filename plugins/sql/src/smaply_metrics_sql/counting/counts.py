"""The counts of a database: cells, and the combinations of a grouping that they add up to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from operator import itemgetter
from typing import Any, NamedTuple

from smaply_metrics_sql.counting.number_sums import NumberSums
from smaply_metrics_sql.counting.time_pieces import piece_of, second_in


class CountedCombination(NamedTuple):
    """Responses that have the same values in all columns of a grouping.

    Attributes:
        values: The value of each column but those of time.
        second: A second at which one of them may have been recorded, in the same piece of time;
            ``None`` if unknown, and for groupings without time.
        responses: How many responses there are.
        weights: The sum of their weights; 0 without a weight.
        squares: The sum of their squared weights.
        numbers: The sums of their numbers, where these were added up.
    """

    values: Mapping[str, Any]
    second: int | None
    responses: int
    weights: float
    squares: float
    numbers: NumberSums | None


CombinationCounts = Sequence[CountedCombination]
"""The combinations of a grouping."""
Cell = tuple[Any, ...]
"""The values of keys, the piece of time, the flags, the number of responses, and sums."""


@dataclass(frozen=True)
class CellLayout:
    """The columns of the cells of a statement, in their order.

    Attributes:
        keys: The columns whose values are counted by as they are.
        times: The limits of the columns of time. The piece of a cell is between the limits of all.
        flags: How many values each of the flags has. A cell has all of them in one number.
        weights: The weights, each with two sums; the names are those of flags.
        numbers: Whether sums of numbers follow.
    """

    keys: tuple[str, ...]
    times: Mapping[str, tuple[int, ...]]
    flags: Mapping[str, int]
    weights: tuple[str, ...]
    numbers: bool = False

    @property
    def limits(self) -> tuple[int, ...]:
        """The limits of all columns of time, in order."""
        return tuple(sorted({limit for limits in self.times.values() for limit in limits}))

    def add_up(self, cells: Sequence[Cell], grouping: Sequence[str]) -> CombinationCounts:
        """Return the combinations of a grouping, which has some of the columns."""
        keys = tuple(name for name in self.keys if name in grouping)
        flags = tuple(name for name in self.flags if name in grouping)
        weight = next((name for name in self.weights if name in grouping), None)
        of_keys = _getter([self.keys.index(name) for name in keys])
        of_times, of_flags = self._times(grouping), self._flags(flags)
        time = len(self.keys)
        flag = time + bool(self.times)
        count = flag + bool(self.flags)
        numbers = count + 1 + 2 * len(self.weights)
        sums = None if weight is None else count + 1 + 2 * self.weights.index(weight)
        found: dict[tuple[Any, ...], list[Any]] = {}
        for cell in cells:
            piece, second = of_times(cell[time]) if self.times else (None, None)
            flagged = of_flags(cell[flag]) if self.flags else ()
            key = (of_keys(cell), flagged, piece)
            added = found.get(key)
            if added is None:
                more = NumberSums.of(cell[numbers:]) if self.numbers else None
                added = found[key] = [second, 0, 0.0, 0.0, more]
            added[1] += int(cell[count])
            if sums is not None:
                added[2] += float(cell[sums] or 0)
                added[3] += float(cell[sums + 1] or 0)
        return [
            CountedCombination(dict(zip((*keys, *flags), (*values, *flagged), strict=True)), *added)
            for (values, flagged, _), added in found.items()
            if added[1]  # Without any column, there is a cell even for no response.
        ]

    def _times(self, grouping: Sequence[str]) -> Callable[[Any], tuple[Any, int | None]]:
        """Return the function from a cell's piece to that of a grouping, and a second in it."""
        limits = self.limits
        coarser = [self.times[name] for name in self.times if name in grouping]

        @cache
        def piece(number: Any) -> tuple[Any, int | None]:  # noqa: ANN401  # As a driver returns it.
            if number is None or not coarser:
                return None, None
            second = second_in(int(number), limits)
            return tuple(piece_of(second, each) for each in coarser), second

        return piece

    def _flags(self, wanted: Sequence[str]) -> Callable[[Any], tuple[int, ...]]:
        """Return the function from the number with all flags to some of them."""
        factors, factor = {}, 1
        for name, size in self.flags.items():
            factors[name] = factor
            factor *= size

        @cache
        def flags(number: Any) -> tuple[int, ...]:  # noqa: ANN401  # As a driver returns it.
            return tuple(int(number) // factors[name] % self.flags[name] for name in wanted)

        return flags


def _getter(places: Sequence[int]) -> Callable[[Cell], tuple[Any, ...]]:
    """Return the function from a cell to some of its values."""
    match places:
        case []:
            return lambda _: ()
        case [place]:
            return lambda cell: (cell[place],)
        case _:
            return itemgetter(*places)
