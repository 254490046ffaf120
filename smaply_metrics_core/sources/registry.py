"""The registry of installed sources, which are loaded on first use."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import replace
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING

from smaply_metrics_core.context import Clock, Deadline, SystemClock
from smaply_metrics_core.errors import MetricsError, NotFound, SourceNotUsable
from smaply_metrics_core.forking import call_now_and_in_children
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
    """An entry point with its loaded source or the reason why it cannot be used."""

    def __init__(self, candidate: Candidate) -> None:
        self.candidate = candidate
        call_now_and_in_children(self._renew)
        self.source: Source | None = None
        self.refusal = "" if candidate.state is SourceStatus.OK else candidate.reason
        # The reasons of states do not repeat the name of the source.
        self.isolation = PluginIsolation("It", candidate.id)

    def _renew(self) -> None:
        self.lock = threading.Lock()


class SourceRegistry:
    """The installed sources; thread-safe.

    Args:
        settings: The operator's settings about sources.
        clock: The clock for deadlines and for sources.
        entry_points: Returns the entry points; by default, the installed ones.
        transport_factory: Returns the transport of each HTTP client, for tests.
        temp_dir: The parent of the temporary folders of calls, used for nothing else, and shared by
            the processes with the same home folder. Folders of killed processes are removed
            immediately. By default, a folder in the system's temporary folder, cleaned up on the
            first call.
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
        self._listed: tuple[_Slot, ...] | None = None
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()

    def states(self, *, load: bool = False) -> tuple[SourceState, ...]:
        """Return the state of each installed source, sorted by id.

        Sources are only imported with ``load``, which detects the broken ones. Without it, a source
        that was not loaded yet may be ``ok`` although it is broken.
        """
        slots = self._slots()
        if load:
            for slot in slots:
                self._load(slot)
        return tuple(_state(slot) for slot in slots)

    def get(self, source_id: str) -> Source:
        """Return a source; load it on first use.

        Raises:
            NotFound: when no source with this id is installed.
            SourceNotUsable: when the source cannot be used; the message has the reason.
        """
        slots = [slot for slot in self._slots() if slot.candidate.id == source_id]
        if not slots:
            installed = sorted({slot.candidate.id for slot in self._slots()})
            short = len(source_id) <= LONGEST_REPEATED
            raise NotFound(
                f"No source “{source_id}” is installed."
                if short
                else "No source with this ID is installed.",
                remedy=f"Use one of these: {', '.join(installed)}."
                if installed
                else "Install the distribution of a source; none is installed.",
            )
        for slot in slots:
            source = self._load(slot)
            if source is not None:
                return source
        slot = min(slots, key=lambda one: one.candidate.state is SourceStatus.BLOCKED)
        raise SourceNotUsable(
            f"The source “{source_id}” ({_from(slot.candidate)}) cannot be used. {slot.refusal}"
        )

    def title(self, source_id: str) -> str:
        """Return the title of a source without loading it; derived from the id until then."""
        for slot in self._slots():
            if slot.candidate.id == source_id and slot.source is not None:
                return slot.source.title
        return source_id.replace("_", " ").capitalize()

    def stuck_calls(self) -> tuple[str, ...]:
        """Return the names of the abandoned calls that are still running, source by source."""
        return tuple(name for slot in self._slots() for name in slot.isolation.stuck.names())

    def close(self) -> None:
        """Remove the temporary files of this process, including those of abandoned calls."""
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
