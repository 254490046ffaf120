"""The tests of a plugin, with public modules only. Only type checkers read this file."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, assert_type

import httpx

from smaply_metrics_core import Clock, Deadline, SourceContext
from smaply_metrics_core.testing import (
    AllowedDestinations,
    ContextFactory,
    ManualClock,
    Source,
    SourceContract,
    SourceRegistry,
    once,
    open_bundle,
    status,
    truncate,
)

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


class TestAcme(SourceContract):
    """The facts of a source."""

    source = "acme"
    credentials: ClassVar = {"host": "acme.example.com", "token": "t"}
    survey_id = "s"


def test_with_a_context(make_context: ContextFactory, tmp_path: Path) -> None:
    """Use the fixtures and tools of the testing module."""
    context = make_context(lambda _: httpx.Response(200))
    assert_type(context, SourceContext)
    make_context(lambda _: httpx.Response(200), fault=once(status(503, b"")), at=2)
    make_context(lambda _: httpx.Response(200), fault=truncate)
    source = SourceRegistry(clock=ManualClock(NOON)).get("acme")
    assert_type(source, Source)
    allowed = AllowedDestinations(folders={"acme": tmp_path})
    use(allowed, Deadline.after(5, ManualClock(NOON)))
    with open_bundle(tmp_path / "bundle.zip", tmp_path) as bundle:
        assert_type(bundle.extract("raw/responses.csv"), Path)


def use(allowed: AllowedDestinations, deadline: Deadline) -> Callable[[], float]:
    """Return a method of a deadline."""
    clock: Clock = deadline.clock
    assert_type(clock.monotonic(), float)
    del allowed
    return deadline.remaining


def mistakes() -> None:
    """Make mistakes that a type checker reports."""
    ManualClock("noon")  # type: ignore[arg-type]
    SourceRegistry(clock=NOON)  # type: ignore[arg-type]
