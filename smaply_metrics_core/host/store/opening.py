"""Opens the store that the settings name."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.host.store.store import Store
from smaply_metrics_core.models.problem import Audience

if TYPE_CHECKING:  # Heavy: pydantic-settings, SQLAlchemy.
    from sqlalchemy import URL

    from smaply_metrics_core.host.settings import Settings


class StoreLocation(NamedTuple):
    """Where a store is.

    Attributes:
        where: Its SQLite file, or the URL of its database.
        schema: The schema of its tables in PostgreSQL; ``None`` for that of the database user.
    """

    where: Path | URL
    schema: str | None


def location_of(settings: Settings) -> StoreLocation:
    """Return the location of the store that the settings name.

    Raises:
        InputError: when ``settings.database_url`` is not a URL of PostgreSQL, or there is none but
            a ``settings.database_schema``.
    """
    url, schema = settings.database_url, settings.database_schema
    if url is not None:
        return StoreLocation(parse_database_url(url.get_secret_value()), schema)
    if schema is not None:
        raise InputError(
            "SMAPLY_METRICS_DATABASE_SCHEMA is set, but SQLite has no schemas.",
            remedy="Set SMAPLY_METRICS_DATABASE_URL too, or unset it.",
            audience=Audience.OPERATOR,
        )
    return StoreLocation(settings.store_path, None)


def open_store(settings: Settings, *, migrates: bool = True) -> Store:
    """Open the store that the settings name; see ``Store``.

    Raises:
        InputError: as for ``location_of``.
        StoreError: when the store cannot be used.
    """
    where, schema = location_of(settings)
    return Store(where, settings.database_connections, schema, migrates=migrates)
