"""Journey maps with their stages, lanes and texts; ``card_placements`` manages their cards."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any, Final

from sqlalchemy import Select, delete, func, insert, select, update

from smaply_metrics_core.host import Clock, Display, InputError
from smaply_metrics_host.store.map_conflicts import check_unchanged, plain_lines
from smaply_metrics_host.store.map_models import (
    Cell,
    JourneyMap,
    Kind,
    Lane,
    MapSummary,
    PlacedCard,
    Stage,
)
from smaply_metrics_host.store.map_rows import (
    next_position,
    no_such,
    remove_row,
    reorder,
    require_cell,
)
from smaply_metrics_host.store.people import checked_name
from smaply_metrics_host.store.tables import cards, lanes, maps, stages, texts, workspaces

if TYPE_CHECKING:
    from sqlalchemy import Table

    from smaply_metrics_host.store.database import Database
    from smaply_metrics_host.store.map_models import Kind

LONGEST_TITLE: Final = 300
LONGEST_TEXT: Final = 5_000


class Maps:
    """The journey maps of all accounts.

    Args:
        database: The database of the host app.
        clock: The clock for creation times.
    """

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def list(self, account: str, workspace: str | None = None) -> tuple[MapSummary, ...]:
        """Return the maps of an account or of one of its workspaces, oldest first."""
        statement = select(maps).where(maps.c.account == account)
        if workspace is not None:
            statement = statement.where(maps.c.workspace == workspace)
        with self._database.reading() as db:
            on_maps = {
                row.map: row.number
                for row in db.execute(
                    select(cards.c.map, func.count().label("number"))
                    .where(cards.c.account == account)
                    .group_by(cards.c.map)
                )
            }
            rows = db.execute(statement.order_by(maps.c.created_at, maps.c.id)).mappings()
            return tuple(
                MapSummary(row["id"], row["name"], row["workspace"], on_maps.get(row["id"], 0))
                for row in rows
            )

    def show(self, account: str, map_id: str) -> JourneyMap:
        """Return a map with its contents.

        Raises:
            NotFound: if this account has no such map.
        """
        with self._database.reading() as db:
            row = (
                db.execute(select(maps).where(maps.c.account == account, maps.c.id == map_id))
                .mappings()
                .one_or_none()
            )
            if row is None:
                raise no_such("journey map")

            def of_map(table: Table) -> Select[Any]:
                return select(table).where(table.c.account == account, table.c.map == map_id)

            return JourneyMap(
                id=row["id"],
                name=row["name"],
                workspace=row["workspace"],
                stages=tuple(
                    Stage(one["id"], one["name"])
                    for one in db.execute(of_map(stages).order_by(stages.c.position)).mappings()
                ),
                lanes=tuple(
                    Lane(one["id"], one["name"], one["kind"])
                    for one in db.execute(of_map(lanes).order_by(lanes.c.position)).mappings()
                ),
                texts={
                    (one["lane"], one["stage"]): one["text"]
                    for one in db.execute(of_map(texts)).mappings()
                },
                cards=tuple(
                    PlacedCard(
                        id=one["id"],
                        map=map_id,
                        lane=one["lane"],
                        stage=one["stage"],
                        metric=one["metric"],
                        display=Display.model_validate(one["display"]),
                    )
                    for one in db.execute(of_map(cards).order_by(cards.c.position)).mappings()
                ),
            )

    def add(self, account: str, workspace: str, name: str) -> str:
        """Create an empty map in a workspace and return its id.

        Raises:
            InputError: if the name is not valid.
            NotFound: if the account has no such workspace.
        """
        map_id = f"map_{secrets.token_hex(6)}"
        name = checked_name(name, "name", LONGEST_TITLE)
        with self._database.writing() as db:
            known = select(workspaces.c.id).where(
                workspaces.c.account == account, workspaces.c.id == workspace
            )
            if db.execute(known).scalar() is None:
                raise no_such("workspace")
            db.execute(
                insert(maps).values(
                    id=map_id,
                    account=account,
                    workspace=workspace,
                    name=name,
                    created_at=self._clock.now().timestamp(),
                )
            )
        return map_id

    def rename(self, account: str, map_id: str, name: str, was: str | None = None) -> None:
        """Rename a map.

        Args:
            account: The account of the map.
            map_id: The id of the map.
            name: The new name.
            was: The name that the form showed; ``None`` to overwrite any.

        Raises:
            InputError: if the name is not valid.
            NotFound: if this account has no such map.
            TextConflict: if another user renamed it in the meantime.
        """
        self._rename(maps, account, map_id, name, was)

    def delete(self, account: str, map_id: str) -> None:
        """Delete a map with its contents.

        Raises:
            NotFound: if this account has no such map.
        """
        with self._database.writing() as db:
            remove_row(db, maps, account, map_id, "journey map")

    def add_stage(self, account: str, map_id: str, name: str, before: str = "") -> str:
        """Add a stage before another one, or at the right, and return its id.

        Raises:
            InputError: if the name is not valid, or the map is full.
            NotFound: if this account has no such map, or the map no stage ``before``.
        """
        stage = f"sta_{secrets.token_hex(6)}"
        name = checked_name(name, "stage's name", LONGEST_TITLE)
        with self._database.writing() as db:
            position = next_position(db, stages, account, map_id)
            db.execute(
                insert(stages).values(
                    id=stage, account=account, map=map_id, name=name, position=position
                )
            )
            if before:
                reorder(db, stages, account, map_id, stage, before)
        return stage

    def add_lane(self, account: str, map_id: str, name: str, kind: Kind, before: str = "") -> str:
        """Add a lane above another one, or at the bottom, and return its id.

        Raises:
            InputError: if the name is not valid, or the map is full.
            NotFound: if this account has no such map, or the map no lane ``before``.
        """
        lane = f"lan_{secrets.token_hex(6)}"
        name = checked_name(name, "lane's name", LONGEST_TITLE)
        with self._database.writing() as db:
            position = next_position(db, lanes, account, map_id)
            db.execute(
                insert(lanes).values(
                    id=lane, account=account, map=map_id, name=name, kind=kind, position=position
                )
            )
            if before:
                reorder(db, lanes, account, map_id, lane, before)
        return lane

    def rename_stage(self, account: str, stage: str, name: str, was: str | None = None) -> None:
        """Rename a stage; raises the errors of ``rename``."""
        self._rename(stages, account, stage, name, was)

    def rename_lane(self, account: str, lane: str, name: str, was: str | None = None) -> None:
        """Rename a lane; raises the errors of ``rename``."""
        self._rename(lanes, account, lane, name, was)

    def write(self, account: str, cell: Cell, text: str, was: str | None = None) -> None:
        """Write the text of a cell of a text lane; an empty text clears the cell.

        Args:
            account: The account of the map.
            cell: The cell.
            text: The new text.
            was: The text that the form showed; ``None`` to overwrite any.

        Raises:
            InputError: if it is too long, or it is not a text lane.
            NotFound: if this account has no such cell.
            TextConflict: if another user changed it in the meantime.
        """
        text = plain_lines(text)
        if len(text) > LONGEST_TEXT:
            raise InputError(
                "The text is too long.", remedy=f"Use up to {LONGEST_TEXT:,} characters."
            )
        here = (
            texts.c.account == account,
            texts.c.lane == cell.lane,
            texts.c.stage == cell.stage,
        )
        with self._database.writing() as db:
            require_cell(db, account, cell, "text")
            saved = db.execute(select(texts.c.text).where(*here)).scalar() or ""
            check_unchanged(was, plain_lines(saved), text)
            db.execute(delete(texts).where(*here))
            if text:
                db.execute(
                    insert(texts).values(
                        account=account, map=cell.map, lane=cell.lane, stage=cell.stage, text=text
                    )
                )

    def _rename(self, table: Table, account: str, row: str, name: str, was: str | None) -> None:
        name = checked_name(name, "name", LONGEST_TITLE)
        here = (table.c.account == account, table.c.id == row)
        with self._database.writing() as db:
            saved = db.execute(select(table.c.name).where(*here)).scalar()
            if saved is None:
                raise no_such("journey map" if table is maps else table.name.removesuffix("s"))
            check_unchanged(was, saved, name)
            db.execute(update(table).where(*here).values(name=name))


STAGES: Final = ("Become aware", "Consider", "Buy", "Use", "Get help")
LANES: Final[tuple[tuple[str, Kind], ...]] = (
    ("What the customer does", "text"),
    ("Thinks and feels", "text"),
    ("Metrics", "data"),
)


def add_default_parts(maps: Maps, account: str, map_id: str) -> None:
    """Add the default stages and lanes to a new map."""
    for stage in STAGES:
        maps.add_stage(account, map_id, stage)
    for lane, kind in LANES:
        maps.add_lane(account, map_id, lane, kind)
