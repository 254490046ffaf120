"""Failures of the database: typed errors that say whether to retry, without hosts and passwords."""

from __future__ import annotations

import pickle
import sqlite3
import traceback
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

import psycopg
import pytest
from sqlalchemy import event, text
from sqlalchemy.exc import OperationalError

from smaply_metrics_core.errors import StoreError, StoreMisconfigured, StoreUnavailable
from smaply_metrics_core.host.store import Store, engine
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.host.store.error_mapping import store_error
from smaply_metrics_core.models.problem import Audience, Blame
from tests.postgresql_server import running_postgres
from tests.required_programs import require_postgres

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.postgresql_server import PrivatePostgres

URL = parse_database_url("postgresql://metrics_user:hunter2hunter2@db.internal:6543/metrics_db")

UNAVAILABLE = (StoreUnavailable, True, Blame.STORE)
BROKEN = (StoreError, False, Blame.STORE)
MISCONFIGURED = (StoreMisconfigured, False, Blame.CONFIGURATION)

AT = 'connection to server at "db.internal" (10.0.0.7), port 6543 failed: '

REFUSED_CONNECTIONS = {
    "Connection refused\n\tIs the server running on that host?": UNAVAILABLE,
    "No route to host": UNAVAILABLE,
    "timeout expired": UNAVAILABLE,
    "server closed the connection unexpectedly": UNAVAILABLE,
    'could not translate host name "db.internal" to address: Name or service not known': (
        UNAVAILABLE
    ),
    "FATAL:  the database system is starting up": UNAVAILABLE,
    "FATAL:  the database system is shutting down": UNAVAILABLE,
    "FATAL:  sorry, too many clients already": UNAVAILABLE,
    "FATAL:  remaining connection slots are reserved for roles": UNAVAILABLE,
    'FATAL:  too many connections for role "metrics_user"': UNAVAILABLE,
    'FATAL:  password authentication failed for user "metrics_user"': MISCONFIGURED,
    "fe_sendauth: no password supplied": MISCONFIGURED,
    'FATAL:  role "metrics_user" does not exist': MISCONFIGURED,
    'FATAL:  database "metrics_db" does not exist': MISCONFIGURED,
    'FATAL:  no pg_hba.conf entry for host "10.0.0.7", user "metrics_user"': MISCONFIGURED,
}

STATES = {
    "08006": UNAVAILABLE,
    "57P01": UNAVAILABLE,
    "57P02": UNAVAILABLE,
    "57P03": UNAVAILABLE,
    "57014": UNAVAILABLE,
    "53300": UNAVAILABLE,
    "53200": UNAVAILABLE,
    "40001": UNAVAILABLE,
    "40P01": UNAVAILABLE,
    "55P03": UNAVAILABLE,
    "25P03": UNAVAILABLE,
    "53100": BROKEN,
    "25006": BROKEN,
    "58030": BROKEN,
    "XX001": BROKEN,
    "42P01": BROKEN,
    "23505": BROKEN,
    "28P01": MISCONFIGURED,
    "3D000": MISCONFIGURED,
    "42501": MISCONFIGURED,
}


def check(error: StoreError, expected: tuple[type[StoreError], bool, Blame]) -> None:
    """Check the class and the problem, and that nothing internal is shown to people."""
    problem = error.to_problem()
    assert (type(error), problem.retryable, problem.blame) == expected
    assert problem.message
    assert problem.remedy
    shown = [problem.message, problem.remedy]
    for reader in Audience:
        read = problem.for_reader(reader, source="The Shop")
        shown += [read.message, read.remedy]
    for part in ("hunter2", "db.internal", "10.0.0.7", "6543", "metrics_user", "metrics_db"):
        assert part not in " ".join(shown)
    assert "SMAPLY" not in problem.for_reader(Audience.VIEWER, source="The Shop").remedy
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301  # Our own bytes.
    assert copy.to_problem() == problem


@pytest.mark.parametrize("reason", REFUSED_CONNECTIONS)
def test_a_refused_connection_is_typed(reason: str) -> None:
    """An outage can be retried; a wrong password or database cannot."""
    original = psycopg.OperationalError(f"connection failed: {AT}{reason}")
    error = store_error(OperationalError("SELECT 1", {}, original), URL)
    check(error, REFUSED_CONNECTIONS[reason])
    assert "db.internal" in "".join(traceback.format_exception(error)), "the log has the details"


@pytest.mark.parametrize("state", STATES)
def test_a_failed_statement_is_typed(state: str) -> None:
    """The SQLSTATE decides, whatever the language of the server's messages."""
    original = psycopg.errors.lookup(state)("Fehler\nDETAIL: (ada@example.com)")
    error = store_error(OperationalError("SELECT 1", {}, original), URL)
    check(error, STATES[state])
    assert "ada@example.com" not in "".join(traceback.format_exception(error))


