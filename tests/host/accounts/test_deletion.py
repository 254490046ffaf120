"""Deleting an account or a user removes their texts from every table and every file."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from sqlalchemy import inspect, text

from smaply_metrics_core.errors import (
    NotFound,
    RoleRequired,
    SourceUnavailable,
    StoreError,
    StoreUnavailable,
)
from smaply_metrics_core.host import AccountLimits, Actor, AuditAction, Role
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.account_rows import TABLES, delete_rows
from smaply_metrics_core.host.store.queued_jobs import SCHEMA
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    RESPONSES,
    TOKEN,
    on_both_stores,
    postgresql_only,
    sqlite_only,
)

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import Connection

    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same rows on either store")

ACCOUNT = "zephyr-ltd"
OWNER = Actor(ACCOUNT, "quentin@example.com", Role.ADMIN)
COLLEAGUE = Actor(ACCOUNT, "ursula", Role.EDITOR)


@pytest.fixture(autouse=True)
def without_queue(world: World) -> Iterator[None]:
    """Remove the queue afterwards: other tests use the database again."""
    yield
    for host in world.opened:
        host.close()
    if world.database is not None:
        world.query(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")


@pytest.fixture
def host(world: World) -> MetricsHost:
    """A host that counts exports."""
    world.options = {"account_max_exports_per_hour": 1_000}
    return world.open()


@pytest.fixture
def owned(world: World, host: MetricsHost) -> MetricsHost:
    """A host whose account has a connection, two metrics and a file."""
    connection = host.connections.connect(OWNER, "shop", {"api_token": TOKEN}).id
    host.metrics.add(OWNER, connection, "Stars of Zephyr", AVERAGE)
    host.metrics.add(COLLEAGUE, connection, "Visits", RESPONSES)
    files = world.home / "files" / ACCOUNT / "surveys"
    files.mkdir(parents=True)
    (files / "visits.csv").write_text("nps\n10\n", encoding="utf-8")
    return host


@pytest.fixture
def used(world: World, owned: MetricsHost) -> MetricsHost:
    """A host whose account has a row in every table, files, and in PostgreSQL a queued refresh."""
    owned.events.deliver("dashboard", print)
    owned.accounts.set_limits(ACCOUNT, AccountLimits(metrics=1_000))
    (connection,) = (view.id for view in owned.connections.list(OWNER))
    owned.chosen_surveys.edit(OWNER, connection, ("S1", "S2"))
    owned.metrics.preview(COLLEAGUE, connection, AVERAGE)
    owned.cards.load(OWNER, wait=60)
    world.clock.forward(3601)
    world.shop.failure = SourceUnavailable("The shop of Zephyr is closed.")
    owned.cards.load(OWNER, wait=60)
    world.shop.failure = None
    if world.database is not None:
        world.clock.forward(3601)
        world.options["refresh_executor"] = "procrastinate"
        world.open().cards.load(OWNER)
        world.options["refresh_executor"] = "threads"
    owned.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    owned.metrics.add(EDITOR, "shop", "Elsewhere", OTHER)
    owned.cards.load(ADMIN, wait=60)
    return owned


def places(world: World, *texts: str) -> set[str]:
    """Return every table, file and path that has one of these texts."""
    found = set()
    store = Store(world.where)
    with store.reading() as db:
        schemas = [None] if world.database is None else ["public", SCHEMA]
        for schema in schemas:
            for table in inspect(db).get_table_names(schema):
                name = table if schema is None else f"{schema}.{table}"
                rows = db.execute(text(f"SELECT * FROM {name}"))  # noqa: S608  # A name of a table.
                if any(one in repr(tuple(row)) for row in rows for one in texts):
                    found.add(table)
    store.close()
    for path in world.home.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        if any(one in str(path) or one.encode() in content for one in texts):
            found.add(str(path.relative_to(world.home)))
    return found


@on_both_stores
def test_an_account_is_deleted_from_every_table_and_file(world: World, used: MetricsHost) -> None:
    """Nothing has its texts afterwards; another account keeps everything."""
    ours = {view.id for view in used.connections.list(OWNER)}
    metrics = {metric.id for metric in used.metrics.list(OWNER)}
    texts = (ACCOUNT, OWNER.user, COLLEAGUE.user, "Zephyr", *ours, *metrics)
    before = places(world, *texts)
    assert before >= {table.name for table in TABLES}, "the account has a row in every table"
    assert f"files/{ACCOUNT}/surveys/visits.csv" in before
    assert any(one.startswith("store.db") for one in before) is (world.database is None)
    assert ("procrastinate_jobs" in before) is (world.database is not None)
    rival = used.connections.list(ADMIN), used.metrics.list(ADMIN), used.cards.load(ADMIN)

    deleted = used.accounts.delete(OWNER)

    assert places(world, *texts) == set()
    assert set(deleted.rows) == {table.name for table in TABLES}
    assert (deleted.rows["connections"], deleted.rows["metrics"]) == (1, 2)
    assert deleted.queued_refreshes == (0 if world.database is None else 1)
    assert deleted.files == world.home / "files" / ACCOUNT
    assert not used.accounts.exists(ACCOUNT)
    assert (used.connections.list(ADMIN), used.metrics.list(ADMIN), used.cards.load(ADMIN)) == rival
    with pytest.raises(NotFound, match="Nothing is stored"):
        used.accounts.delete(OWNER)


@on_both_stores
def test_a_user_is_erased_from_every_table_and_file(world: World, used: MetricsHost) -> None:
    """What they did stays, without their name; the entry about it does not name them either."""
    assert places(world, OWNER.user) >= {"audit", "connections", "metrics"}
    entries = used.audit.list(OWNER)

    changed = used.accounts.erase_user(OWNER, OWNER.user)

    assert places(world, OWNER.user) == set()
    (erased, *others) = used.audit.list(OWNER)
    assert (erased.action, erased.user) == (AuditAction.ERASE_USER, "deleted user")
    assert [one.id for one in others] == [one.id for one in entries]
    assert {one.user for one in others} == {"deleted user", COLLEAGUE.user}
    assert changed == 5
    assert used.connections.list(OWNER)[0].created_by == "deleted user"
    with pytest.raises(NotFound, match="names this user"):
        used.accounts.erase_user(OWNER, OWNER.user)


def test_a_user_of_another_account_keeps_the_name(owned: MetricsHost) -> None:
    """Accounts may have users of the same name."""
    namesake = Actor("rival", OWNER.user, Role.ADMIN)
    owned.connections.connect(namesake, "shop", {"api_token": TOKEN})
    owned.accounts.erase_user(OWNER, OWNER.user)
    assert {one.user for one in owned.audit.list(namesake)} == {OWNER.user}


@sqlite_only
def test_only_admins_delete_erase_and_export(owned: MetricsHost, tmp_path: Path) -> None:
    """An Editor is refused, and nothing changes."""
    for call in (
        lambda: owned.accounts.delete(COLLEAGUE),
        lambda: owned.accounts.erase_user(COLLEAGUE, OWNER.user),
        lambda: owned.accounts.export(COLLEAGUE, tmp_path / "export.zip"),
    ):
        with pytest.raises(RoleRequired):
            call()
    assert len(owned.metrics.list(OWNER)) == 2
    assert not (tmp_path / "export.zip").exists()


@on_both_stores
def test_a_refresh_that_runs_during_the_deletion_stores_nothing(
    world: World, host: MetricsHost
) -> None:
    """Its result is discarded, and the account does not come back."""
    connection = host.connections.connect(OWNER, "shop", {"api_token": TOKEN}).id
    host.metrics.add(OWNER, connection, "Stars", AVERAGE)
    world.shop.on_fetch = lambda _: host.accounts.delete(OWNER)
    assert host.cards.load(OWNER, wait=60) == ()
    host.close()
    assert places(world, ACCOUNT, connection) == set()


def test_the_deletion_is_complete_or_not_at_all(
    owned: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a table cannot be changed, no row of the account is deleted."""
    before = owned.metrics.list(OWNER), owned.audit.list(OWNER)

    def fail(*_: object) -> None:
        raise StoreError("The disk is full.", remedy="Free space.")

    monkeypatch.setattr("smaply_metrics_core.host.accounts.deletion.delete_rows", fail)
    with pytest.raises(StoreError):
        owned.accounts.delete(OWNER)
    monkeypatch.undo()
    assert (owned.metrics.list(OWNER), owned.audit.list(OWNER)) == before


