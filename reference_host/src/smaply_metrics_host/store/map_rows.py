"""Statements that maps and cards share; each one is limited to an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import delete, func, select

from smaply_metrics_core.host import InputError, NotFound
from smaply_metrics_host.store.tables import lanes, maps, stages

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from smaply_metrics_host.store.map_models import Cell, Kind


_CONTENTS: Final = {"text": "texts", "data": "metric cards"}


def no_such(what: str) -> NotFound:
    """Return the error for an object that this account does not have."""
    return NotFound(
        f"This {what} does not exist.",
        remedy="It may have been deleted. Go back and reload the page.",
    )


def remove_row(db: Connection, table: Table, account: str, row: str, what: str) -> None:
    """Delete one row of an account.

    Raises:
        NotFound: if the account has none with this id.
    """
    gone = db.execute(delete(table).where(table.c.account == account, table.c.id == row))
    if gone.rowcount == 0:
        raise no_such(what)


def next_position(db: Connection, table: Table, account: str, map_id: str, most: int) -> int:
    """Return the position after the last row of a map.

    Raises:
        InputError: if the map is full.
        NotFound: if this account has no such map.
    """
    known = select(maps.c.id).where(maps.c.account == account, maps.c.id == map_id)
    if db.execute(known).scalar() is None:
        raise no_such("journey map")
    count, last = db.execute(
        select(func.count(), func.max(table.c.position)).where(
            table.c.account == account, table.c.map == map_id
        )
    ).one()
    if count >= most:
        raise InputError(
            f"This map already has {most} {table.name}.",
            remedy="Remove some of them, or create another map.",
        )
    return 0 if last is None else last + 1


def require_cell(db: Connection, account: str, cell: Cell, kind: Kind) -> None:
    """Check that a cell exists and is of a kind.

    Raises:
        InputError: if its lane is of the other kind.
        NotFound: if this account has no such cell on this map.
    """
    found = db.execute(
        select(lanes.c.kind).where(
            lanes.c.account == account, lanes.c.map == cell.map, lanes.c.id == cell.lane
        )
    ).scalar()
    column = select(stages.c.id).where(
        stages.c.account == account, stages.c.map == cell.map, stages.c.id == cell.stage
    )
    if found is None or db.execute(column).scalar() is None:
        raise no_such("cell")
    if found != kind:
        raise InputError(
            f"This lane contains {_CONTENTS[found]}.",
            remedy=f"Use a lane for {_CONTENTS[kind]}.",
        )
