"""Examines an installation for the operator, and explains what to fix."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.context import SystemClock
from smaply_metrics_core.errors import EncryptionError, MetricsError
from smaply_metrics_core.host.connections.credential_store import CredentialStore
from smaply_metrics_core.host.connections.key_rotation import Keys
from smaply_metrics_core.host.connections.keys import KeySource
from smaply_metrics_core.host.health.checks import (
    DATABASE,
    KEYS,
    check_database,
    check_migrations,
    check_queue,
)
from smaply_metrics_core.host.health.report import (
    HealthCheck,
    HealthReport,
    HealthStatus,
    failed,
    failed_with,
    passed,
    warning,
)
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.opening import open_store
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.source_state import SourceStatus

if TYPE_CHECKING:
    from smaply_metrics_core.host.settings import Settings

HOME: Final = "home"
SOURCES: Final = "sources"
TELEMETRY: Final = "telemetry"

LEAST_FREE: Final = 1_000_000_000
"""Bytes; exports of large surveys need hundreds of megabytes for a while."""


def diagnose(settings: Settings) -> HealthReport:
    """Examine an installation; nothing is created, upgraded or requested from a survey tool.

    The checks are those of readiness, and: the home is writable and has free space, the telemetry
    can be recorded, each installed source can be loaded, and every key that stored credentials
    depend on is there.

    Args:
        settings: The settings of the operator.
    """
    checks = [check_home(settings), *check_telemetry(settings)]
    with closing(SourceRegistry(settings.sources)) as registry:
        checks += check_sources(registry)
        checks += _check_store(settings, registry)
    return HealthReport(checks=tuple(checks))


def _check_store(settings: Settings, registry: SourceRegistry) -> Iterator[HealthCheck]:
    if settings.database_url is None and not settings.store_path.exists():
        yield warning(
            DATABASE,
            f"There is no store in {settings.home} yet.",
            "The first process creates it. If there should be one, correct SMAPLY_METRICS_HOME, "
            "--home or SMAPLY_METRICS_DATABASE_URL.",
        )
        return
    try:
        store = open_store(settings, migrates=False)
    except MetricsError as error:
        yield failed_with(DATABASE, error)
        return
    with closing(store):
        for check in (check_database, check_migrations):
            yield (found := check(store))
            if found.status is HealthStatus.FAILED:
                return
        # As for a host: a store that several machines share has no key file.
        key_source = KeySource(
            settings.encryption_keys, None if store.is_shared else settings.key_path
        )
        runtime = Runtime(store, registry, settings, SystemClock(), None)
        credential_store = CredentialStore(store, registry, key_source)
        yield check_all_keys(Keys(runtime, credential_store, key_source))
        yield from check_queue(store, settings)


def check_all_keys(keys: Keys) -> HealthCheck:
    """Check that every key is there on which stored credentials depend; none is created."""
    try:
        status = keys.status()
    except EncryptionError as error:
        return failed_with(KEYS, error)
    configured = [one for one in status.keys if one.configured]
    missing = [one for one in status.keys if not one.configured]
    if missing:
        lost = ", ".join(f"{one.id} (connections: {one.connections})" for one in missing)
        return failed(
            KEYS,
            f"Stored credentials depend on keys that are not configured: {lost}.",
            "Restore the keys from a backup into SMAPLY_METRICS_ENCRYPTION_KEYS or the key file. "
            "If they are lost, ask an Admin to enter the credentials of these connections again.",
            required=not configured,
        )
    if status.damaged:
        return warning(
            KEYS,
            f"Connections whose stored credentials are damaged: {status.damaged:,}.",
            "Restore the database from a backup, or ask an Admin to enter these credentials again.",
        )
    if not configured:
        return warning(
            KEYS,
            "There is no encryption key yet.",
            "Without PostgreSQL, the first process creates a key file. Otherwise, set "
            "SMAPLY_METRICS_ENCRYPTION_KEYS to a key from `smaply-metrics key generate`.",
        )
    return passed(KEYS, f"All keys that credentials depend on are configured: {len(configured)}.")


def check_home(settings: Settings) -> HealthCheck:
    """Check that temporary files can be written to the home, and that there is space."""
    home = settings.home
    there = next(folder for folder in (home, *home.parents) if folder.exists())
    if not (there.is_dir() and os.access(there, os.W_OK | os.X_OK)):
        return failed(
            HOME,
            f"The home {home} cannot be written to.",
            "Change its owner or mode, or choose another folder with SMAPLY_METRICS_HOME or "
            "--home.",
        )
    free = shutil.disk_usage(there).free
    if free < LEAST_FREE:
        return warning(
            HOME,
            f"{home} has {free / 1e6:,.0f} MB of free space.",
            "Free some space: exports of large surveys are stored there temporarily.",
        )
    return passed(HOME, f"{home} is writable and has {free / 1e9:,.1f} GB of free space.")


def check_telemetry(settings: Settings) -> Iterator[HealthCheck]:
    """Check that the packages are installed, if telemetry is on."""
    if settings.telemetry == "off":
        return
    from smaply_metrics_core.observability.sdk import require_telemetry

    try:
        require_telemetry()
    except MetricsError as error:
        yield failed_with(TELEMETRY, error)
    else:
        yield passed(TELEMETRY, "Spans and metrics can be recorded.")


def check_sources(registry: SourceRegistry) -> Iterator[HealthCheck]:
    """Check that each installed source can be loaded, unless a setting blocks it."""
    states = registry.states(load=True)
    usable = [one for one in states if one.state is SourceStatus.OK]
    for state in states:
        if state.state not in {SourceStatus.OK, SourceStatus.BLOCKED}:
            yield failed(
                SOURCES,
                f"The source {state.id} ({state.distribution} {state.version}) cannot be used: "
                f"{state.reason}",
                "Upgrade or uninstall its distribution, or block it with "
                "SMAPLY_METRICS_SOURCES_BLOCKED. `smaply-metrics source doctor` has details.",
                required=False,
            )
    if usable:
        yield passed(SOURCES, f"Usable sources: {', '.join(sorted(one.id for one in usable))}.")
    else:
        yield failed(
            SOURCES,
            "No source can be used.",
            "Install the distribution of a source, such as smaply-metrics-qualtrics.",
            required=False,
        )
