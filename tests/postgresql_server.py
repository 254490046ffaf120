"""A private PostgreSQL server: created for a run, with a socket in its folder, then deleted.

It never touches a cluster of the system. Tests and benchmarks use it.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Final

import psycopg
from psycopg import sql

if TYPE_CHECKING:
    from collections.abc import Iterator

WHY_NOT: Final = "There is no PostgreSQL server: `make postgresql` installs it."

_SECONDS: Final = 180
_SETTINGS: Final = {
    "listen_addresses": "",  # Only the socket accepts connections.
    "max_connections": "200",
    "shared_buffers": "64MB",
}
_THROWN_AWAY: Final = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


def find_programs() -> Path | None:
    """Return the folder of ``initdb``: on the path, or of Debian's newest package."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).parent
    versions = Path("/usr/lib/postgresql").glob("*/bin/initdb")
    newest = max(versions, key=lambda path: int(path.parts[-3]), default=None)
    return None if newest is None else newest.parent


@dataclass
class PrivatePostgres:
    """A running server; its databases are deleted with it."""

    folder: Path
    user: str
    port: int | None = None
    _names: Iterator[int] = field(default_factory=count)

    def url(self, database: str) -> str:
        """Return the URL of a database."""
        return f"postgresql://{self.user}@/{database}?host={self.folder}&port={self.port or 5432}"

    def make_database(self, template: str = "template1") -> str:
        """Create a database, empty or a copy of another one, and return its name."""
        name = f"test_{next(self._names)}"
        create = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(create.format(sql.Identifier(name), sql.Identifier(template)))
        return name

    def drop_database(self, name: str) -> None:
        """Delete a database and end its connections."""
        with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
            connection.execute(
                sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            )


@contextmanager
def running_postgres(
    programs: Path, *, durable: bool = False, port: int | None = None
) -> Iterator[PrivatePostgres]:
    """Run a server while the block runs.

    Args:
        programs: The folder of ``initdb``.
        durable: Whether it has the safety settings of a real server, for benchmarks; tests need no
            safety.
        port: A port of 127.0.0.1 on which the server requires passwords (SCRAM); ``None`` for the
            socket alone, which requires none.
    """
    account = pwd.getpwuid(os.geteuid())
    as_user = ["setpriv", "--pdeathsig=INT"]  # The server ends when this process is killed.
    if account.pw_uid == 0:  # The server refuses to run as root.
        account = _unprivileged()
        as_user += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="pg-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        os.chown(folder, account.pw_uid, account.pw_gid)
        data = folder / "data"
        environment = {"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        initdb = [*as_user, str(programs / "initdb"), "--pgdata", str(data)]
        initdb += ["--username", account.pw_name, "--encoding", "UTF8"]
        initdb += ["--auth-local", "trust", "--auth-host", "scram-sha-256"]
        subprocess.run(
            [*initdb, "--no-sync"],
            check=True,
            capture_output=True,
            cwd=folder,
            env=environment,
        )
        settings = _SETTINGS | {"unix_socket_directories": str(folder)}
        if port is not None:
            settings |= {"listen_addresses": "127.0.0.1", "port": str(port)}
        if not durable:
            settings |= _THROWN_AWAY
        options = [f"--{name}={value}" for name, value in settings.items()]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(  # Ends with this process.
                [*as_user, programs / "postgres", "-D", data, *options],
                stdout=log,
                stderr=log,
                cwd=folder,
                env=environment,
            )
        try:
            postgres = PrivatePostgres(folder, account.pw_name, port)
            _wait_until_ready(postgres, server, folder / "log")
            yield postgres
        finally:
            server.send_signal(signal.SIGQUIT)  # An immediate shutdown: the data is deleted.
            server.wait(_SECONDS)


def _unprivileged() -> pwd.struct_passwd:
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise AssertionError("every system has a user called nobody")


def _wait_until_ready(
    postgres: PrivatePostgres, server: subprocess.Popen[bytes], log: Path
) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            psycopg.connect(postgres.url("postgres")).close()
        except psycopg.OperationalError:
            if server.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.02)
        else:
            return
