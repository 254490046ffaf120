"""Gives new SQLite stores of the test process the tables of one that was migrated before.

Migrating each of a thousand new stores takes 25 ms. Processes that tests start migrate their own,
and so do the tests about migrations, with the fixture ``migrated``.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import create_engine

from smaply_metrics_core.host.store import store
from smaply_metrics_core.host.store.migrations.runner import StoreUpgrade, newest_version, upgrade

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


@pytest.fixture(scope="session", autouse=True)
def copied_tables() -> Iterator[None]:
    """Copy the tables of new SQLite stores instead of running the migrations for each."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "upgrade", _copy_or_upgrade)
        yield


@pytest.fixture
def migrated(copied_tables: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the migrations for each store, for tests about them."""
    monkeypatch.setattr(store, "upgrade", upgrade)


def _copy_or_upgrade(connection: Connection, name: str) -> StoreUpgrade:
    if (
        connection.dialect.name != "sqlite"
        or connection.exec_driver_sql("SELECT 1 FROM sqlite_master").fetchone()
    ):
        return upgrade(connection, name)
    driver = connection.connection.driver_connection
    assert driver is not None
    for statement in _statements():
        driver.execute(statement)
    return StoreUpgrade(None, newest_version())


@cache
def _statements() -> list[str]:
    """Return the statements that create the tables of a migrated store."""
    engine = create_engine("sqlite://")
    with engine.begin() as connection:
        upgrade(connection, "for tests")
        connection.commit()
        dump = connection.connection.driver_connection.iterdump()  # type: ignore[union-attr]
        statements = list(dump)
    engine.dispose()
    assert (statements.pop(0), statements.pop()) == ("BEGIN TRANSACTION;", "COMMIT;")
    return statements