@sqlite_only
def test_files_that_remained_are_deleted_by_the_next_call(
    world: World, owned: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rows are already deleted, and the error says so."""

    def fail(_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("smaply_metrics_core.host.accounts.deletion.shutil.rmtree", fail)
    with pytest.raises(StoreError, match="cannot be deleted: Permission denied"):
        owned.accounts.delete(OWNER)
    monkeypatch.undo()
    assert owned.accounts.delete(OWNER).rows == {}
    assert not (world.home / "files" / ACCOUNT).exists()


@sqlite_only
def test_caches_of_the_process_are_cleared(world: World, owned: MetricsHost) -> None:
    """The surveys, questions and previews of the account are not kept in memory."""
    connection = owned.connections.list(OWNER)[0].id
    owned.catalog.surveys(OWNER, connection)
    owned.metrics.preview(OWNER, connection, AVERAGE)
    owned.catalog.count_answers(OWNER, connection, AVERAGE.survey_id)
    sessions, catalog = owned._sessions, owned.catalog  # noqa: SLF001  # Their caches.
    caches = (catalog._surveys, catalog._questionnaires._cache, owned.metrics._previews._downloads)  # noqa: SLF001
    counts = catalog._answers._attempts  # noqa: SLF001
    assert all(cache._entries for cache in caches)  # noqa: SLF001
    assert counts
    owned.accounts.delete(OWNER)
    assert not any(cache._entries for cache in caches)  # noqa: SLF001
    assert not counts
    assert connection not in {*sessions._rate_limiters, *sessions._tokens}  # noqa: SLF001


@sqlite_only
def test_a_linked_folder_keeps_its_files(world: World, host: MetricsHost, tmp_path: Path) -> None:
    """The operator's files outside the home are not deleted, only the link."""
    host.accounts.register(ACCOUNT)
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "visits.csv").write_text("nps", encoding="utf-8")
    link = world.home / "files" / ACCOUNT
    link.parent.mkdir()
    link.symlink_to(tmp_path / "theirs")
    host.accounts.delete(OWNER)
    assert not link.is_symlink()
    assert (tmp_path / "theirs" / "visits.csv").exists()


@postgresql_only
def test_a_deletion_is_repeated_after_a_deadlock(
    owned: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As with a refresh that is being saved at the same time."""
    failures = [StoreUnavailable("The store is busy.")]

    def deadlocked(db: Connection, account: str) -> None:
        if failures:
            raise failures.pop()
        delete_rows(db, account)

    monkeypatch.setattr("smaply_metrics_core.host.accounts.deletion.delete_rows", deadlocked)
    assert owned.accounts.delete(OWNER).rows["metrics"] == 2


def test_registered_accounts_are_listed(host: MetricsHost) -> None:
    """A host app stores its accounts, so that the operator sees them; settings do not change."""
    host.accounts.register("acme", ACCOUNT)
    host.accounts.register(ACCOUNT)
    assert list(host.accounts.list()) == ["acme", ACCOUNT]
