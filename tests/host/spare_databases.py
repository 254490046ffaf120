"""PostgreSQL databases that tests use one after the other."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import psycopg

from smaply_metrics_core.host.store.tables import metadata

if TYPE_CHECKING:
    from tests.postgresql_server import PrivatePostgres

_EMPTY = "".join(f"DELETE FROM {table.name};" for table in reversed(metadata.sorted_tables))  # noqa: S608  # The names are constants.


@dataclass
class SpareDatabases:
    """Databases with empty tables; creating one takes longer than most tests.

    Each has a connection that stays open: a new one would cost the server more than emptying.
    """

    postgres: PrivatePostgres
    _spare: list[str] = field(default_factory=list)
    _connections: dict[str, psycopg.Connection] = field(default_factory=dict)

    def take(self) -> str:
        """Return the URL of a database that no other test uses."""
        if self._spare:
            return self._spare.pop()
        return self.postgres.url(self.postgres.make_database())

    def put_back(self, url: str) -> None:
        """Empty the tables of a database, for the next test."""
        try:
            self._connection(url).execute(_EMPTY)
        except psycopg.OperationalError:  # The test closed all connections to its database.
            del self._connections[url]
            self._connection(url).execute(_EMPTY)
        self._spare.append(url)

    def _connection(self, url: str) -> psycopg.Connection:
        if url not in self._connections:
            self._connections[url] = psycopg.connect(url, autocommit=True)
        return self._connections[url]

    def close(self) -> None:
        """Close the connections."""
        for connection in self._connections.values():
            connection.close()
