"""Tenancy: in all tests, no statement of the store reads or writes rows without an account.

``tests/tenancy.py`` checks every statement; these tests check that it does.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import delete, insert, select, update

from smaply_metrics_core.errors import NotFound
from smaply_metrics_core.host import Actor, Role
from smaply_metrics_core.host.store.tables import (
    accounts,
    attempts,
    connections,
    metadata,
    metric_values,
    metrics,
)
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, load
from tests.tenancy import OWNERS, REASONS, missing

if TYPE_CHECKING:
    from sqlalchemy import Executable

    from smaply_metrics_core.host import MetricsHost
    from smaply_metrics_core.host.store import Store
    from tests.host.conftest import World

JOINED = metrics.outerjoin(attempts, attempts.c.metric_id == metrics.c.id)
FOREIGN = Actor("rival", "rita", Role.ADMIN)


def test_every_table_is_watched() -> None:
    """A new table is watched at once."""
    assert set(OWNERS) == {table.name for table in metadata.sorted_tables}


@pytest.mark.parametrize(
    ("statement", "tables"),
    [
        (select(metrics.c.id), {"metrics"}),
        (select(metrics.c.id).where(metrics.c.id == "x"), {"metrics"}),
        (select(metrics.c.account).where(metrics.c.source == "x"), {"metrics"}),
        (select(accounts.c.zone), {"accounts"}),
        (select(metrics.c.id).where(metrics.c.account == "acme"), set()),
        (select(metrics.c.id).select_from(JOINED).where(metrics.c.account == "a"), {"attempts"}),
        (
            select(metrics.c.id)
            .where(metrics.c.account == "acme")
            .where(metrics.c.id.in_(select(metric_values.c.metric_id))),
            {"metric_values"},
        ),
        (update(connections).values(sealed=""), {"connections"}),
        (update(connections).where(connections.c.account == "acme").values(sealed=""), set()),
        (update(connections).values(account="acme"), {"connections"}),
        (delete(attempts).where(attempts.c.metric_id == "x"), {"attempts"}),
        (insert(attempts).values(metric_id="x"), {"attempts"}),
        (insert(attempts).values(metric_id="x", account="acme"), set()),
    ],
    ids=str,
)
def test_a_statement_without_its_account_is_found(statement: Executable, tables: set[str]) -> None:
    """Whatever kind it is, and wherever in it the table occurs."""
    assert missing(str(statement)) == tables


def test_a_statement_without_its_account_fails_the_test(host: MetricsHost) -> None:
    """The check is active: such a statement never reaches the database."""
    store: Store = host._runtime.store  # noqa: SLF001  # There is no public access.
    with store.reading() as db, pytest.raises(AssertionError, match=r"no account for .*metrics"):
        db.execute(select(metrics.c.id))


def test_few_statements_read_all_accounts(host: MetricsHost) -> None:
    """Each of them states its reason."""
    REASONS.clear()  # Of tests that ran before in this process.
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    host.accounts.list()
    host.events.deliver("projection", print)
    assert set(REASONS.values()) == {
        "all accounts share the encryption keys",
        "events are delivered to the host app, of all accounts",
        "the operator lists all accounts",
    }


def test_another_account_finds_nothing(world: World, connected: MetricsHost) -> None:
    """The id of another account's row is treated like one that does not exist."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    view = connected.connections.show(ADMIN, "shop")
    for call in (
        lambda: connected.cards.load(FOREIGN, [metric.id]),
        lambda: connected.cards.explain(FOREIGN, metric.id),
        lambda: connected.metrics.show(FOREIGN, metric.id),
        lambda: connected.metrics.history(FOREIGN, metric.id),
        lambda: connected.metrics.edit(FOREIGN, metric.id, name="Mine"),
        lambda: connected.metrics.delete(FOREIGN, metric.id),
        lambda: connected.connections.show(FOREIGN, view.id),
        lambda: connected.connections.check(FOREIGN, view.id),
        lambda: connected.connections.edit(FOREIGN, view.id, {"nickname": "Mine"}),
        lambda: connected.connections.rename(FOREIGN, view.id, "Mine"),
        lambda: connected.connections.rename(FOREIGN, view.name, "Mine"),
        lambda: connected.connections.delete(FOREIGN, view.id),
        lambda: connected.debug_bundles.export(FOREIGN, view.id, "S1", world.home / "1.zip"),
    ):
        with pytest.raises(NotFound):
            call()
    assert connected.cards.load(FOREIGN) == ()
    assert connected.connections.list(FOREIGN) == ()
    assert connected.connections.show(ADMIN, view.id) == view
