"""TLS to PostgreSQL: the certificate is verified, with its authority and its host name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import psycopg
import pytest
from psycopg import sql
from pydantic import SecretStr
from sqlalchemy import text

from plugins.sql.tests.conftest import READER, READER_PASSWORD
from plugins.sql.tests.databases import a_deadline
from smaply_metrics_core import Address, Unreachable
from smaply_metrics_sql.databases.postgresql import PostgresqlDatabase
from tests.http.certificates import Authority
from tests.postgresql_server import PrivatePostgres

HOST: Final = "db.example.com"

pytestmark = pytest.mark.xdist_group("sql_postgresql")


@pytest.fixture
def authority(
    postgres: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Authority]:
    """The authority of the server's certificate for ``db.example.com``, at any host name."""
    found = Authority(tmp_path)
    files = [postgres.folder / "tls.pem", postgres.folder / "tls.key"]
    for file, pem in zip(files, found.issue(HOST), strict=True):
        file.touch(mode=0o600)
        file.write_text(pem, encoding="ascii")
        shutil.chown(file, postgres.user, postgres.user)
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as owner:
        for name, value in (("ssl_cert_file", files[0]), ("ssl_key_file", files[1]), ("ssl", "on")):
            change = sql.SQL("ALTER SYSTEM SET {} = {}")
            owner.execute(change.format(sql.Identifier(name), sql.Literal(str(value))))
        owner.execute("SELECT pg_reload_conf()")
    _wait_for_tls(postgres, expected=True)
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    yield found
    monkeypatch.delenv("PGHOSTADDR")
    _turn_off(postgres)


def _turn_off(postgres: PrivatePostgres) -> None:
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as owner:
        owner.execute("ALTER SYSTEM RESET ssl")
        owner.execute("SELECT pg_reload_conf()")
    _wait_for_tls(postgres, expected=False)


def _wait_for_tls(postgres: PrivatePostgres, *, expected: bool) -> None:
    """Wait until new connections see the setting, which the server reads when it can."""
    found = None
    while found != ("on" if expected else "off",):
        with psycopg.connect(postgres.url("postgres")) as connection:
            found = connection.execute("SHOW ssl").fetchone()


def connect(postgres: PrivatePostgres, host: str, ca_file: Path | None) -> PostgresqlDatabase:
    """Connect with a host name."""
    return PostgresqlDatabase(
        Address.parse(f"postgresql://{host}:{postgres.port}/postgres"),
        READER,
        SecretStr(READER_PASSWORD),
        ca_file,
        a_deadline(),
    )


def test_the_certificate_is_verified(
    authority: Authority, postgres: PrivatePostgres, tmp_path: Path
) -> None:
    """The right authority is accepted; another one, and another host name, are errors."""
    database = connect(postgres, HOST, authority.file)
    used = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
    assert database.rows(text(used)) == [(True,)]
    database.close()

    other = tmp_path / "other"
    other.mkdir()
    for untrusted in (Authority(other).file, None):
        with pytest.raises(Unreachable, match="is not trusted") as caught:
            connect(postgres, HOST, untrusted)
        assert "SMAPLY_METRICS_SOURCES_CA_FILES" in caught.value.remedy
    with pytest.raises(Unreachable, match="is for another host name"):
        connect(postgres, "elsewhere.example.com", authority.file)


def test_a_server_without_tls(
    postgres: PrivatePostgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Outside the machine, nothing is sent without it."""
    monkeypatch.setenv("PGHOSTADDR", "127.0.0.1")
    with pytest.raises(Unreachable, match="does not offer TLS"):
        connect(postgres, HOST, Authority(tmp_path).file)
