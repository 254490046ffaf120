"""Live updates: events, the polling interval, and the end of a stream."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

from smaply_metrics_core.host import NotFound, Role, StoreError
from smaply_metrics_host.live_updates import (
    BUSY_SECONDS,
    CHECK_SECONDS,
    IDLE_SECONDS,
    LiveUpdates,
    MapSnapshot,
)

if TYPE_CHECKING:
    import pytest

    from smaply_metrics_host.map_readers import MapReader

Follower = AsyncGenerator[tuple[str, str], None]
KEY = ("acme", "map_1")


class PolledMap:
    """A map whose changes and polls the test controls."""

    def __init__(self) -> None:
        self.versions = {"car_1": "a", "car_2": "a"}
        self.structure = "one"
        self.busy = False
        self.failing: Exception | None = None
        self.seconds = 0.0
        self.looks = 0
        self.written: list[str] = []
        self.waited: list[float] = []
        self.role: Role | None = Role.VIEWER
        self.resting = asyncio.Event()
        self._turn = asyncio.Event()
        self.live_updates = LiveUpdates(self._look, lambda: self.seconds, self._wait)

    def follow(self) -> Follower:
        """Open the map."""
        return self.live_updates.follow(*KEY, Role.VIEWER, self._current_role)

    async def poll(self) -> None:
        """Run the next poll and wait until it has ended."""
        await self.resting.wait()
        self.resting.clear()
        self._turn.set()
        await self.resting.wait()

    async def _look(self, account: str, map_id: str, reader: MapReader) -> MapSnapshot:
        self.looks += 1
        if self.failing is not None:
            if isinstance(self.failing, NotFound):
                self.resting.set()  # It is not polled again.
            raise self.failing
        versions = {
            part: f"{version}{reader.name[0]}" if reader is not Role.VIEWER else version
            for part, version in self.versions.items()
        }
        return MapSnapshot(self.structure, versions, self.busy, self._html)

    def _html(self, part: str) -> str:
        self.written.append(part)
        return f"<p>{part} {self.versions[part]}</p>"

    async def _wait(self, nudged: asyncio.Event, seconds: float) -> None:
        self.waited.append(seconds)
        self.resting.set()
        both = [asyncio.ensure_future(one.wait()) for one in (self._turn, nudged)]
        try:
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in both:
                one.cancel()
        self._turn.clear()

    async def _current_role(self) -> Role | None:
        return self.role


def run_with_map(test: Callable[[PolledMap], Awaitable[None]]) -> None:
    """Run a test on its own event loop and stop polling afterwards."""

    async def run() -> None:
        polled = PolledMap()
        await test(polled)
        await polled.live_updates.close()

    asyncio.run(asyncio.wait_for(run(), 20))


async def next_event(follower: Follower) -> tuple[str, Any]:
    """Return a follower's next event with parsed data."""
    name, data = await anext(follower)
    return name, json.loads(data) if data.startswith("{") else data


def upcoming(follower: Follower) -> asyncio.Task[tuple[str, Any]]:
    """Return a task that waits for a follower's next event."""
    coroutine: Coroutine[Any, Any, tuple[str, Any]] = next_event(follower)
    return asyncio.create_task(coroutine)


def test_a_follower_receives_changed_parts_only() -> None:
    """The first event has the version of each part, the next ones the changed parts."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        assert await next_event(vera) == (
            "state",
            {"structure": "one", "versions": polled.versions},
        )

        polled.versions["car_2"] = "b"
        await polled.poll()

        changed = {"id": "car_2", "version": "b", "html": "<p>car_2 b</p>"}
        assert await next_event(vera) == ("parts", {"structure": "one", "parts": [changed]})
        await vera.aclose()

    run_with_map(test)


def test_followers_share_one_poll() -> None:
    """A change is polled and rendered once for all followers."""

    async def test(polled: PolledMap) -> None:
        viewers = [polled.follow() for _ in range(200)]
        first = [await anext(viewer) for viewer in viewers]
        polled.versions["car_1"] = "b"
        await polled.poll()
        then = [await anext(viewer) for viewer in viewers]

        assert len({id(data) for _, data in first}) == 1
        assert len({id(data) for _, data in then}) == 1
        assert polled.looks == 2
        assert polled.written == ["car_1"]
        for viewer in viewers:
            await viewer.aclose()

    run_with_map(test)


def test_polling_is_faster_during_a_refresh() -> None:
    """The interval is one second during a refresh and ten seconds otherwise."""

    async def test(polled: PolledMap) -> None:
        polled.busy = True
        vera = polled.follow()
        await next_event(vera)
        await polled.resting.wait()
        polled.busy = False
        await polled.poll()

        assert polled.waited == [BUSY_SECONDS, IDLE_SECONDS]
        await vera.aclose()

    run_with_map(test)


def test_a_closed_map_is_not_polled() -> None:
    """Polling stops with the last follower and starts again with the next one."""

    async def test(polled: PolledMap) -> None:
        vera, emil = polled.follow(), polled.follow()
        await next_event(vera)
        await next_event(emil)
        await vera.aclose()
        assert polled.live_updates.watched == 1

        await emil.aclose()
        assert polled.live_updates.watched == 0
        assert polled.looks == 1

        ada = polled.follow()
        await next_event(ada)
        assert polled.looks == 2
        await ada.aclose()

    run_with_map(test)


def test_a_nudge_polls_immediately() -> None:
    """A nudge polls an open map without waiting; for other maps it has no effect."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        await polled.resting.wait()
        polled.versions["car_1"] = "b"

        polled.live_updates.nudge(*KEY)

        assert (await next_event(vera))[1]["parts"][0]["version"] == "b"
        polled.live_updates.nudge("acme", "map_that_is_not_open")
        await vera.aclose()

    run_with_map(test)


