"""Which groupings a database counts together, from cells.

Groupings that are similar are counted together: the database counts the combinations of all their
columns, the *cells*, and each grouping adds up cells. That pays if there are far fewer cells than
responses.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log2, prod
from typing import Final

from smaply_metrics_sql.counting.grouping import KeyColumns
from smaply_metrics_sql.databases.database import SqlDatabase

_ADDING: Final = 100
"""What adding a cell to a grouping costs in Python, if DuckDB counts a row for 1 at best."""
_STATEMENT: Final = 500_000
"""What a statement costs, whatever it counts."""
_TEXTS: Final = 4
"""What texts add to the cost of counting a row: integers of a known range need no hash table."""


@dataclass
class Cluster:
    """Groupings that are counted from the same cells.

    Attributes:
        groupings: The groupings.
        names: The columns of all of them: those of a cell.
    """

    groupings: list[tuple[str, ...]] = field(default_factory=list)
    names: tuple[str, ...] = ()


class ClusterPlanner:
    """Divides groupings into clusters by what they are likely to cost.

    Args:
        database: The database.
        columns: The columns, with their sizes.
        responses: The number of responses of the survey.
    """

    def __init__(self, database: SqlDatabase, columns: KeyColumns, responses: int) -> None:
        self._database = database
        self._columns = columns
        self._responses = max(responses, 1)
        self._combinations: dict[tuple[str, ...], int] = {}

    def plan(self, groupings: Sequence[tuple[str, ...]]) -> list[Cluster]:
        """Return clusters with all groupings, each in one of them."""
        clusters: list[Cluster] = []
        for grouping in sorted(groupings, key=self.combinations, reverse=True):
            alone = Cluster([grouping], grouping)
            saved = [
                (self._cost(cluster) + self._cost(alone) - self._cost(merged), cluster, merged)
                for cluster in clusters
                if self._fits(merged := _merged(cluster, grouping))
            ]
            most, into, merged = max(saved, key=lambda one: one[0], default=(0.0, alone, alone))
            if most > 0:
                into.groupings, into.names = merged.groupings, merged.names
            else:
                clusters.append(alone)
        return clusters

    def combinations(self, names: tuple[str, ...]) -> int:
        """Return about how many combinations of some columns there are, rather too many."""
        if names not in self._combinations:  # Each grouping is compared with each cluster.
            self._combinations[names] = self._estimated(names)
        return self._combinations[names]

    def _estimated(self, names: tuple[str, ...]) -> int:
        columns = self._columns
        divided = sum(columns.sizes[name] for name in names if name in columns.limits)
        others = prod(
            columns.sizes[name]
            for name in names
            if name not in columns.limits and columns.implied(name) not in names
        )
        # Times cut one line: months and weeks together have as many pieces as months plus weeks.
        return min(max(divided, 1) * others, self._responses)

    def _fits(self, merged: Cluster) -> bool:
        return self.combinations(merged.names) <= self._database.most_cells

    def _cost(self, cluster: Cluster) -> float:
        """Return what counting costs: for each row by the number of cells, and for each cell."""
        cells = self.combinations(cluster.names)
        texts = _TEXTS if self._columns.texts.intersection(cluster.names) else 0
        counting = log2(cells + 2) + len(cluster.names) / 2 + texts
        adding = _ADDING * cells * len(cluster.groupings)
        return _STATEMENT + self._responses * self._database.row_cost * counting + adding


def _merged(cluster: Cluster, grouping: tuple[str, ...]) -> Cluster:
    names = tuple(dict.fromkeys((*cluster.names, *grouping)))
    return Cluster([*cluster.groupings, grouping], names)
