"""The host: everything that a host app calls, opened once for a process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final, Self

from smaply_metrics_core.context import Clock, SystemClock
from smaply_metrics_core.host.cards import Cards
from smaply_metrics_core.host.catalogue import Catalogue, Questionnaires
from smaply_metrics_core.host.connections import Connections
from smaply_metrics_core.host.core import Core
from smaply_metrics_core.host.debugging import Debugging
from smaply_metrics_core.host.keys import load_keys
from smaply_metrics_core.host.metrics import Metrics
from smaply_metrics_core.host.previewing import Previews
from smaply_metrics_core.host.settings import KEY_FILE_NAME, STORE_NAME, Settings
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.sources import SourceRegistry

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType


SCRATCH_NAME: Final = "tmp"
"""The folder in the home for the temporary files of calls."""


class MetricsHost:
    """Smaply Metrics in a host app.

    Args:
        settings: What the operator decided; ``Settings.from_environment`` reads it.
        environment: Where the keys are read from; the process's own by default.
        clock: The time by which metrics are due; the machine's by default.
        lease_clock: The time by which leases run out; ``clock`` by default. It differs when a
            ``clock`` is held at an instant: a process that died is over all the same.
        registry: The sources, which stay open when the host is closed; those installed by default,
            with their temporary folders below the home.

    Raises:
        StoreError: when the store in the home cannot be used.

    Attributes:
        connections: Connect, show, check, edit, delete; surveys and questions.
        catalogue: What a connection offers, kept for ten minutes; what a metric's form may offer.
        metrics: Preview, add, list, show, edit, delete.
        cards: Load.
        debug: Debug bundles.
        sources: What is installed, and in which state.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        environment: Mapping[str, str] | None = None,
        clock: Clock | None = None,
        lease_clock: Clock | None = None,
        registry: SourceRegistry | None = None,
    ) -> None:
        self._store = Store(settings.home / STORE_NAME)
        clock = clock or SystemClock()
        self._own_registry: SourceRegistry | None = None
        if registry is None:
            registry = self._own_registry = SourceRegistry(
                settings.sources, clock=clock, scratch=settings.home / SCRATCH_NAME
            )
        env = os.environ if environment is None else environment
        key_file = settings.home / KEY_FILE_NAME
        core = Core(
            store=self._store,
            find_keys=lambda may_create: load_keys(env, key_file, may_create=may_create),
            registry=registry,
            settings=settings,
            clock=clock,
            lease_clock=lease_clock or clock,
        )
        self.sources = core.registry
        self.connections = Connections(core)
        questionnaires = Questionnaires(core)
        self.catalogue = Catalogue(core, questionnaires)
        self.metrics = Metrics(core, Previews(core, questionnaires))
        self.cards = Cards(core)
        self.debug = Debugging(core, self.cards)

    def close(self) -> None:
        """Stop what runs in the background, remove temporary files and give back the store."""
        self.cards.close()
        if self._own_registry is not None:
            self._own_registry.close()
        self._store.close()

    def __enter__(self) -> Self:
        """Use as a context manager."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close."""
        self.close()
