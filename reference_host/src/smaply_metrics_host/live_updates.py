"""How open maps hear of changes: each map that is open is looked at once for all who have it open.

Looking starts no refresh: only somebody who loads the page does.
"""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, NamedTuple

from starlette.concurrency import run_in_threadpool

from smaply_metrics_core.host import NotFound, Role

logger = logging.getLogger(__name__)

BUSY_SECONDS: Final = 1.0
"""From one look at a map to the next while values are on their way."""
IDLE_SECONDS: Final = 10.0
"""The same when nothing is known to be on its way: another process may refresh, too."""
CHECK_SECONDS: Final = 15.0
"""How often the session and the role of each follower are checked."""

Waiting = Callable[[asyncio.Event, float], Awaitable[None]]
CurrentRole = Callable[[], Awaitable[Role | None]]
Event = tuple[str, str]


@dataclass(frozen=True)
class MapSnapshot:
    """A map at one look.

    Attributes:
        structure: The digest of what does not change by itself.
        versions: Of each part that does, by id.
        busy: Whether values are on their way.
        html: Writes a part, by id.
    """

    structure: str
    versions: Mapping[str, str]
    busy: bool
    html: Callable[[str], str]


class _MapKey(NamedTuple):
    account: str
    map: str
    role: Role


async def wait_or_nudge(nudged: asyncio.Event, seconds: float) -> None:
    """Wait for some time, or until there is a reason to look at once."""
    try:
        async with asyncio.timeout(seconds):
            await nudged.wait()
    except TimeoutError:
        pass


class LiveUpdates:
    """The open maps of this process. Its methods are called on the event loop.

    Args:
        look: Returns a map of an account as it is now, as a role reads it.
        monotonic: Seconds that never run backwards.
        waiting: Waits from one look to the next.
    """

    def __init__(
        self,
        look: Callable[[str, str, Role], Awaitable[MapSnapshot]],
        monotonic: Callable[[], float],
        waiting: Waiting = wait_or_nudge,
    ) -> None:
        self._look = look
        self._monotonic = monotonic
        self._waiting = waiting
        self._watches: dict[_MapKey, _Subscription] = {}

    async def follow(
        self, account: str, map_id: str, role: Role, current_role: CurrentRole
    ) -> AsyncGenerator[Event, None]:
        """Give a map's events until it is gone, or the follower may look no longer.

        First ``state`` with the version of each part; then ``parts`` with those that changed; at
        last ``over`` with the reason, ``gone`` or ``signed-out``.

        Args:
            account: The account of the map.
            map_id: The id of the map.
            role: The role of the follower. People with the same role share the updates.
            current_role: Returns the present role of the follower, and ``None`` when the session
                has ended; called every ``CHECK_SECONDS``.
        """
        watch = self._join(_MapKey(account, map_id, role))
        at, checked = 0, self._monotonic()
        try:
            while True:
                beat = watch.beat
                if self._monotonic() - checked >= CHECK_SECONDS:
                    role_now = await current_role()
                    if role_now is None:
                        yield "over", "signed-out"
                        return
                    checked = self._monotonic()
                    if role_now is not watch.key.role:
                        self._leave(watch)
                        watch, at = self._join(_MapKey(account, map_id, role_now)), 0
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
        """Look at a map at once, if anybody has it open."""
        for role in Role:
            watch = self._watches.get(_MapKey(account, map_id, role))
            if watch is not None:
                watch.nudged.set()

    @property
    def watched(self) -> int:
        """The number of open maps, counted once per role."""
        return len(self._watches)

    async def close(self) -> None:
        """Stop looking."""
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
    """One map, looked at for all its followers.

    Attributes:
        beat: Set at the next look, whether it finds something new or not; another one after each.
        generation: Grows with each look that found something new.
    """

    def __init__(
        self,
        key: _MapKey,
        look: Callable[[str, str, Role], Awaitable[MapSnapshot]],
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
        """Write what is new since a generation; once for all who are equally far."""
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
                logger.exception("An open map could not be looked at.")
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
        if self.generation:  # Who follows from the first look on has the parts in the page.
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
