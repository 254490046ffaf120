"""The pytest plugin of the core: fixtures for authors, and the report of the contract suite.

pytest loads it in every run, so heavy modules are imported only in the fixtures that use them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.testing.clock import ManualClock

if TYPE_CHECKING:  # These load httpx and vcrpy.
    from smaply_metrics_core.testing.fixtures import Canary, ContextFactory
    from smaply_metrics_core.testing.recording.cassettes import CassetteSession

pytest_plugins = ("smaply_metrics_core.testing.pytest_report",)


@pytest.fixture
def frozen_clock() -> ManualClock:
    """A clock that stands at noon on 1 June 2026 (UTC) until a test waits or advances it."""
    return ManualClock(datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.fixture
def canary(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Canary]:
    """A made-up secret; the test fails if it is printed or logged."""
    from smaply_metrics_core.testing.fixtures import Canary

    canary = Canary()
    with caplog.at_level(0):
        yield canary
        printed = capfd.readouterr()
    canary.expect_absent("the printed text", printed.out, printed.err)
    # During teardown, `caplog.text` contains only records of the teardown.
    logged = (f"{one.getMessage()} {one.exc_text or ''}" for one in caplog.get_records("call"))
    canary.expect_absent("the log", *logged)


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest,
) -> Callable[..., AbstractContextManager[CassetteSession]]:
    """Replays a cassette by its name, from the folder ``cassettes`` next to the test file.

    The second argument is the recording policy, if it redacts values.
    """
    from smaply_metrics_core.testing.recording.cassettes import playing

    folder = request.path.parent / "cassettes"
    return lambda name, policy=None: playing(folder / f"{name}.yaml", policy)


@pytest.fixture
def source_context(tmp_path: Path, frozen_clock: ManualClock) -> Iterator[ContextFactory]:
    """Creates contexts for hooks, with a server of the test and optionally a fault."""
    from smaply_metrics_core.testing.fixtures import ContextFactory

    with ContextFactory(tmp_path, frozen_clock) as factory:
        yield factory
