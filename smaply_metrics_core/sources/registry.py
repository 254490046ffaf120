"""The registry of installed sources: lists them, loads each on first use, and keeps them apart."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from smaply_metrics_core.context import Clock, Deadline, SystemClock
from smaply_metrics_core.errors import MetricsError, NotFound, SourceNotUsable
from smaply_metrics_core.redaction import LONGEST_REPEATED
from smaply_metrics_core.sources.discovery import Candidate, classify, installed_entry_points
from smaply_metrics_core.sources.isolation import PluginIsolation
from smaply_metrics_core.sources.loader import contract_mismatch, load
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.sources.source_state import SourceState, SourceStatus
from smaply_metrics_core.sources.temp_dirs import TempDirs

if TYPE_CHECKING:  # Heavy: httpx, and pydantic-settings.
    import httpx

    from smaply_metrics_core.sources.settings import SourceSettings


class _Slot:
    """One entry point, and what came of loading it."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        self.lock = threading.Lock()
        self.source: Source | None = None
        self.refusal = "" if candidate.state is SourceStatus.OK else candidate.reason
        self.isolation = PluginIsolation(
            "It", candidate.id
        )  # A state's reason need not name the source.


class SourceRegistry:
    """Finds the sources that are installed; safe to use from many threads.

    Args:
        settings: The operator's word on which sources are used.
        clock: Time, for deadlines and for what sources are handed.
        entry_points: Gives the entry points of our group; those installed, unless a test says so.
        transport_factory: Makes the transport below each HTTP client, for tests.
        temp_dir: Where calls have their temporary folders: a folder for nothing else, shared by the
            processes of one home. What killed ones left in it is removed at once. Without it, one
            in the system's temporary folder, looked after on the first call.
    """

    def __init__(
        self,
        settings: SourceSettings | None = None,
        *,
        clock: Clock | None = None,
        entry_points: Callable[[], Iterable[EntryPoint]] = installed_entry_points,
        transport_factory: Callable[[], httpx.BaseTransport] | None = None,
        temp_dir: Path | None = None,
    ) -> None:
        self._settings = settings or _default_settings()
        self._clock = clock or SystemClock()
        self._entry_points = entry_points
        self._transport_factory = transport_factory
        self._temp_dirs = TempDirs(temp_dir)
        self._lock = threading.Lock()
        self._listed: tuple[_Slot, ...] | None = None

    def states(self, *, load: bool = False) -> tuple[SourceState, ...]:
        """Say of each installed source whether it can be used, and why not; sorted by id.

        Nothing is imported for that, so ``ok`` means that nothing is known against a source until
        it is loaded. ``load`` loads each, which finds the broken ones.
        """
        slots = self._slots()
        if load:
            for slot in slots:
                self._load(slot)
        return tuple(_state(slot) for slot in slots)

    def get(self, source_id: str) -> Source:
        """Return a source; loads it on first use.

        Raises:
            NotFound: when no source of this id is installed.
            SourceNotUsable: when it is not usable; says why.
        """
        slots = [slot for slot in self._slots() if slot.candidate.id == source_id]
        if not slots:
            installed = sorted({slot.candidate.id for slot in self._slots()})
            short = len(source_id) <= LONGEST_REPEATED
            raise NotFound(
                f"No source “{source_id}” is installed."
                if short
                else "No source of this id is installed.",
                remedy=f"Use one of these: {', '.join(installed)}."
                if installed
                else "Install a distribution that provides it; no source is installed yet.",
            )
        for slot in slots:
            source = self._load(slot)
            if source is not None:
                return source
        slot = min(slots, key=lambda one: one.candidate.state is SourceStatus.BLOCKED)
        raise SourceNotUsable(
            f"The source “{source_id}” ({_from(slot.candidate)}) cannot be used: {slot.refusal}"
        )

    def title(self, source_id: str) -> str:
        """Return what people call a source, without loading it; its id until it is loaded."""
        for slot in self._slots():
            if slot.candidate.id == source_id and slot.source is not None:
                return slot.source.title
        return source_id.replace("_", " ").capitalize()

    def stuck_calls(self) -> tuple[str, ...]:
        """Name the calls that were given up and whose threads still run, source by source."""
        return tuple(name for slot in self._slots() for name in slot.isolation.stuck.names())

    def close(self) -> None:
        """Remove what the calls of this process have on disk, also those that were given up."""
        self._temp_dirs.close()

    def _slots(self) -> tuple[_Slot, ...]:
        with self._lock:
            if self._listed is None:
                self._listed = tuple(map(_Slot, classify(self._entry_points(), self._settings)))
            return self._listed

    def _load(self, slot: _Slot) -> Source | None:
        with slot.lock:
            if slot.source is not None or slot.refusal:
                return slot.source
            candidate = slot.candidate
            try:
                loaded = slot.isolation.call(
                    lambda: load(candidate.entry_point),
                    deadline=Deadline.after(self._settings.load_seconds, self._clock),
                    what="import",
                )
            except MetricsError as error:
                slot.refusal = error.message
                return None
            mismatch = contract_mismatch(loaded.description.contract)
            if mismatch:
                slot.candidate = replace(
                    candidate, state=SourceStatus.INCOMPATIBLE, reason=mismatch
                )
                slot.refusal = mismatch
                return None
            who = f"The source “{loaded.description.title}” ({_from(candidate)})"
            slot.source = Source(
                distribution=candidate.distribution,
                version=candidate.version,
                _loaded=loaded,
                _isolation=PluginIsolation(who, candidate.id, stuck=slot.isolation.stuck),
                _clock=self._clock,
                _temp_dirs=self._temp_dirs,
                _transport_factory=self._transport_factory,
            )
            return slot.source


def _default_settings() -> SourceSettings:
    from smaply_metrics_core.sources.settings import SourceSettings  # Heavy: pydantic-settings.

    return SourceSettings()


def _from(candidate: Candidate) -> str:
    return f"distribution {candidate.distribution} {candidate.version}".strip()


def _state(slot: _Slot) -> SourceState:
    candidate, source = slot.candidate, slot.source
    state = candidate.state
    if slot.refusal and state is SourceStatus.OK:
        state = SourceStatus.BROKEN
    return SourceState(
        id=candidate.id,
        title=candidate.id if source is None else source.title,
        distribution=candidate.distribution,
        version=candidate.version,
        contract=candidate.contract,
        state=state,
        reason=slot.refusal,
        hooks=() if source is None else source.hooks,
    )
