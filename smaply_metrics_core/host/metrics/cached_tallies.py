"""The tallies of a download that previews cache, by group-by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import Definition, GroupBy, Window
from smaply_metrics_core.models.tally import Counts, Tally

MAX_COUNTS: Final = 50_000
"""The maximum number of cached counts per download; tallies beyond it are not cached."""


def group_of_tally(definition: Definition) -> GroupBy | None:
    """Return the group-by of the tally: ``None`` by answer, since answers are always counted."""
    group_by = definition.group_by
    return None if group_by is None or group_by.kind == "answer" else group_by


def cached_tallies(
    answers: Mapping[Definition, Tally | MetricsError],
) -> dict[GroupBy | None, Tally]:
    """Return the tallies to cache; of two with the same group-by, the one with more windows."""
    tallies: dict[GroupBy | None, Tally] = {}
    room = MAX_COUNTS
    for definition, tally in answers.items():
        if not isinstance(tally, Tally):
            continue
        group_by, size = group_of_tally(definition), _size(tally)
        before = tallies.get(group_by)
        if size <= room and (before is None or len(before.windows) < len(tally.windows)):
            tallies[group_by] = tally
            room -= size
    return tallies


def _size(tally: Tally) -> int:
    return sum(
        1 + len(counts.answers) for window in tally.windows for counts in window.every_count()
    )


def of_windows(tally: Tally, windows: Sequence[Window]) -> Tally:
    """Return the tally with these windows only: another one may have further answers."""
    names = {window.name for window in windows}
    kept = tuple(counted for counted in tally.windows if counted.window in names)
    return tally.model_copy(update={"windows": kept})


def without_chosen(tally: Tally) -> Tally:
    """Return the tally without ``chosen``, which was counted for other answers."""

    def plain(counts: Counts) -> Counts:
        weights = counts.weights and counts.weights.model_copy(update={"chosen": None})
        return counts.model_copy(update={"chosen": None, "weights": weights})

    return tally.model_copy(
        update={
            "windows": tuple(
                window.model_copy(
                    update={
                        "total": plain(window.total),
                        "groups": tuple(
                            group.model_copy(update={"counts": plain(group.counts)})
                            for group in window.groups
                        ),
                    }
                )
                for window in tally.windows
            )
        }
    )
