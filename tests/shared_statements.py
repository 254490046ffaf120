"""Compiles each statement once for all databases of the test process, not once for each.

SQLAlchemy caches compiled statements by dialect, and each engine has a dialect of its own. Tests
open a thousand stores, and spent a sixth of their time on compiling the same statements.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy import Engine, event

from smaply_metrics_core.host.store import store
from smaply_metrics_core.host.store.engine import make_engine

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sqlalchemy import URL, Dialect

_compiled: dict[Any, Any] = {}
_dialects: dict[tuple[str, object], Dialect] = {}
"""By name and reader of JSON; each has been initialized by a connection."""


def with_shared_statements(engine: Engine) -> Engine:
    """Return the engine, which shares compiled statements with all others of its kind."""
    dialect = engine.dialect
    # A store ignores JSON that is not valid; the database of the reference host does not.
    kind = (dialect.name, getattr(dialect, "_json_deserializer", None))
    if kind in _dialects:
        engine.dialect = _dialects[kind]
    else:
        event.listen(engine, "connect", lambda *_: _dialects.setdefault(kind, dialect))
    engine.update_execution_options(compiled_cache=_compiled)
    return engine


@pytest.fixture(scope="session", autouse=True)
def shared_statements() -> Iterator[None]:
    """Share compiled statements between stores of one kind."""

    def make_shared(where: Path | URL, connections: int, schema: str | None) -> Engine:
        return with_shared_statements(make_engine(where, connections, schema))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(store, "make_engine", make_shared)
        yield


@pytest.fixture
def own_statements(shared_statements: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compile the statements of each store, for tests that walk all objects of a store."""
    monkeypatch.setattr(store, "make_engine", make_engine)
