"""Metric cards in the cells of journey maps."""

from __future__ import annotations

import secrets
from collections import Counter
from typing import TYPE_CHECKING

from sqlalchemy import delete, func, insert, select, update

from smaply_metrics_core.host import Display
from smaply_metrics_host.store.map_conflicts import check_display_unchanged
from smaply_metrics_host.store.map_models import MapSummary
from smaply_metrics_host.store.map_rows import next_position, no_such, reorder, require_cell
from smaply_metrics_host.store.tables import cards, maps

if TYPE_CHECKING:
    from collections.abc import Sequence

    from smaply_metrics_host.store.database import Database
    from smaply_metrics_host.store.map_models import Cell


class CardPlacements:
    """The cards on all maps.

    Args:
        database: The database of the host app.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def check(self, account: str, cell: Cell) -> None:
        """Check that a card can be placed in a cell; raises the errors of ``place``."""
        with self._database.reading() as db:
            require_cell(db, account, cell, "data")
            next_position(db, cards, account, cell.map)

    def place(
        self, account: str, cell: Cell, metric: str, display: Display, before: str = ""
    ) -> str:
        """Place a metric's card in a cell of a data lane and return the card's id.

        Args:
            account: The account of the map.
            cell: The cell.
            metric: The id of the metric.
            display: The display settings of the card.
            before: The id of the next card of the cell; empty for the end of the cell.

        Raises:
            InputError: if it is not a data lane, or the map is full.
            NotFound: if this account has no such cell, or the map no card ``before``.
        """
        card = f"car_{secrets.token_hex(6)}"
        with self._database.writing() as db:
            require_cell(db, account, cell, "data")
            position = next_position(db, cards, account, cell.map)
            db.execute(
                insert(cards).values(
                    id=card,
                    account=account,
                    map=cell.map,
                    lane=cell.lane,
                    stage=cell.stage,
                    metric=metric,
                    display=display.model_dump(mode="json"),
                    position=position,
                )
            )
            if before:
                reorder(db, cards, account, cell.map, card, before)
        return card

    def restyle(
        self, account: str, card: str, display: Display, was: Display | None = None
    ) -> None:
        """Change the display of a card.

        Args:
            account: The account of the map.
            card: The id of the card.
            display: The new display settings.
            was: The display settings that the form showed; ``None`` to overwrite any.

        Raises:
            DisplayConflict: if another user changed them in the meantime.
            NotFound: if this account has no such card.
        """
        here = (cards.c.account == account, cards.c.id == card)
        with self._database.writing() as db:
            saved = db.execute(select(cards.c.display).where(*here)).scalar()
            if saved is None:
                raise no_such("card")
            check_display_unchanged(was, Display.model_validate(saved), display)
            db.execute(update(cards).where(*here).values(display=display.model_dump(mode="json")))

    def take_off_all(self, account: str, metric: str) -> int:
        """Remove all cards of a metric from their maps and return their number."""
        with self._database.writing() as db:
            gone = db.execute(
                delete(cards).where(cards.c.account == account, cards.c.metric == metric)
            )
            return gone.rowcount

    def displays(self, account: str) -> dict[str, tuple[tuple[str, Display], ...]]:
        """Return the metric and the display settings of each card, by map."""
        with self._database.reading() as db:
            rows = db.execute(
                select(cards.c.map, cards.c.metric, cards.c.display).where(
                    cards.c.account == account
                )
            ).all()
        found: dict[str, list[tuple[str, Display]]] = {}
        for map_id, metric, display in rows:
            found.setdefault(map_id, []).append((metric, Display.model_validate(display)))
        return {map_id: tuple(several) for map_id, several in found.items()}

    def uses(self, account: str) -> Counter[str]:
        """Return the number of cards of each metric."""
        with self._database.reading() as db:
            return Counter(
                db.execute(select(cards.c.metric).where(cards.c.account == account)).scalars()
            )

    def maps_with(self, account: str, metric: str) -> tuple[MapSummary, ...]:
        """Return the maps that show a metric, each with its number of cards."""
        return self.maps_with_each(account, [metric]).get(metric, ())

    def maps_with_each(
        self, account: str, metrics: Sequence[str]
    ) -> dict[str, tuple[MapSummary, ...]]:
        """Return the maps that show each of some metrics; no entry for one without cards."""
        with self._database.reading() as db:
            rows = db.execute(
                select(cards.c.metric, maps.c.id, maps.c.name, maps.c.workspace, func.count())
                .join(cards, cards.c.map == maps.c.id)
                .where(maps.c.account == account, cards.c.metric.in_(metrics))
                .group_by(cards.c.metric, maps.c.id, maps.c.name, maps.c.workspace)
                .order_by(maps.c.name)
            ).all()
        found: dict[str, list[MapSummary]] = {}
        for metric, *values in rows:
            found.setdefault(metric, []).append(MapSummary(*values))
        return {metric: tuple(several) for metric, several in found.items()}
