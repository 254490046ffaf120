"""The databases of the host benchmarks: SQLite, and a temporary PostgreSQL server."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from pydantic import SecretStr
from sqlalchemy import Table, func, insert, select, text

from smaply_metrics_core.host import (
    AccountSettings,
    Actor,
    AllowedDestinations,
    Definition,
    Filter,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.engine import parse_database_url
from smaply_metrics_core.host.store.tables import attempts, metric_values, metrics
from tests.postgresql_server import find_programs, running_postgres

ACTOR: Final = Actor("default", "Ada", Role.ADMIN)
"""An Admin of the account of the command, whose workers take part."""

KEYS_VARIABLE: Final = "SMAPLY_METRICS_ENCRYPTION_KEYS"
RESPONSES: Final = 200
BATCH: Final = 1_000


@contextmanager
def postgres_url() -> Iterator[str | None]:
    """Yield the URL of an empty database on a temporary server with the usual durability.

    ``None`` if PostgreSQL is not installed.
    """
    programs = find_programs()
    if programs is None:
        yield None
        return
    with running_postgres(programs, durable=True) as server:
        yield server.url(server.make_database())


def keys() -> dict[str, str]:
    """Return an environment with an encryption key."""
    return {KEYS_VARIABLE: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode("ascii")}


def files_of(home: Path) -> Path:
    """Return the folder of the account's files, where a worker reads them too."""
    return home / "files" / ACTOR.account


def write_files(folder: Path, count: int) -> None:
    """Write CSV files of some responses, one survey each."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        rows = [f"2026-01-01T00:00:00Z,{(n + number) % 11}" for n in range(RESPONSES)]
        text = "\n".join(["recorded_at,nps", *rows])
        (folder / f"survey{number:03}.csv").write_text(text, encoding="utf-8")


def settings_of(
    home: Path,
    url: str | None,
    environment: Mapping[str, str],
    **changed: Any,  # noqa: ANN401  # Any of the settings.
) -> Settings:
    """Return the settings of a host whose account reads the files in its home."""
    return Settings(
        home=home,
        allowed=AllowedDestinations(
            folders={ACTOR.account: files_of(home)}, store=home / "store.db"
        ),
        database_url=None if url is None else SecretStr(url),
        encryption_keys=SecretStr(environment[KEYS_VARIABLE]),
        **changed,
    )


def open_store(home: Path, url: str | None) -> Store:
    """Open the database of a home without its host."""
    return Store(parse_database_url(url) if url else home / "store.db")


def fill(home: Path, url: str | None, environment: Mapping[str, str], count: int) -> list[str]:
    """Create an account with a number of metrics, all fresh; return their ids.

    One is calculated; the others are copies of its rows, with definitions and results that differ.
    """
    write_files(files_of(home), 1)
    with MetricsHost(settings_of(home, url, environment)) as host:
        host.connections.connect(ACTOR, "csv_example", {"folder": "."})
        definition = Definition.model_validate(
            {"survey_id": "survey000", "question_id": "nps", "calculation": "nps"}
        )
        first = host.metrics.add(ACTOR, "csv_example", "NPS", definition).id
        host.cards.load(ACTOR, wait=60)
    ids = [first, *(f"met_{number:012}" for number in range(1, count))]
    store = open_store(home, url)
    with store.writing() as db:
        for table in (metrics, metric_values, attempts):
            mine = select(table).where(table.c.account == ACTOR.account)
            row = dict(db.execute(mine).mappings().one())
            for begin in range(1, count, BATCH):
                copies = [_copy(row, definition, one) for one in ids[begin : begin + BATCH]]
                db.execute(insert(table), copies)
            # The database does this by itself within a minute of so many new rows.
            db.execute(text(f"ANALYZE {table.name}"))
    store.close()
    return ids


def _copy(row: Mapping[str, Any], definition: Definition, metric_id: str) -> dict[str, Any]:
    """Return a row of a table for another metric, whose filter names the metric."""
    named = Filter(kind="field", of="region", values=(metric_id,), exclude=True)
    other = definition.model_copy(update={"filters": (named,)})
    changed: dict[str, Any] = {
        "id": metric_id,
        "metric_id": metric_id,
        "definition": other.model_dump(mode="json"),
        "fingerprint": AccountSettings().fingerprint(other),
        "result": {**row.get("result", {}), "notes": [metric_id]},
    }
    return {name: changed.get(name, value) for name, value in row.items()}


def bytes_of(store: Store, table: Table) -> float:
    """Return the bytes per row of a table in PostgreSQL, including indexes."""
    with store.reading() as db:
        size: int = db.execute(select(func.pg_total_relation_size(table.name))).scalar_one()
        mine = select(func.count()).where(table.c.account == ACTOR.account)
        rows = db.execute(mine).scalar_one()
    return round(size / max(int(rows), 1), 1)
