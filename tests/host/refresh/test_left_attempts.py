"""A process that lacks what a refresh needs leaves the attempt to others."""

from __future__ import annotations

import logging
from importlib.metadata import EntryPoint
from itertools import product
from threading import Event
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core import Destination, hookimpl
from smaply_metrics_core.errors import SourceUnavailable, StoreError
from smaply_metrics_core.host import (
    ConnectionStatus,
    Freshness,
    RefreshDecisionKind,
    Role,
)
from smaply_metrics_core.host.connections.keys import new_key
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.refresh_end import RefreshEnd
from smaply_metrics_core.host.refresh.survey_refresh import SurveyRefresh
from smaply_metrics_core.sources import session
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.temp_dirs import TempDirs
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    KEY,
    OTHER,
    TOKEN,
    VIEWER,
    load,
    on_both_stores,
    values,
)
from tests.host.fake_source import Shop, ShopCredentials, Stoppable, entry_point, stars

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same attempts on either store")

VARIABLE = "SMAPLY_METRICS_ENCRYPTION_KEYS"
S1 = SurveyKey("acme", "shop", "S1")


class MovedShop(Shop):
    """A release of the source that leads to a host that this process does not allow."""

    @hookimpl
    def destinations(self, credentials: ShopCredentials) -> Sequence[Destination]:
        """Return a private host."""
        return (Destination(kind="host", host="10.1.2.3"),)


class BrokenEntryPoint(EntryPoint):
    """An entry point whose import fails."""

    def load(self) -> Any:  # noqa: ANN401  # As in the base class.
        """Fail as if a dependency were missing."""
        raise ModuleNotFoundError("No module named 'polars'")


def sources(world: World, *points: EntryPoint) -> SourceRegistry:
    """Return a registry of other sources."""
    return SourceRegistry(clock=world.clock, entry_points=lambda: list(points))


