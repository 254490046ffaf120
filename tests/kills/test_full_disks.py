"""A disk that is full at any write: the error says so, and nothing that was stored is lost."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.kills import stepped
from tests.kills.campaign import HOUR, ledger_of, make_told
from tests.kills.invariants import check
from tests.processes import Children

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.host.host_process import Told

SIZES = (0, 50, 4_096, 20_000, 100_000, 150_000)
"""No file can grow beyond one of these: the writes of small and large files are cut somewhere."""

OPERATIONS: tuple[Callable[[Told], None], ...] = (
    *stepped.OPERATIONS,
    stepped.start_reference_host,
    stepped.upload,
)


def limits(children: Children, told: dict[str, Any], operation: str) -> Iterator[str]:
    """Run an operation on disks that are full at each of its steps; yield each outcome."""
    for size in SIZES:
        told["ahead"] += HOUR
        child = children.start(stepped.on_full_disk, {**told, "size": size}, operation)
        assert child.wait() == "", f"with files of up to {size} bytes"
        yield child.receive()
    at, ended = 0, ""
    while isinstance(ended, str):
        at += 1
        told["ahead"] += HOUR
        child = children.start(stepped.on_full_disk, {**told, "size": None, "at": at}, operation)
        assert child.wait() == "", f"with a disk that is full at step {at}"
        ended = child.receive()
        yield str(ended)


@pytest.mark.deep(reason="one process for each step of the operation")
@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.__name__)
def test_a_full_disk_is_reported_and_loses_nothing(
    operation: Callable[[Told], None], tmp_path: Path
) -> None:
    """Every failure is an error with a message for people; with free space, all works again."""
    told = make_told(tmp_path, None)
    with Children() as children:
        assert children.start(stepped.set_up, told).wait() == ""
        ledger = ledger_of(told)
        outcomes = set()
        told["ahead"] += HOUR
        for outcome in limits(children, told, operation.__name__):
            outcomes.add(outcome)
            told["ahead"] += HOUR
            check(told, ledger)
            left = [path.name for path in Path(told["bundles"]).glob(".*")]
            left += [path.name for path in (Path(told["home"]) / "files").rglob(".*")]
            assert not left, "a file of a failed write is left"
        told["ahead"] += HOUR
        assert any("space" in outcome or "full" in outcome for outcome in outcomes), outcomes
