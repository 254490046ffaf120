"""The services of a host, composed over its runtime."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from smaply_metrics_core.host.accounts.service import Accounts
from smaply_metrics_core.host.cards.service import Cards
from smaply_metrics_core.host.connections.chosen_surveys import ChosenSurveys
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.health import ConnectionHealth
from smaply_metrics_core.host.connections.key_rotation import Keys
from smaply_metrics_core.host.connections.keys import KeySource
from smaply_metrics_core.host.connections.service import Connections
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.debug_bundles import DebugBundles
from smaply_metrics_core.host.entered_values import EnteredValues
from smaply_metrics_core.host.events.service import Events
from smaply_metrics_core.host.health.service import Health
from smaply_metrics_core.host.metrics.answer_counts import AnswerCounter
from smaply_metrics_core.host.metrics.previews import Previews
from smaply_metrics_core.host.metrics.service import Metrics
from smaply_metrics_core.host.metrics.survey_catalog import (
    MAX_LISTS,
    QuestionnaireCache,
    SourceCache,
    SurveyCatalog,
)
from smaply_metrics_core.host.refresh.executors import RefreshExecutor
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.models.survey import Survey


@dataclass(frozen=True)
class Services:
    """The services that call sources or show what they returned; see ``MetricsHost``."""

    sessions: ConnectionSessions
    accounts: Accounts
    keys: Keys
    connections: Connections
    catalog: SurveyCatalog
    chosen_surveys: ChosenSurveys
    metrics: Metrics
    cards: Cards
    debug_bundles: DebugBundles
    health: Health
    events: Events
    entered_values: EnteredValues

    @classmethod
    def of(
        cls,
        runtime: Runtime,
        key_source: KeySource,
        refresh_executor: RefreshExecutor | None,
    ) -> Self:
        """Return the services of a runtime.

        Args:
            runtime: The shared parts of the host.
            key_source: Where the encryption keys come from.
            refresh_executor: Runs background refreshes; threads of this process when ``None``.
        """
        credentials = CredentialStore(runtime.store, runtime.registry, key_source)
        health = ConnectionHealth(runtime)
        sessions = ConnectionSessions(runtime, credentials, health)
        questionnaires = QuestionnaireCache(runtime, sessions)
        surveys = SourceCache[tuple[Survey, ...]](runtime.clock, MAX_LISTS)
        answers = AnswerCounter(runtime, sessions, health)
        catalog = SurveyCatalog(runtime, sessions, questionnaires, surveys, answers)
        previews = Previews(runtime, sessions, health, questionnaires)

        def forget(connection_ids: Sequence[str]) -> None:
            """Forget connections of a deleted account, and clear the caches of this process."""
            for connection_id in connection_ids:
                sessions.forget(connection_id)
            for cache in (surveys, questionnaires, answers, previews):
                cache.clear()

        connections = Connections(runtime, credentials, sessions, health)
        entered_values = EnteredValues(runtime, credentials, connections)
        return cls(
            sessions=sessions,
            accounts=Accounts(runtime, forget, entered_values),
            keys=Keys(runtime, credentials, key_source),
            health=Health(runtime.store, credentials, runtime.settings),
            connections=connections,
            catalog=catalog,
            chosen_surveys=ChosenSurveys(runtime, catalog),
            metrics=Metrics(runtime, sessions, previews),
            cards=Cards(runtime, sessions, refresh_executor),
            debug_bundles=DebugBundles(runtime, credentials, sessions),
            events=Events(runtime),
            entered_values=entered_values,
        )
