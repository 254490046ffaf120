"""MariaDB: the source only reads, causes have different errors, and TLS is verified."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymysql
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from plugins.sql.tests.conftest import (
    ON_MARIADB,
    READER,
    READER_PASSWORD,
    MariadbReaderDatabase,
    require_mariadb,
)
from plugins.sql.tests.databases import (
    NOW,
    a_context,
    a_deadline,
    a_query,
    answers,
    mariadb_at,
    survey,
)
from plugins.sql.tests.mariadb_server import PrivateMariadb, running_mariadb
from smaply_metrics_core import (
    AccessMissing,
    Address,
    Cancelled,
    CheckStep,
    CredentialRefused,
    Deadline,
    DeadlineExceeded,
    ExportFailed,
    MetricsError,
    QuestionUnavailable,
    SourceUnavailable,
    SurveyUnavailable,
    Unreachable,
)
from smaply_metrics_core.testing import ManualClock
from smaply_metrics_sql.check import check
from smaply_metrics_sql.counting.relation import Catalog
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.databases.mariadb import MariadbDatabase, ping
from smaply_metrics_sql.fetch import fetch
from tests.http.certificates import Authority

HEAD = "surveys:\n- id: s\n  table: t\n  recorded_at: {column: seen}\n"
TABLE = (
    "CREATE TABLE t (seen datetime, nps integer)",
    "INSERT INTO t VALUES ('2026-01-01', 9)",
)
SURVEY = survey(HEAD + "  questions: [{column: nps, type: nps}]\n")
NPS = [a_query("nps", "nps")]
HOST = "db.example.com"

Servers = Callable[..., MariadbReaderDatabase]


pytestmark = ON_MARIADB


def opened(made: MariadbReaderDatabase, deadline: Deadline | None = None) -> MariadbDatabase:
    """Connect as the user that only reads."""
    return mariadb_at(made.port, made.name, READER, READER_PASSWORD, deadline)


@pytest.fixture
def resolved(monkeypatch: pytest.MonkeyPatch) -> None:
    """Resolve all host names to this machine."""
    original = socket.getaddrinfo

    def resolve(host: str, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401  # Of any form.
        return original("127.0.0.1", *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


def test_only_reads(mariadb_database: Servers, tmp_path: Path) -> None:
    """A user that may write is a warning of the check, and does not write anyway."""
    made = mariadb_database(*TABLE)

    def steps() -> list[str]:
        credentials = SqlCredentials.model_validate(
            {
                "database": f"mariadb://127.0.0.1:{made.port}/{made.name}",
                "user": READER,
                "password": READER_PASSWORD,
            }
        )
        found = check(credentials, a_context(tmp_path))
        return [step.name for step in found if isinstance(step, CheckStep)]

    assert steps()[-2:] == ["read_only", "export"]
    made.run(f"GRANT INSERT, DROP, CREATE ON {made.name}.* TO {READER}", "FLUSH PRIVILEGES")
    try:
        with pytest.raises(AccessMissing, match="may change data"):
            steps()
        database = opened(made)
        for statement in (
            "INSERT INTO t VALUES (NULL, 1)",
            "CREATE TABLE u (a integer)",
            "DROP TABLE t",
            "TRUNCATE t",
        ):
            with pytest.raises(MetricsError) as caught:
                database.rows(text(statement))
            assert "INSERT" not in str(caught.value)
        assert database.rows(text("SELECT count(*) FROM t")) == [(1,)]
        database.close()
    finally:
        made.run(f"REVOKE INSERT, DROP, CREATE ON {made.name}.* FROM {READER}")


def test_a_role_that_is_not_active_can_write(mariadb_database: Servers) -> None:
    """The user could activate it; the check leaves the role as it was."""
    made = mariadb_database(*TABLE, "CREATE ROLE `wri``ter`")
    try:
        made.run(f"GRANT DELETE ON {made.name}.* TO `wri``ter`", f"GRANT `wri``ter` TO {READER}")
        database = opened(made)
        assert database.can_write()
        assert database.rows(text("SELECT current_role()")) == [(None,)]
        database.close()
    finally:
        made.run("DROP ROLE `wri``ter`")
    database = opened(made)
    assert not database.can_write()
    database.close()


def test_the_server_stops_at_the_deadline_and_on_cancel(mariadb_database: Servers) -> None:
    """Its statement timeout is the rest of the deadline; a cancellation reaches it."""
    made = mariadb_database(*TABLE)
    sleep = text("SELECT count(*), sleep(60) FROM t")
    database = opened(made, Deadline.after(0.05, ManualClock(NOW)))
    with pytest.raises(DeadlineExceeded, match="the statement was stopped"):
        database.rows(sleep)
    database.close()

    cancelled = threading.Event()
    database = opened(made, Deadline.after(60, ManualClock(NOW), cancelled))
    failed: list[Exception] = []

    def run() -> None:
        try:
            database.rows(sleep)
        except MetricsError as error:
            failed.append(error)

    def sleeping() -> bool:
        with made.owner.cursor() as cursor:
            cursor.execute(
                "SELECT count(*) FROM information_schema.processlist WHERE state = 'User sleep'"
            )
            return bool(cursor.fetchone() == (1,))

    thread = threading.Thread(target=run)
    thread.start()
    while not sleeping():
        pass
    cancelled.set()
    thread.join(30)
    assert [type(one) for one in failed] == [Cancelled]
    assert not sleeping()
    database.close()


def test_who_may_connect(mariadb_database: Servers) -> None:
    """Wrong passwords, unknown databases and closed ports have different errors."""
    made = mariadb_database(*TABLE)
    with pytest.raises(CredentialRefused) as refused:
        mariadb_at(made.port, made.name, READER, "wrong-and-made-up")
    with pytest.raises(CredentialRefused):
        mariadb_at(made.port, made.name, "unknown", READER_PASSWORD)
    with pytest.raises(AccessMissing, match="no database of this name, or the user may not"):
        mariadb_at(made.port, "unknown", READER, READER_PASSWORD)
    ping(Address.parse(f"mariadb://127.0.0.1:{made.port}/{made.name}"), None, 60)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        port = closed.getsockname()[1]
        with pytest.raises(Unreachable, match="cannot be reached"):
            mariadb_at(port, made.name, READER, READER_PASSWORD)
        with pytest.raises(Unreachable, match="cannot be reached"):
            ping(Address.parse(f"mariadb://127.0.0.1:{port}/a"), None, 60)
    assert "wrong" not in repr(refused.value)
    assert refused.value.__cause__ is None
    assert refused.value.__context__ is None


def test_permissions(mariadb: PrivateMariadb, mariadb_database: Servers) -> None:
    """No permission on a table or a column, before and after the catalogue was read."""
    made = mariadb_database(*TABLE, "CREATE TABLE other (a integer)")
    user, password = f"some_{made.name}", "some-secret-made-up"
    made.run(f"CREATE USER {user} IDENTIFIED BY '{password}'", f"GRANT SELECT ON t TO {user}")
    database = mariadb_at(made.port, made.name, user, password)
    catalog = Catalog.of(database.tables())
    assert [*catalog.tables] == ["t"]

    made.run(f"REVOKE SELECT ON t FROM {user}", f"GRANT SELECT (seen) ON t TO {user}")
    with pytest.raises(AccessMissing, match="may not read a table or column"):
        [*fetch(database, catalog, SURVEY, NPS, a_context(), NOW)]
    (error,) = answers(database, SURVEY, NPS).values()
    assert isinstance(error, QuestionUnavailable)
    made.run(f"REVOKE SELECT (seen) ON t FROM {user}")
    with pytest.raises(SurveyUnavailable, match="or this user may not read it"):
        answers(database, SURVEY, NPS)
    database.close()

    database = opened(made)
    made.run("ALTER TABLE t DROP COLUMN nps")
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        [*fetch(database, catalog, SURVEY, NPS, a_context(), NOW)]
    made.run("DROP TABLE t")
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        [*fetch(database, catalog, SURVEY, NPS, a_context(), NOW)]
    database.close()


def test_views_that_fail(mariadb_database: Servers) -> None:
    """A value out of the range of its type, and a view of a table that is gone."""
    made = mariadb_database(
        *TABLE, "CREATE VIEW v AS SELECT seen, pow(10, nps * 100) AS nps FROM t"
    )
    database = opened(made)
    catalog = Catalog.of(database.tables())
    mapping = SURVEY.model_copy(update={"table": "v"})
    with pytest.raises(ExportFailed, match="do not have the type"):
        answers(database, mapping, NPS)
    made.run("DROP TABLE t")
    with pytest.raises(SurveyUnavailable, match="of the mapping does not exist"):
        [*fetch(database, catalog, mapping, NPS, a_context(), NOW)]
    database.close()


def test_a_closed_connection(mariadb_database: Servers) -> None:
    """The server ended it: unreachable, and closing it again is no error."""
    made = mariadb_database(*TABLE)
    database = opened(made)
    made.run(f"KILL {database._thread}")
    with pytest.raises(Unreachable, match="cannot be reached"):
        database.tables()
    database.close()


def test_mysql_is_refused(mariadb_database: Servers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its collations and settings have other names."""
    made = mariadb_database(*TABLE)
    monkeypatch.setattr(pymysql.Connection, "get_server_info", lambda _: "8.4.0")
    with pytest.raises(SourceUnavailable, match="MySQL, which is not supported"):
        opened(made)


