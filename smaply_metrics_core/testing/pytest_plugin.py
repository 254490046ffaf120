"""The pytest plugin of the core: fixtures for authors, and, beside it, a report that hides nothing.

pytest loads it in every run, so nothing heavy is imported here before it is used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.testing.clock import ManualClock
    from smaply_metrics_core.testing.fixtures import Canary, ContextFactory
    from smaply_metrics_core.testing.recording.cassettes import CassetteSession

pytest_plugins = ("smaply_metrics_core.testing.pytest_report",)


@pytest.fixture
def frozen_clock() -> ManualClock:
    """A clock that stands at noon of 1 June 2026 (UTC) until somebody waits."""
    from smaply_metrics_core.testing.clock import ManualClock

    return ManualClock(datetime(2026, 6, 1, 12, tzinfo=UTC))


@pytest.fixture
def canary(capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Iterator[Canary]:
    """A made-up secret; the test fails when it was printed or logged."""
    from smaply_metrics_core.testing.fixtures import Canary

    bird = Canary()
    with caplog.at_level(0):
        yield bird
        told = capfd.readouterr()
    bird.expect_absent("what was printed", told.out, told.err)
    # At this point the text of the log is that of the teardown alone.
    heard = (f"{one.getMessage()} {one.exc_text or ''}" for one in caplog.get_records("call"))
    bird.expect_absent("the log", *heard)


@pytest.fixture
def cassette(
    request: pytest.FixtureRequest,
) -> Callable[[str], AbstractContextManager[CassetteSession]]:
    """A recording from the folder ``cassettes`` beside the test file, by its name."""
    from smaply_metrics_core.testing.recording.cassettes import playing

    folder = request.path.parent / "cassettes"
    return lambda name: playing(folder / f"{name}.yaml")


@pytest.fixture
def source_context(tmp_path: Path, frozen_clock: ManualClock) -> Iterator[ContextFactory]:
    """Makes what a hook is handed, with a server of the test's own and a fault if wanted."""
    from smaply_metrics_core.testing.fixtures import ContextFactory

    with ContextFactory(tmp_path, frozen_clock) as maker:
        yield maker
