"""One look for all who have a map open: what they are told, when it is looked at, when it ends."""

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

Follower = AsyncGenerator[tuple[str, str], None]
KEY = ("acme", "map_1")


class Desk:
    """A map that changes, and is looked at, when the test says so."""

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

    async def turn(self) -> None:
        """Let the time until the next look pass, and the look be over."""
        await self.resting.wait()
        self.resting.clear()
        self._turn.set()
        await self.resting.wait()

    async def _look(self, account: str, map_id: str, role: Role) -> MapSnapshot:
        self.looks += 1
        if self.failing is not None:
            if isinstance(self.failing, NotFound):
                self.resting.set()  # No look follows this one.
            raise self.failing
        versions = {
            part: f"{version}{role.name[0]}" if role is not Role.VIEWER else version
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


def at_desk(test: Callable[[Desk], Awaitable[None]]) -> None:
    """Run a test on a loop of its own, and let nothing go on behind it."""

    async def run() -> None:
        desk = Desk()
        await test(desk)
        await desk.live_updates.close()

    asyncio.run(asyncio.wait_for(run(), 20))


async def told(follower: Follower) -> tuple[str, Any]:
    """Give a follower's next event with its data read."""
    name, data = await anext(follower)
    return name, json.loads(data) if data.startswith("{") else data


def upcoming(follower: Follower) -> asyncio.Task[tuple[str, Any]]:
    """Begin to wait for a follower's next event."""
    coroutine: Coroutine[Any, Any, tuple[str, Any]] = told(follower)
    return asyncio.create_task(coroutine)


def test_a_viewer_hears_what_changed_and_nothing_else() -> None:
    """First the version of each part, so that a page can tell what it missed; then changes."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        assert await told(vera) == ("state", {"structure": "one", "versions": desk.versions})

        desk.versions["car_2"] = "b"
        await desk.turn()

        changed = {"id": "car_2", "version": "b", "html": "<p>car_2 b</p>"}
        assert await told(vera) == ("parts", {"structure": "one", "parts": [changed]})
        await vera.aclose()

    at_desk(test)


def test_two_hundred_viewers_take_one_look() -> None:
    """A change is looked at and written once, however many have the map open."""

    async def test(desk: Desk) -> None:
        viewers = [desk.follow() for _ in range(200)]
        first = [await anext(viewer) for viewer in viewers]
        desk.versions["car_1"] = "b"
        await desk.turn()
        then = [await anext(viewer) for viewer in viewers]

        assert len({id(data) for _, data in first}) == 1
        assert len({id(data) for _, data in then}) == 1
        assert desk.looks == 2
        assert desk.written == ["car_1"]
        for viewer in viewers:
            await viewer.aclose()

    at_desk(test)


def test_looks_follow_each_other_quickly_only_while_values_are_on_their_way() -> None:
    """Each second while something is refreshing, each ten seconds otherwise."""

    async def test(desk: Desk) -> None:
        desk.busy = True
        vera = desk.follow()
        await told(vera)
        await desk.resting.wait()
        desk.busy = False
        await desk.turn()

        assert desk.waited == [BUSY_SECONDS, IDLE_SECONDS]
        await vera.aclose()

    at_desk(test)


def test_nobody_looks_at_a_map_that_nobody_has_open() -> None:
    """With the last viewer the looking ends, and it begins anew with the next one."""

    async def test(desk: Desk) -> None:
        vera, emil = desk.follow(), desk.follow()
        await told(vera)
        await told(emil)
        await vera.aclose()
        assert desk.live_updates.watched == 1

        await emil.aclose()
        assert desk.live_updates.watched == 0
        assert desk.looks == 1

        ada = desk.follow()
        await told(ada)
        assert desk.looks == 2
        await ada.aclose()

    at_desk(test)


def test_a_nudge_looks_at_once() -> None:
    """Who changes a map, or loads it so that a refresh begins, lets the open ones know."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        await desk.resting.wait()
        desk.versions["car_1"] = "b"

        desk.live_updates.nudge(*KEY)

        assert (await told(vera))[1]["parts"][0]["version"] == "b"
        desk.live_updates.nudge("acme", "map_that_nobody_has_open")
        await vera.aclose()

    at_desk(test)


def test_a_slow_viewer_gets_what_it_missed_at_once() -> None:
    """Nothing piles up for a browser that takes its time: the latest of each part is enough."""

    async def test(desk: Desk) -> None:
        slow = desk.follow()
        await told(slow)
        for version in "bcd":
            desk.versions["car_1"] = version
            await desk.turn()
        desk.versions["car_2"] = "z"
        await desk.turn()

        _, missed = await told(slow)

        assert [(part["id"], part["version"]) for part in missed["parts"]] == [
            ("car_1", "d"),
            ("car_2", "z"),
        ]
        await slow.aclose()

    at_desk(test)


def test_cards_that_come_and_go_change_the_structure() -> None:
    """A page that lacks a card, or has one too many, is told so by another structure."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        del desk.versions["car_1"]
        desk.structure = "two"
        await desk.turn()

        assert await told(vera) == ("parts", {"structure": "two", "parts": []})
        await vera.aclose()

    at_desk(test)


def test_a_deleted_map_ends_what_it_streams() -> None:
    """Who has it open is told that it is gone, and nobody looks for it any more."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        desk.failing = NotFound("There is no such journey map.")
        await desk.turn()

        assert await told(vera) == ("over", "gone")
        assert [event async for event in vera] == []
        assert desk.live_updates.watched == 0

    at_desk(test)


def test_who_may_look_no_longer_is_told_nothing_more() -> None:
    """When a session has ended, or somebody was removed, their stream ends without the news."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        desk.role = None
        desk.seconds += CHECK_SECONDS
        desk.versions["car_1"] = "b"
        await desk.turn()

        assert await told(vera) == ("over", "signed-out")
        await vera.aclose()

    at_desk(test)


def test_a_stream_without_news_ends_with_its_session_too() -> None:
    """It is asked at each look whether a follower may still look, changed or not."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        waiting = upcoming(vera)
        await asyncio.sleep(0)
        desk.role = None
        desk.seconds += CHECK_SECONDS
        await desk.turn()

        assert await waiting == ("over", "signed-out")
        await vera.aclose()

    at_desk(test)


def test_a_new_role_continues_with_its_own_updates() -> None:
    """The stream sends the state for the new role, and the old role is no longer polled."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        waiting = upcoming(vera)
        await asyncio.sleep(0)
        desk.role = Role.ADMIN
        desk.seconds += CHECK_SECONDS
        await desk.turn()

        versions = {"car_1": "aA", "car_2": "aA"}
        assert await waiting == ("state", {"structure": "one", "versions": versions})
        assert desk.live_updates.watched == 1
        await vera.aclose()

    at_desk(test)


def test_a_look_that_fails_is_made_again(caplog: pytest.LogCaptureFixture) -> None:
    """A store that cannot be read for a moment does not end anybody's stream."""

    async def test(desk: Desk) -> None:
        vera = desk.follow()
        await told(vera)
        desk.failing = StoreError("The store is locked.", remedy="Wait.")
        await desk.turn()
        desk.failing = None
        desk.versions["car_1"] = "b"
        await desk.turn()

        assert (await told(vera))[1]["parts"][0]["version"] == "b"
        await vera.aclose()

    at_desk(test)

    assert "could not be looked at" in caplog.text
