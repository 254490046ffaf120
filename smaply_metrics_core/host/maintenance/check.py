"""Checks a store without changing it: its version, its tables, its file and its rows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import JSON, Connection, Engine, Table, select

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host.store.engine import make_engine
from smaply_metrics_core.host.store.error_mapping import driver_errors, store_error
from smaply_metrics_core.host.store.migrations.runner import newest_version, version_of
from smaply_metrics_core.host.store.opening import StoreLocation, location_of
from smaply_metrics_core.host.store.tables import metadata
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Audience

if TYPE_CHECKING:  # Heavy: pydantic-settings.
    from smaply_metrics_core.host.settings import Settings

MOST_SHOWN: Final = 5
"""How many differences or damaged rows a finding names."""

PAGE: Final = 500

_REASON: Final = "the operator checks the store of all accounts"

_DAMAGED: Final = "Restore the store from a backup."


class StoreFinding(Frozen):
    """One thing that is wrong with a store, and what to do."""

    message: str
    remedy: str


class StoreCheck(Frozen):
    """The result of checking a store.

    Attributes:
        version: The version of its tables; ``None`` if there are none.
        supported: The version that this release supports.
        findings: What is wrong; empty if the store can be used as it is.
    """

    version: str | None
    supported: str
    findings: tuple[StoreFinding, ...]


def open_existing(location: StoreLocation) -> Engine:
    """Return the engine of a store that exists; unlike ``Store``, it migrates nothing.

    Raises:
        NotFound: when the SQLite file does not exist.
        InputError: when the driver of PostgreSQL is not installed.
    """
    where, schema = location
    if isinstance(where, Path) and not where.is_file():
        raise NotFound(
            f"There is no store at {where}.",
            remedy="Use --home to choose the home of the installation.",
            audience=Audience.OPERATOR,
        )
    return make_engine(where, 1, schema)


def check_store(settings: Settings) -> StoreCheck:
    """Check a store. Tables of another version are a finding; the rest is then not checked.

    Raises:
        NotFound: when the SQLite file does not exist.
        StoreError: when the store cannot be read.
    """
    location = location_of(settings)
    engine = open_existing(location)
    try:
        with engine.connect() as db:
            version = version_of(db)
            findings = tuple(_findings(db, version))
    except driver_errors() as error:
        raise store_error(error, location.where) from None
    finally:
        engine.dispose()
    return StoreCheck(version=version, supported=newest_version(), findings=findings)


def _findings(db: Connection, version: str | None) -> Iterator[StoreFinding]:
    if db.dialect.name == "sqlite":
        yield from _damaged_file(db)
    if version is None:
        yield StoreFinding(
            message="There are no tables.", remedy="Run `smaply-metrics db upgrade`."
        )
    elif version < newest_version():
        yield StoreFinding(
            message=f"The tables have version {version}; this release requires {newest_version()}.",
            remedy="Back up the store, then run `smaply-metrics db upgrade`.",
        )
    elif version > newest_version():
        yield StoreFinding(
            message=f"The tables have version {version}; this release supports versions up to "
            f"{newest_version()}.",
            remedy="Install the newer release, or restore a backup of this release.",
        )
    else:
        differences = tuple(_differences(db))
        yield from differences
        if not differences:
            for table in metadata.sorted_tables if db.dialect.name == "sqlite" else ():
                yield from _damaged_rows(db, table)


def _damaged_file(db: Connection) -> Iterator[StoreFinding]:
    found = [str(row[0]) for row in db.exec_driver_sql(f"PRAGMA integrity_check({MOST_SHOWN})")]
    if found != ["ok"]:
        yield StoreFinding(message=f"The file is damaged: {'; '.join(found)}.", remedy=_DAMAGED)
        return
    lost = {str(row[0]) for row in db.exec_driver_sql("PRAGMA foreign_key_check")}
    for table in sorted(lost):
        yield StoreFinding(
            message=f"The table {table} has rows of a connection or metric that does not exist.",
            remedy=_DAMAGED,
        )


def _differences(db: Connection) -> Iterator[StoreFinding]:
    """Compare the tables with those of this release; additional tables are not a finding."""
    from alembic.autogenerate import compare_metadata  # Heavy.
    from alembic.migration import MigrationContext

    ours = set(metadata.tables)

    def is_ours(_object: object, name: str | None, kind: str, *_: object) -> bool:
        return kind != "table" or name in ours

    context = MigrationContext.configure(db, opts={"compare_type": True, "include_object": is_ours})
    found = [_described(one) for one in compare_metadata(context, metadata)]
    if found:
        yield StoreFinding(
            message=f"The tables differ from those of version {newest_version()}: "
            f"{'; '.join(found[:MOST_SHOWN])}.",
            remedy="Restore the store from a backup, or undo the change to its tables.",
        )


def _described(difference: list[Any] | tuple[Any, ...]) -> str:
    """Return a difference of Alembic, a tuple or a list of tuples, as text."""
    if isinstance(difference, list):
        return "; ".join(map(_described, difference))
    operation, *parts = difference
    names = [getattr(part, "name", part) for part in parts]
    named = [name for name in names if isinstance(name, str) and name]
    return " ".join((operation.replace("_", " "), *named))


def _damaged_rows(db: Connection, table: Table) -> Iterator[StoreFinding]:
    """Find rows whose JSON cannot be read, which SQLite stores as any text."""
    for column in table.c:
        if not isinstance(column.type, JSON) or column.nullable:
            continue
        keys = table.primary_key.columns
        rows = db.execute(
            select(column, *keys), execution_options={"yield_per": PAGE, "every_account": _REASON}
        )
        damaged = ["/".join(map(str, key)) for value, *key in rows if value is None]
        if damaged:
            yield StoreFinding(
                message=f"The column {column.name} of the table {table.name} is damaged in "
                f"{len(damaged):,} row{'' if len(damaged) == 1 else 's'}: "
                f"{', '.join(damaged[:MOST_SHOWN])}.",
                remedy=_DAMAGED,
            )
