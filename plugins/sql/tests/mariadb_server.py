"""A private MariaDB server: created for a run, with a port of 127.0.0.1, then deleted.

It never touches a server of the system.
"""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, Final

import pymysql

from tests.ports import free_port

WHY_NOT: Final = "There is no MariaDB server: `make mariadb` installs it."
OWNER_PASSWORD: Final = "owner-secret-made-up"
READER: Final = "reader"
READER_PASSWORD: Final = "reader-secret-made-up"

_SECONDS: Final = 180
_PROGRAMS: Final = ("mariadb-install-db", "mariadbd")
# Not every container has the system calls of native asynchronous input and output.
_SETTINGS: Final = (
    "--no-defaults",
    "--innodb-use-native-aio=0",
    "--innodb-flush-log-at-trx-commit=0",
    "--innodb-buffer-pool-size=32M",
    "--skip-name-resolve",
)


def find_programs() -> tuple[Path, Path] | None:
    """Return the programs that create and run a server."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin"
    found = [Path(one) for name in _PROGRAMS if (one := shutil.which(name, path=path))]
    return (found[0], found[1]) if len(found) == len(_PROGRAMS) else None


@dataclass
class PrivateMariadb:
    """A running server; its databases are deleted with it."""

    port: int
    _names: Iterator[int] = field(default_factory=count)

    def connect(self, database: str | None = None) -> pymysql.Connection[Any]:
        """Connect as the owner of all databases."""
        return pymysql.connect(
            host="127.0.0.1",
            port=self.port,
            user="owner",
            password=OWNER_PASSWORD,
            database=database,
            autocommit=True,
            charset="utf8mb4",
            # The statements of the tests are those for other databases too.
            sql_mode="ANSI_QUOTES",
            init_command="SET time_zone = '+00:00'",
        )

    def make_database(self) -> str:
        """Create an empty database that the user ``reader`` may read, and return its name."""
        name = f"test_{next(self._names)}"
        with self.connect() as owner, owner.cursor() as cursor:
            # The collation that most servers have: it does not tell “a” and “A” apart.
            cursor.execute(f"CREATE DATABASE {name} COLLATE utf8mb4_general_ci")
            cursor.execute(f"GRANT SELECT ON {name}.* TO {READER}")
        return name


@contextmanager
def running_mariadb(
    programs: tuple[Path, Path], tls: Mapping[str, str] | None = None
) -> Iterator[PrivateMariadb]:
    """Run a server while the block runs.

    Args:
        programs: As ``find_programs`` returns them.
        tls: The PEM texts of ``ssl_cert`` and ``ssl_key``; without them, the server has no TLS.
    """
    install, server = programs
    account = pwd.getpwuid(os.geteuid())
    as_user = ["setpriv", "--pdeathsig=KILL"]  # The server ends when this process is killed.
    if account.pw_uid == 0:  # The server refuses to run as root.
        account = pwd.getpwnam("mysql")
        as_user += [f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups"]
    with tempfile.TemporaryDirectory(prefix="mariadb-", ignore_cleanup_errors=True) as made:
        folder = Path(made)
        os.chown(folder, account.pw_uid, account.pw_gid)
        data = f"--datadir={folder / 'data'}"
        subprocess.run(
            [*as_user, install, *_SETTINGS, data, "--skip-test-db"],
            check=True,
            capture_output=True,
            cwd=folder,
        )
        first = folder / "first.sql"
        first.write_text(
            f"CREATE USER owner IDENTIFIED BY '{OWNER_PASSWORD}';\n"
            f"GRANT ALL ON *.* TO owner WITH GRANT OPTION;\n"
            f"CREATE USER {READER} IDENTIFIED BY '{READER_PASSWORD}';\n",
            encoding="utf-8",
        )
        options = [data, f"--init-file={first}", f"--socket={folder / 'socket'}"]
        for name, pem in (tls or {}).items():
            file = folder / f"{name}.pem"
            file.write_text(pem, encoding="ascii")
            options.append(f"--{name.replace('_', '-')}={file}")
        port = free_port()
        options += [f"--port={port}", "--bind-address=127.0.0.1", f"--pid-file={folder / 'pid'}"]
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(  # Ends with this process.
                [*as_user, server, *_SETTINGS, *options], stdout=log, stderr=log, cwd=folder
            )
        try:
            mariadb = PrivateMariadb(port)
            _wait_until_ready(mariadb, process, folder / "log")
            yield mariadb
        finally:
            process.send_signal(signal.SIGKILL)  # The data is deleted.
            process.wait(_SECONDS)


def _wait_until_ready(mariadb: PrivateMariadb, process: subprocess.Popen[bytes], log: Path) -> None:
    until = time.monotonic() + _SECONDS
    while True:
        try:
            mariadb.connect().close()
        except pymysql.MySQLError:
            if process.poll() is not None or time.monotonic() > until:
                raise AssertionError(log.read_text(errors="replace")) from None
            time.sleep(0.05)
        else:
            return