def without_key(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
    """Open a host with an empty key."""
    world.environment[VARIABLE] = " "
    return world.open()


def with_invalid_key(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
    """Open a host whose key is not valid."""
    world.environment[VARIABLE] = "hunter2"
    return world.open()


def with_another_key(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
    """Open a host that lacks the key of this connection."""
    world.environment[VARIABLE] = new_key()
    return world.open()


def with_sources(*points: EntryPoint) -> Callable[[World, pytest.MonkeyPatch], MetricsHost]:
    """Return a function that opens a host with these sources."""

    def opened(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
        monkeypatch.setattr(type(world), "_registry", lambda _: sources(world, *points))
        host = world.open()
        monkeypatch.undo()
        return host

    return opened


def with_a_missing_driver(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
    """Open a host whose source imports a package when it fetches, which is missing."""

    def imported(_: object) -> None:
        raise ModuleNotFoundError("No module named 'oracledb'")

    other = Shop(answers=world.shop.answers, on_fetch=imported)
    return with_sources(entry_point("shop", other))(world, monkeypatch)


def without_temp_folder(world: World, monkeypatch: pytest.MonkeyPatch) -> MetricsHost:
    """Open a host on a machine whose disk is full."""
    full = TempDirs()

    def folder() -> None:
        raise StoreError("A temporary folder cannot be created: No space left on device.")

    monkeypatch.setattr(full, "folder", folder)
    registry = world._registry()  # noqa: SLF001  # The fixture's own.
    monkeypatch.setattr(registry, "_temp_dirs", full)
    monkeypatch.setattr(type(world), "_registry", lambda _: registry)
    return world.open()


LACKING = {
    "no key": without_key,
    "an invalid key": with_invalid_key,
    "another key": with_another_key,
    "no source": with_sources(),
    "a broken source": with_sources(BrokenEntryPoint("shop", "x:y", "smaply_metrics.sources")),
    "another distribution": with_sources(entry_point("shop", Shop(), "another-shop")),
    "another allow-list": with_sources(entry_point("shop", MovedShop())),
    "a missing driver": with_a_missing_driver,
    "a full disk": without_temp_folder,
}


FOUND_EARLY_AND_LATE = ("another key", "a missing driver")
"""One that is found before the lease is acquired, and one that is found in the attempt."""

DEEP = pytest.mark.deep(reason="what is lacking matters to no database")
early_and_late = pytest.mark.parametrize(
    ("database", "lacking"),
    [
        *product(("sqlite",), FOUND_EARLY_AND_LATE),
        pytest.param("postgresql", "a missing driver", marks=DEEP),
        pytest.param("postgresql", "another key", marks=DEEP),
    ],
    indirect=True,
)
each_lack = pytest.mark.parametrize(
    ("database", "lacking"),
    [
        *product(("sqlite",), LACKING),
        ("postgresql", "a missing driver"),
        pytest.param("postgresql", "another key", marks=DEEP),
    ],
    indirect=True,
)


@pytest.fixture
def lacking(
    request: pytest.FixtureRequest,
    world: World,
    connected: MetricsHost,
    monkeypatch: pytest.MonkeyPatch,
) -> MetricsHost:
    """A host that lacks something, on a store with a metric that was refreshed an hour ago."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.clock.forward(3601)
    host: MetricsHost = LACKING[request.param](world, monkeypatch)
    world.environment[VARIABLE] = KEY
    return host


def expect_explained(host: MetricsHost) -> None:
    """Expect that each role reads why the card is stale, without what it should not know."""
    (seen,) = host.cards.load(VIEWER, refresh=False)
    assert seen.freshness is Freshness.STALE
    assert seen.problem is not None
    for internal in ("SMAPLY", "10.1.2.3", "polars", "key", "pip"):
        assert internal not in seen.problem.message + seen.problem.remedy
    assert seen.problem.remedy.endswith("can fix it.")
    (full,) = host.cards.load(ADMIN, refresh=False)
    assert full.problem is not None
    assert full.problem.message != seen.problem.message
    view = host.connections.show(ADMIN, "shop")
    assert view.status is ConnectionStatus.ERROR
    assert view.problem is not None


@each_lack
def test_the_attempt_is_left_to_another_process(
    world: World,
    connected: MetricsHost,
    lacking: MetricsHost,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It is no attempt, holds no lease and is logged once; another process refreshes at once.

    A Viewer reads that an operator or Admin can fix it, an Admin what is missing. Processes that
    only show cards, and the Integrations page, say so too.
    """
    before = world.query("SELECT * FROM attempts")
    for _ in range(3):
        (card,) = load(lacking)
        assert (card.text, card.freshness) == ("4.0", Freshness.STALE)
    assert world.query("SELECT * FROM attempts") == before
    assert world.query("SELECT owner, forced_at FROM leases") == [(None, None)]
    warnings = [record for record in caplog.records if "leaves it to other" in record.getMessage()]
    assert len(warnings) == 1
    assert "survey S1 (account acme, connection con_" in warnings[0].getMessage()
    for host in (lacking, connected):
        expect_explained(host)
    world.shop.answers["S1"] += stars("1")
    (card,) = load(connected)
    assert (card.text, card.freshness, card.problem) == ("3.3", Freshness.FRESH, None)
    assert connected.connections.show(ADMIN, "shop").problem is None
    assert len(world.shop.fetches) == 2


def test_a_process_that_was_forked_too_late_leaves_the_attempt(
    connected: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child of a process that had used Polars cannot count; its parent can."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    with monkeypatch.context() as forked:
        forked.setattr(session, "lost_thread", lambda _: True)
        (card,) = load(connected)
        assert card.freshness is not Freshness.FRESH
        assert card.problem is not None
        assert card.problem.remedy.endswith("can fix it.")
    (card,) = load(connected)
    assert (card.text, card.freshness, card.problem) == ("4.0", Freshness.FRESH, None)


@early_and_late
def test_a_check_that_passes_forgets_what_another_process_lacks(
    connected: MetricsHost, lacking: MetricsHost
) -> None:
    """The Admin sees that it works; a process that still lacks something says so again."""
    load(lacking)
    assert connected.connections.check(ADMIN, "shop").problem is None
    load(lacking)
    assert connected.connections.show(ADMIN, "shop").problem is not None


@early_and_late
def test_a_forced_refresh_is_not_used_up(
    world: World, connected: MetricsHost, lacking: MetricsHost
) -> None:
    """An Editor may request it again immediately, and another process makes it."""
    lacking.cards.load(EDITOR, wait=60, force=True)
    (card,) = connected.cards.load(EDITOR, wait=60, force=True)
    assert card.freshness is Freshness.FRESH
    assert len(world.shop.fetches) == 2


@early_and_late
def test_the_hourly_attempt_of_a_rejected_connection_is_not_used_up(
    world: World, connected: MetricsHost, lacking: MetricsHost
) -> None:
    """The one attempt an hour stays for a process that can make it."""
    world.shop.tokens = set()
    load(connected)
    world.clock.forward(3601)
    load(lacking)
    world.shop.tokens = {TOKEN}
    assert values(connected) == [4.0]


@on_both_stores
def test_a_shutdown_uses_up_neither_the_attempt_nor_the_request(
    world: World, connected: MetricsHost
) -> None:
    """A clean shutdown restores when an Editor requested it and when credentials were rejected."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.tokens = set()
    world.clock.forward(3601)
    load(connected)
    world.shop.tokens = {TOKEN}
    world.clock.forward(3601)
    before = world.query("SELECT refused_at FROM connections")
    for role in (VIEWER, EDITOR):
        stopped = world.open()
        world.shop.on_fetch = stoppable = Stoppable()
        stopped.cards.load(role, force=role.role is Role.EDITOR)
        assert stoppable.begun.wait(60)
        stopped.close()
        assert world.query("SELECT refused_at FROM connections") == before
        assert world.query("SELECT owner, forced_at FROM leases") == [(None, None)]
    world.shop.on_fetch = None
    assert values(world.open()) == [4.0]


def test_what_is_not_due_is_not_left(world: World, connected: MetricsHost) -> None:
    """A queued refresh that another process has made already leaves no note."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.environment[VARIABLE] = " "
    host = world.open()
    refresh = SurveyRefresh(host._runtime, host._sessions, lambda *_: None)  # noqa: SLF001
    assert refresh(S1, False, Event()) is RefreshEnd.NOTHING_DUE  # noqa: FBT003
    assert refresh(S1, True, Event()) is RefreshEnd.LEFT  # noqa: FBT003
    assert refresh(SurveyKey("acme", "gone", "S1"), True, Event()) is RefreshEnd.NOTHING_DUE  # noqa: FBT003


def test_other_failures_count_as_attempts(world: World, connected: MetricsHost) -> None:
    """An outage of the survey tool and damaged credentials would fail in every process."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.failure = SourceUnavailable("Closed.")
    assert load(connected)[0].freshness is Freshness.FAILED
    world.clock.forward(3601)
    world.query("UPDATE connections SET sealed = 'x'")
    (card,) = connected.cards.load(ADMIN, wait=60)
    assert card.freshness is Freshness.FAILED
    assert card.problem is not None
    assert "changed or damaged" in card.problem.message
    explained = connected.cards.explain(ADMIN, card.metric_id)
    assert explained.kind is RefreshDecisionKind.FAILED_RESTING


def test_connections_of_other_keys_are_refreshed(world: World, connected: MetricsHost) -> None:
    """A process that lacks the key of one connection refreshes the others."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    other = ADMIN.__class__("other", "ada", Role.ADMIN)
    world.environment[VARIABLE] = new_key()
    host = world.open()
    host.connections.connect(other, "shop", {"api_token": TOKEN})
    host.metrics.add(other, "shop", "Elsewhere", OTHER)
    load(host)
    (card,) = host.cards.load(other, wait=60)
    assert (card.text, card.freshness) == ("1.5", Freshness.FRESH)


def test_the_note_is_written_at_most_once_a_minute(world: World, connected: MetricsHost) -> None:
    """Many loads of a process that lacks a key do not write each time."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.environment[VARIABLE] = " "
    host = world.open()
    noted = []
    for seconds in (0, 30, 31, 0):
        world.clock.forward(seconds)
        load(host)
        noted += world.query("SELECT left_at FROM connections")
    assert noted[0] == noted[1] != noted[2] == noted[3]


def test_each_refresh_is_logged_on_one_line(
    world: World, connected: MetricsHost, caplog: pytest.LogCaptureFixture
) -> None:
    """A success is information, a failure a warning with its kind; no line holds the token."""
    caplog.set_level(logging.INFO, "smaply_metrics_core.host.refresh")
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.clock.forward(3601)
    world.shop.failure = SourceUnavailable("The shop\nis closed.")
    load(connected)
    good, bad = [record for record in caplog.records if record.name.endswith("refresh_log")]
    assert good.getMessage().startswith("Refreshed survey S1. outcome=done account=acme ")
    assert (good.levelno, bad.levelno) == (logging.INFO, logging.WARNING)
    message = bad.getMessage()
    assert message.startswith(
        "The refresh of survey S1 failed for 1 of 1 metrics: The shop is closed. outcome=failed "
    )
    assert " error=source_unavailable " in message
    assert TOKEN not in caplog.text


def test_control_characters_do_not_forge_lines() -> None:
    """An ID of a survey tool cannot begin another line of the log."""
    assert "\n" not in str(SurveyKey("acme", "shop", "S1\nERROR forged"))