def test_a_slow_follower_receives_the_latest_versions() -> None:
    """Events are not queued for a slow follower; it receives the latest version of each part."""

    async def test(polled: PolledMap) -> None:
        slow = polled.follow()
        await next_event(slow)
        for version in "bcd":
            polled.versions["car_1"] = version
            await polled.poll()
        polled.versions["car_2"] = "z"
        await polled.poll()

        _, missed = await next_event(slow)

        assert [(part["id"], part["version"]) for part in missed["parts"]] == [
            ("car_1", "d"),
            ("car_2", "z"),
        ]
        await slow.aclose()

    run_with_map(test)


def test_cards_that_come_and_go_change_the_structure() -> None:
    """Adding or removing a card changes the structure."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        del polled.versions["car_1"]
        polled.structure = "two"
        await polled.poll()

        assert await next_event(vera) == ("parts", {"structure": "two", "parts": []})
        await vera.aclose()

    run_with_map(test)


def test_a_deleted_map_ends_its_streams() -> None:
    """Followers receive ``gone``, and polling stops."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        polled.failing = NotFound("There is no such journey map.")
        await polled.poll()

        assert await next_event(vera) == ("over", "gone")
        assert [event async for event in vera] == []
        assert polled.live_updates.watched == 0

    run_with_map(test)


def test_a_follower_without_access_receives_no_changes() -> None:
    """When a follower loses access, the stream ends without the latest changes."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        polled.role = None
        polled.seconds += CHECK_SECONDS
        polled.versions["car_1"] = "b"
        await polled.poll()

        assert await next_event(vera) == ("over", "no-access")
        await vera.aclose()

    run_with_map(test)


def test_access_is_checked_on_request() -> None:
    """Immediately, without the time between two checks, as after revoking a share link."""

    async def test(polled: PolledMap) -> None:
        vera, emil = polled.follow(), polled.follow()
        await next_event(vera)
        await next_event(emil)
        waiting = [upcoming(vera), upcoming(emil)]
        await asyncio.sleep(0)
        polled.role = None
        polled.live_updates.check_access(*KEY)

        for one in waiting:
            assert await one == ("over", "no-access")
        await vera.aclose()
        await emil.aclose()

    run_with_map(test)


def test_access_is_checked_without_changes() -> None:
    """A follower's access is also checked when the map has not changed."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        waiting = upcoming(vera)
        await asyncio.sleep(0)
        polled.role = None
        polled.seconds += CHECK_SECONDS
        await polled.poll()

        assert await waiting == ("over", "no-access")
        await vera.aclose()

    run_with_map(test)


def test_a_new_role_continues_with_its_own_updates() -> None:
    """The stream sends the state for the new role, and the old role is no longer polled."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        waiting = upcoming(vera)
        await asyncio.sleep(0)
        polled.role = Role.ADMIN
        polled.seconds += CHECK_SECONDS
        await polled.poll()

        versions = {"car_1": "aA", "car_2": "aA"}
        assert await waiting == ("state", {"structure": "one", "versions": versions})
        assert polled.live_updates.watched == 1
        await vera.aclose()

    run_with_map(test)


def test_a_failed_poll_is_retried(caplog: pytest.LogCaptureFixture) -> None:
    """A database error does not end the streams."""

    async def test(polled: PolledMap) -> None:
        vera = polled.follow()
        await next_event(vera)
        polled.failing = StoreError("The store is locked.", remedy="Wait.")
        await polled.poll()
        polled.failing = None
        polled.versions["car_1"] = "b"
        await polled.poll()

        assert (await next_event(vera))[1]["parts"][0]["version"] == "b"
        await vera.aclose()

    run_with_map(test)

    assert "Polling an open map failed" in caplog.text
