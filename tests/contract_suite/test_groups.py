"""The checks of groups when a response may be in several of them."""

from __future__ import annotations

import pytest

from smaply_metrics_core import Counts, GroupBy, GroupCounts, WindowTally
from smaply_metrics_core.testing.suite.queries import build_query
from smaply_metrics_core.testing.suite.scenarios.query_partitions import (
    HALVES,
    Partition,
    PartitionCounts,
)
from smaply_metrics_core.testing.suite.subjects.query_partitions import check_partitions
from smaply_metrics_core.testing.suite.tally_invariants import check_groups


def window(*groups: int, ungrouped: int = 0) -> WindowTally:
    """Return ten responses with an answer each, in groups of the given sizes."""
    return WindowTally(
        total=Counts(responses=10, answered=10, answers={"1": 10}),
        ungrouped=ungrouped,
        groups=tuple(
            GroupCounts(
                key=str(number),
                label=f"Group {number}",
                counts=Counts(responses=size, answered=size, answers={"1": size} if size else {}),
            )
            for number, size in enumerate(groups)
        ),
    )


@pytest.mark.parametrize("sizes", [(10,), (10, 10), (7, 5)])
def test_several_groups_may_share_responses(sizes: tuple[int, ...]) -> None:
    """The sum of overlapping groups may exceed the number of responses."""
    check_groups("a group-by", window(*sizes), several=True)


@pytest.mark.parametrize(
    ("sizes", "several"),
    [((5, 4), True), ((5, 4), False), ((7, 5), False), ((11,), True)],
)
def test_wrong_sums_of_groups_are_detected(sizes: tuple[int, ...], *, several: bool) -> None:
    """Groups with too few or too many responses fail."""
    with pytest.raises(AssertionError, match="Fix: "):
        check_groups("a group-by", window(*sizes), several=several)


def test_responses_without_a_group_are_counted() -> None:
    """Groups and ungrouped responses add up to the total."""
    check_groups("a group-by", window(5, 3, ungrouped=2), several=False)
    with pytest.raises(AssertionError, match="Fix: "):
        check_groups("a group-by", window(5, 3, ungrouped=1), several=False)


def test_parts_of_a_query_may_be_in_several_groups() -> None:
    """A query with overlapping groups can be divided into parts."""
    group_by = GroupBy(kind="question", of="used")
    whole = build_query("whole", "S3", group_by=group_by)
    part = whole.model_copy(update={"id": "part"})

    def check(counts: WindowTally) -> None:
        windows = {"whole": counts, "part": counts}
        partition = Partition(whole, HALVES, (part,))
        check_partitions(PartitionCounts([partition], windows, undated=0), [group_by])

    check(window(10, 10))
    with pytest.raises(AssertionError, match="Fix: "):
        check(window(10, 11))
