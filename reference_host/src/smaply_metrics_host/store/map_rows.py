"""Statements that maps and cards share; each one is limited to an account."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sqlalchemy import bindparam, delete, func, select, update

from smaply_metrics_core.host import InputError, NotFound
from smaply_metrics_host.store.tables import cards, lanes, maps, stages

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from smaply_metrics_host.store.map_models import Cell, Kind


MOST: Final = {stages: 40, lanes: 40, cards: 200}
"""The maximum number of rows on one map."""
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


def require_map(db: Connection, account: str, map_id: str) -> None:
    """Check that this account has a map.

    Raises:
        NotFound: if it does not.
    """
    known = select(maps.c.id).where(maps.c.account == account, maps.c.id == map_id)
    if db.execute(known).scalar() is None:
        raise no_such("journey map")


def next_position(
    db: Connection, table: Table, account: str, map_id: str, *, adding: int = 1
) -> int:
    """Return the position after the last row of a map.

    Args:
        db: The connection.
        table: The stages, the lanes or the cards.
        account: The account of the map.
        map_id: The id of the map.
        adding: The number of rows to add.

    Raises:
        InputError: if the map is full.
        NotFound: if this account has no such map.
    """
    require_map(db, account, map_id)
    count, last = db.execute(
        select(func.count(), func.max(table.c.position)).where(
            table.c.account == account, table.c.map == map_id
        )
    ).one()
    if count + adding > MOST[table]:
        raise InputError(
            f"This map can have up to {MOST[table]} {table.name}.",
            remedy="Remove some of them, or create another map.",
        )
    return 0 if last is None else last + 1


def reorder(  # noqa: PLR0913, PLR0917  # The row and its place.
    db: Connection, table: Table, account: str, map_id: str, row: str, before: str
) -> None:
    """Move a row of a map before another one; to the end if ``before`` is empty.

    Raises:
        NotFound: if the map has no such row.
    """
    ids = list(
        db.execute(
            select(table.c.id)
            .where(table.c.account == account, table.c.map == map_id)
            .order_by(table.c.position)
        ).scalars()
    )
    if row not in ids or (before and before not in ids):
        raise no_such(table.name.removesuffix("s"))
    if row == before:
        return
    ids.remove(row)
    ids.insert(ids.index(before) if before else len(ids), row)
    db.execute(
        update(table).where(table.c.id == bindparam("row")).values(position=bindparam("place")),
        [{"row": one, "place": place} for place, one in enumerate(ids)],
    )


def shift(db: Connection, table: Table, account: str, map_id: str, position: int) -> None:
    """Make room at a position of a map."""
    db.execute(
        update(table)
        .where(table.c.account == account, table.c.map == map_id, table.c.position >= position)
        .values(position=table.c.position + 1)
    )


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
