"""Live updates of open maps: one poll per open map, shared by all its followers.

Polling starts no refresh. Only loading the page does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.map_readers import READERS, MapReader

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 1.0
"""The polling interval while values of a map are being refreshed."""
IDLE_SECONDS: Final = 10.0
"""The polling interval otherwise; another process may have refreshed values."""
CHECK_SECONDS: Final = 15.0
"""The interval at which the access and the role of a follower are checked."""

Waiting = Callable[[asyncio.Event, float], Awaitable[None]]
CurrentReader = Callable[[], Awaitable[MapReader | None]]
Event = tuple[str, str]


@dataclass(frozen=True)
class MapSnapshot:
    """The state of a map at one poll.

    Attributes:
        structure: The digest of everything that only people change.
        versions: The version of each other part, by id.
        busy: Whether values are being refreshed.
        html: Renders the part with an id.
    """

    structure: str
    versions: Mapping[str, str]
    busy: bool
    html: Callable[[str], str]


class _MapKey(NamedTuple):
    account: str
    map: str
    reader: MapReader


async def wait_or_nudge(nudged: asyncio.Event, seconds: float) -> None:
    """Wait for some seconds, or until ``nudged`` is set."""
    try:
        async with asyncio.timeout(seconds):
            await nudged.wait()
    except TimeoutError:
        pass


class LiveUpdates:
    """The open maps of this process. Its methods are called on the event loop.

    Args:
        look: Returns the current state of an account's map for a reader.
        monotonic: The monotonic clock in seconds.
        waiting: Waits between two polls.
    """

    def __init__(
        self,
        look: Callable[[str, str, MapReader], Awaitable[MapSnapshot]],
        monotonic: Callable[[], float],
        waiting: Waiting = wait_or_nudge,
    ) -> None:
        self._look = look
        self._monotonic = monotonic
        self._waiting = waiting
        self._watches: dict[_MapKey, _Subscription] = {}
        self._checks = 0

    async def follow(
        self, account: str, map_id: str, reader: MapReader, current_reader: CurrentReader
    ) -> AsyncGenerator[Event, None]:
        """Yield a map's events until it is deleted or the follower loses access.

        The first event is ``state`` with the version of each part, the next ones are ``parts`` with
        the changed parts, and the last one is ``over`` with the reason, ``gone`` or ``no-access``.

        Args:
            account: The account of the map.
            map_id: The map to follow.
            reader: The role of the follower. People with the same role share the updates.
            current_reader: Returns the present role of the follower, and ``None`` when their
                session or link has ended; called every ``CHECK_SECONDS`` and by ``check_access``.
        """
        watch = self._join(_MapKey(account, map_id, reader))
        at, checked, checks = 0, self._monotonic(), self._checks
        try:
            while True:
                beat = watch.beat
                if checks != self._checks or self._monotonic() - checked >= CHECK_SECONDS:
                    checks = self._checks
                    reader_now = await current_reader()
                    if reader_now is None:
                        yield "over", "no-access"
                        return
                    checked = self._monotonic()
                    if reader_now is not watch.key.reader:
                        self._leave(watch)
                        watch, at = self._join(_MapKey(account, map_id, reader_now)), 0
                        continue
                if watch.gone:
                    yield "over", "gone"
                    return
                if at == watch.generation:
                    await beat.wait()
                    continue
                event, at = watch.news(at), watch.generation
                yield event
        finally:
            self._leave(watch)

    def nudge(self, account: str, map_id: str) -> None:
        """Poll a map now if it is open."""
        for reader in READERS:
            watch = self._watches.get(_MapKey(account, map_id, reader))
            if watch is not None:
                watch.nudged.set()

    def check_access(self, account: str, map_id: str) -> None:
        """Check the access of all followers of a map now, as after revoking a link."""
        self._checks += 1
        self.nudge(account, map_id)

    @property
    def watched(self) -> int:
        """The number of maps that are polled, counted once per kind of reader."""
        return len(self._watches)

    async def close(self) -> None:
        """Stop polling."""
        tasks = [watch.task for watch in self._watches.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _join(self, key: _MapKey) -> _Subscription:
        if key not in self._watches:
            self._watches[key] = _Subscription(key, self._look, self._waiting)
        watch = self._watches[key]
        watch.followers += 1
        return watch

    def _leave(self, watch: _Subscription) -> None:
        watch.followers -= 1
        if not watch.followers:
            watch.task.cancel()
            if self._watches.get(watch.key) is watch:
                del self._watches[watch.key]


class _Subscription:
    """One map, polled for all its followers.

    Attributes:
        beat: Set at the next poll, and then replaced by a new event.
        generation: Increases with each poll that found a change.
    """

    def __init__(
        self,
        key: _MapKey,
        look: Callable[[str, str, MapReader], Awaitable[MapSnapshot]],
        waiting: Waiting,
    ) -> None:
        self.key = key
        self.followers = 0
        self.gone = False
        self.generation = 0
        self.beat = asyncio.Event()
        self.nudged = asyncio.Event()
        self._look = look
        self._waiting = waiting
        self._structure = ""
        self._versions: dict[str, str] = {}
        self._html: dict[str, str] = {}
        self._changed_at: dict[str, int] = {}
        self._written: dict[int, Event] = {}
        self.task = asyncio.create_task(self._run())

    def news(self, since: int) -> Event:
        """Return the event with the changes since a generation, rendered once for all followers."""
        if since not in self._written:
            self._written[since] = self._write(since)
        return self._written[since]

    async def _run(self) -> None:
        while not self.gone:
            busy = False
            try:
                seen = await self._look(*self.key)
                await self._take(seen)
                busy = seen.busy
            except NotFound:
                self.gone = True
            except Exception:
                logger.exception("Polling an open map failed.")
            beat, self.beat = self.beat, asyncio.Event()
            beat.set()
            if not self.gone:
                await self._waiting(self.nudged, BUSY_SECONDS if busy else IDLE_SECONDS)
                self.nudged.clear()

    async def _take(self, seen: MapSnapshot) -> None:
        changed = [
            part for part, version in seen.versions.items() if self._versions.get(part) != version
        ]
        if not changed and seen.structure == self._structure:
            return
        if self.generation:  # At the first poll, the page already has the parts.
            self._html |= await run_in_threadpool(_write_all, seen, changed)
        self.generation += 1
        self._structure, self._versions = seen.structure, dict(seen.versions)
        self._changed_at |= dict.fromkeys(changed, self.generation)
        self._html = {part: html for part, html in self._html.items() if part in self._versions}
        self._written.clear()

    def _write(self, since: int) -> Event:
        if not since:
            state = {"structure": self._structure, "versions": self._versions}
            return "state", json.dumps(state)
        parts = [
            {"id": part, "version": version, "html": self._html[part]}
            for part, version in self._versions.items()
            if self._changed_at[part] > since
        ]
        return "parts", json.dumps({"structure": self._structure, "parts": parts})


def _write_all(seen: MapSnapshot, parts: list[str]) -> dict[str, str]:
    return {part: seen.html(part) for part in parts}
