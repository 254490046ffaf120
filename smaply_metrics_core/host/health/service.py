"""The readiness of this process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.health.checks import (
    check_database,
    check_keys,
    check_migrations,
    check_queue,
)
from smaply_metrics_core.host.health.report import HealthReport, HealthStatus
from smaply_metrics_core.host.store import Store

if TYPE_CHECKING:
    from smaply_metrics_core.host.settings import Settings


class Health:
    """Whether this process can work, for the probes of an orchestrator or a load balancer.

    It takes no ``Actor``: a host app shows people and the network only whether it is ready, since
    the messages are for the operator.
    """

    def __init__(self, store: Store, credential_store: CredentialStore, settings: Settings) -> None:
        self._store = store
        self._credential_store = credential_store
        self._settings = settings

    def readiness(self) -> HealthReport:
        """Check the database, its tables, the keys and, with workers, the queue.

        It takes a few short statements; no survey tool is called. If the database cannot be used,
        the other checks are not made.
        """
        database = check_database(self._store)
        if database.status is HealthStatus.FAILED:
            return HealthReport(checks=(database,))
        migrations = check_migrations(self._store)
        if migrations.status is HealthStatus.FAILED:
            return HealthReport(checks=(database, migrations))
        return HealthReport(
            checks=(
                database,
                migrations,
                check_keys(self._credential_store),
                *check_queue(self._store, self._settings),
            )
        )