def test_a_password_in_an_error_of_the_driver_is_redacted() -> None:
    """Not even the log shows it."""
    original = psycopg.OperationalError('invalid connection option "hunter2hunter2"')
    error = store_error(OperationalError("SELECT 1", {}, original), URL)
    assert "hunter2" not in "".join(traceback.format_exception(error))


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, UNAVAILABLE),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, UNAVAILABLE),
        (sqlite3.SQLITE_LOCKED, UNAVAILABLE),
        (sqlite3.SQLITE_FULL, BROKEN),
        (sqlite3.SQLITE_READONLY_DIRECTORY, BROKEN),
        (sqlite3.SQLITE_IOERR_WRITE, BROKEN),
        (sqlite3.SQLITE_CORRUPT, BROKEN),
        (sqlite3.SQLITE_NOTADB, BROKEN),
        (sqlite3.SQLITE_CANTOPEN, MISCONFIGURED),
        (sqlite3.SQLITE_ERROR, BROKEN),
    ],
)
def test_a_failure_of_sqlite_is_typed(
    tmp_path: Path, code: int, expected: tuple[type[StoreError], bool, Blame]
) -> None:
    """The result code decides, in its extended form too."""
    original = sqlite3.OperationalError("a reason")
    original.sqlite_errorcode = code
    check(store_error(OperationalError("SELECT 1", {}, original), tmp_path), expected)


@contextmanager
def opened(where: str) -> Iterator[Store]:
    """Open a store for a block."""
    store = Store(parse_database_url(where), connections=2)
    try:
        yield store
    finally:
        store.close()


def failure(store: Store, statement: str) -> StoreError:
    """Run a statement that must fail and return the error."""
    with pytest.raises(StoreError) as caught, store.writing() as db:
        db.execute(text(statement))
    return caught.value


def test_postgresql_really_fails_like_this(postgres: PrivatePostgres) -> None:
    """Wrong names, timeouts, locks, a read-only server, a lost connection and a full pool."""
    url = postgres.url(postgres.make_database())
    with pytest.raises(StoreError) as caught:
        Store(parse_database_url(url.replace("test_", "missing_")))
    check(caught.value, MISCONFIGURED)
    with pytest.raises(StoreError) as caught:
        Store(parse_database_url(url.replace(f"//{postgres.user}@", "//nobody_here@")))
    check(caught.value, MISCONFIGURED)
    with opened(url) as store:
        slow = "SET LOCAL statement_timeout = 10; SELECT pg_sleep(60)"
        check(failure(store, slow), UNAVAILABLE)
        with store.writing() as db:
            db.execute(text("LOCK TABLE accounts"))
            locked = failure(store, "SET LOCAL lock_timeout = 10; LOCK TABLE accounts")
        check(locked, UNAVAILABLE)
        read_only = "SET TRANSACTION READ ONLY; DELETE FROM audit"
        check(failure(store, read_only), BROKEN)
        check(failure(store, "SELECT * FROM no_such_table"), BROKEN)
        check(failure(store, "SELECT pg_terminate_backend(pg_backend_pid())"), UNAVAILABLE)
        with store.reading() as db:
            assert read_account(db, "acme").zone == "UTC"


def test_a_stopped_server_is_unavailable() -> None:
    """Before it is stopped the store works; then reading, writing and opening can be retried."""
    with running_postgres(require_postgres()) as server:
        url = server.url(server.make_database())
        store = Store(parse_database_url(url), connections=2)
    for work in (store.reading, store.writing):
        with pytest.raises(StoreError) as caught, work() as db:
            read_account(db, "acme")
        check(caught.value, UNAVAILABLE)
    store.close()
    with pytest.raises(StoreError) as caught:
        Store(parse_database_url(url))
    check(caught.value, UNAVAILABLE)


def test_a_full_pool_is_unavailable(
    postgres: PrivatePostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The remedy names the setting."""
    with opened(postgres.url(postgres.make_database())) as store:
        monkeypatch.setattr(store.engine.pool, "_timeout", 0.01)
        with store.reading(), store.reading():
            error = failure(store, "SELECT 1")
    check(error, UNAVAILABLE)
    assert "SMAPLY_METRICS_DATABASE_CONNECTIONS" in error.remedy


def test_a_locked_file_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another process that holds the lock for longer than the busy timeout."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0)
    store = Store(tmp_path / "store.db")
    with closing(sqlite3.connect(tmp_path / "store.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        check(failure(store, "DELETE FROM audit"), UNAVAILABLE)
    store.close()


def test_a_full_disk_and_a_damaged_file_are_typed(tmp_path: Path) -> None:
    """They need the operator, so retrying is not proposed."""
    store = Store(tmp_path / "store.db")
    store.engine.dispose()
    event.listen(
        store.engine, "connect", lambda made, _: made.execute("PRAGMA max_page_count=1").close()
    )
    error = failure(store, "CREATE TABLE large AS SELECT zeroblob(1000000) AS content")
    check(error, BROKEN)
    assert "full" in error.message
    store.close()
    (tmp_path / "store.db").write_bytes(b"no database at all, but a letter to my aunt" * 99)
    with pytest.raises(StoreError) as caught:
        Store(tmp_path / "store.db")
    check(caught.value, BROKEN)
