"""Removes stages, lanes and cards from journey maps, and restores them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from sqlalchemy import delete, insert, select

from smaply_metrics_core.host import Clock, EditConflict
from smaply_metrics_host.store.map_models import Removal
from smaply_metrics_host.store.map_rows import next_position, no_such, require_map, shift
from smaply_metrics_host.store.tables import cards, lanes, removals, stages, texts

if TYPE_CHECKING:
    from sqlalchemy import Connection, Table

    from smaply_metrics_host.store.database import Database

Kind = Literal["stage", "lane", "card"]

EXPIRY: Final = timedelta(days=1)
"""How long a removal can be undone; then its content is deleted."""
MOST_STORED: Final = 20
"""Removals of one map that can be undone. Each has all texts of a stage or lane, so without a limit
duplicating and removing a lane would fill the disk."""
_TABLES: Final[dict[Kind, Table]] = {"stage": stages, "lane": lanes, "card": cards}


class Removals:
    """What was removed from all maps.

    Removals of a map are undone in reverse order. So a cell of a card that is restored exists,
    unless the removal of its stage or lane is older than a day.

    Args:
        database: The database of the host app. Expired removals of all accounts are deleted.
        clock: The clock by which removals expire.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        with database.writing() as db:
            self._expire(db)

    def remove(self, account: str, map_id: str, kind: Kind, part: str, heading: str = "") -> None:
        """Remove a stage or lane with its texts and cards, or a card; metrics are not deleted.

        Args:
            account: The account of the map.
            map_id: The id of the map.
            kind: Whether it is a stage, a lane or a card.
            part: Its id.
            heading: The heading of a card, which names the removal.

        Raises:
            NotFound: if this account has none with this id on this map.
        """
        table = _TABLES[kind]
        with self._database.writing() as db:
            self._expire(db)
            own = _rows(db, table, table.c.id == part, account, map_id)
            if not own:
                raise no_such(kind)
            content = {table.name: own}
            if kind != "card":
                for each in (texts, cards):
                    content[each.name] = _rows(db, each, each.c[kind] == part, account, map_id)
            db.execute(
                insert(removals).values(
                    account=account,
                    map=map_id,
                    kind=kind,
                    name=heading or own[0].get("name", ""),
                    content=content,
                    removed_at=self._clock.now().timestamp(),
                )
            )
            db.execute(delete(table).where(table.c.account == account, table.c.id == part))
            of_map = removals.c.account == account, removals.c.map == map_id
            latest = select(removals.c.id).where(*of_map).order_by(removals.c.id.desc())
            db.execute(
                delete(removals).where(*of_map, removals.c.id.not_in(latest.limit(MOST_STORED)))
            )

    def latest(self, account: str, map_id: str) -> Removal | None:
        """Return the removal that can be undone on a map; ``None`` if there is none."""
        with self._database.reading() as db:
            row = self._latest(db, account, map_id)
        if row is None:
            return None
        content = row["content"]
        own = 1 if row["kind"] == "card" else 0
        return Removal(
            id=row["id"],
            kind=row["kind"],
            name=row["name"],
            texts=len(content.get("texts", ())),
            cards=len(content.get("cards", ())) - own,
        )

    def undo(self, account: str, map_id: str, removal: int) -> str:
        """Restore what was removed, at its place, and return the id of the stage, lane or card.

        Raises:
            EditConflict: if it is not the latest removal of the map.
            InputError: if the map is full.
            NotFound: if this account has no such map, or it can no longer be undone.
        """
        with self._database.writing() as db:
            require_map(db, account, map_id)
            row = self._latest(db, account, map_id)
            if row is None:
                raise no_such("removal")
            if row["id"] != removal:
                raise EditConflict(
                    "Another part of this map was removed or restored in the meantime.",
                    remedy="Reload the page, then undo the removals one after the other.",
                )
            table, content = _TABLES[row["kind"]], row["content"]
            for each in (stages, lanes, cards):
                if adding := len(content.get(each.name, ())):
                    next_position(db, each, account, map_id, adding=adding)
            (own,) = content[table.name]
            shift(db, table, account, map_id, own["position"])
            for each in (stages, lanes, texts, cards):
                for restored in content.get(each.name, ()):
                    _require_parents(db, restored)
                    db.execute(insert(each).values(restored))
            db.execute(delete(removals).where(removals.c.id == removal))
        restored_id: str = own["id"]
        return restored_id

    def _latest(self, db: Connection, account: str, map_id: str) -> dict[str, Any] | None:
        row = (
            db.execute(
                select(removals)
                .where(
                    removals.c.account == account,
                    removals.c.map == map_id,
                    removals.c.removed_at > self._oldest(),
                )
                .order_by(removals.c.id.desc())
                .limit(1)
            )
            .mappings()
            .one_or_none()
        )
        return dict(row) if row is not None else None

    def _expire(self, db: Connection) -> None:
        """Delete the expired removals of all accounts."""
        db.execute(delete(removals).where(removals.c.removed_at <= self._oldest()))

    def _oldest(self) -> float:
        return (self._clock.now() - EXPIRY).timestamp()


def _rows(
    db: Connection,
    table: Table,
    condition: Any,  # noqa: ANN401  # An expression of SQLAlchemy.
    account: str,
    map_id: str,
) -> list[dict[str, Any]]:
    found = select(table).where(condition, table.c.account == account, table.c.map == map_id)
    return [dict(row) for row in db.execute(found).mappings()]


def _require_parents(db: Connection, row: dict[str, Any]) -> None:
    """Check that the cell of a restored text or card exists."""
    for table, column in ((stages, "stage"), (lanes, "lane")):
        if (
            column in row
            and db.execute(select(table.c.id).where(table.c.id == row[column])).scalar() is None
        ):
            raise no_such(column)
