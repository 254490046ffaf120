"""Moves and duplicates stages, lanes and cards of journey maps."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import insert, select, update

from smaply_metrics_host.store.map_models import Cell
from smaply_metrics_host.store.map_rows import next_position, no_such, reorder, require_cell, shift
from smaply_metrics_host.store.maps import LONGEST_TITLE
from smaply_metrics_host.store.tables import cards, lanes, stages, texts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from smaply_metrics_host.store.database import Database
    from smaply_metrics_host.store.map_models import Axis

_AXES: Final[dict[Axis, Table]] = {"stages": stages, "lanes": lanes}
_COPY: Final = " (copy)"


class MapArrangement:
    """The order of stages, lanes and cards on all maps.

    Args:
        database: The database of the host app.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def move(self, account: str, map_id: str, axis: Axis, part: str, before: str) -> None:
        """Move a stage or lane, with its contents.

        Args:
            account: The account of the map.
            map_id: The id of the map.
            axis: Whether it is a stage or a lane.
            part: Its id.
            before: The id of the next stage or lane; empty for the end of the map.

        Raises:
            NotFound: if this account has no such stage or lane on this map.
        """
        with self._database.writing() as db:
            reorder(db, _AXES[axis], account, map_id, part, before)

    def move_card(self, account: str, card: str, cell: Cell, before: str) -> None:
        """Move a card within its map, with its display settings.

        Args:
            account: The account of the map.
            card: The id of the card.
            cell: The new cell.
            before: The id of the next card of the cell; empty for the end of the cell.

        Raises:
            InputError: if the cell is not in a data lane.
            NotFound: if the map has no such card or cell, or the cell no card ``before``.
        """
        with self._database.writing() as db:
            require_cell(db, account, cell, "data")
            following = select(cards.c.id).where(
                cards.c.id == before, cards.c.lane == cell.lane, cards.c.stage == cell.stage
            )
            if before and db.execute(following).scalar() is None:
                raise no_such("card")
            reorder(db, cards, account, cell.map, card, before)
            db.execute(
                update(cards)
                .where(cards.c.account == account, cards.c.id == card)
                .values(lane=cell.lane, stage=cell.stage)
            )

    def duplicate(self, account: str, map_id: str, axis: Axis, part: str) -> str:
        """Add a copy of a stage or lane, with its contents, after it and return the copy's id.

        Raises:
            InputError: if the map is full.
            NotFound: if this account has no such stage or lane on this map.
        """
        table, copy = _AXES[axis], _new_id(axis[:3])
        column = {"stages": "stage", "lanes": "lane"}[axis]
        with self._database.writing() as db:
            row = _row(db, table, account, map_id, part)
            contents = {
                each: db.execute(
                    select(each).where(each.c.account == account, each.c[column] == part)
                )
                .mappings()
                .all()
                for each in (texts, cards)
            }
            next_position(db, table, account, map_id)
            first = next_position(db, cards, account, map_id, adding=len(contents[cards]))
            name = row["name"][: LONGEST_TITLE - len(_COPY)] + _COPY
            _insert_after(db, table, row, id=copy, name=name)
            for text in contents[texts]:
                db.execute(insert(texts).values({**text, column: copy}))
            ordered = sorted(contents[cards], key=lambda card: card["position"])
            for position, card in enumerate(ordered, first):
                placed = {**card, "id": _new_id("car"), column: copy, "position": position}
                db.execute(insert(cards).values(placed))
        return copy

    def duplicate_card(self, account: str, map_id: str, card: str) -> str:
        """Add a copy of a card, with its display settings, after it and return the copy's id.

        Raises:
            InputError: if the map is full.
            NotFound: if this account has no such card on this map.
        """
        copy = _new_id("car")
        with self._database.writing() as db:
            row = _row(db, cards, account, map_id, card)
            next_position(db, cards, account, map_id)
            _insert_after(db, cards, row, id=copy)
        return copy


def _new_id(prefix: str) -> str:
    return f"{prefix}_{secrets.token_hex(6)}"


def _row(db: Connection, table: Table, account: str, map_id: str, row: str) -> dict[str, Any]:
    found = (
        db.execute(
            select(table).where(
                table.c.account == account, table.c.map == map_id, table.c.id == row
            )
        )
        .mappings()
        .one_or_none()
    )
    if found is None:
        raise no_such(table.name.removesuffix("s"))
    return dict(found)


def _insert_after(db: Connection, table: Table, row: dict[str, Any], **changed: str) -> None:
    """Insert a changed copy of a row after it."""
    position = row["position"] + 1
    shift(db, table, row["account"], row["map"], position)
    db.execute(insert(table).values({**row, **changed, "position": position}))