def test_a_server_without_tls(mariadb_database: Servers, resolved: None, tmp_path: Path) -> None:
    """Outside the machine, nothing is sent without it."""
    made = mariadb_database(*TABLE)
    address = Address.parse(f"mariadb://{HOST}:{made.port}/{made.name}")
    with pytest.raises(Unreachable, match="does not offer TLS"):
        MariadbDatabase(
            address,
            READER,
            SecretStr(READER_PASSWORD),
            Authority(tmp_path).file,
            a_deadline(),
        )


def test_certificates(resolved: None, tmp_path: Path) -> None:
    """The right authority is accepted; another one, and another host name, are errors."""
    programs = require_mariadb()
    (tmp_path / "other").mkdir()
    authority, other = Authority(tmp_path), Authority(tmp_path / "other")
    certificate, key = authority.issue(HOST)
    with running_mariadb(programs, {"ssl_cert": certificate, "ssl_key": key}) as server:
        name = server.make_database()

        def connect(host: str, ca_file: Path | None) -> MariadbDatabase:
            address = Address.parse(f"mariadb://{host}:{server.port}/{name}")
            ping(address, ca_file, 60)
            password = SecretStr(READER_PASSWORD)
            return MariadbDatabase(address, READER, password, ca_file, a_deadline())

        database = connect(HOST, authority.file)
        ((_, cipher),) = database.rows(text("SHOW STATUS LIKE 'Ssl_cipher'"))
        database.close()
        assert cipher
        for untrusted in (other.file, None):
            with pytest.raises(Unreachable, match="is not trusted"):
                connect(HOST, untrusted)
        for host in ("elsewhere.example.com", "127.0.0.2"):
            with pytest.raises(Unreachable, match="is for another host name"):
                connect(host, authority.file)
