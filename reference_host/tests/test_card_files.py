"""Cards as files: CSV, SVG and PNG."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reference_host.tests.map_factories import SURVEY, add_map, add_metric, measure, place
from smaply_metrics_core.host import Calculation, Definition, GroupBy, MetricType, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

SERIES = Definition(
    type=MetricType.SERIES,
    survey_id=SURVEY,
    question_id="QID1",
    calculation=Calculation.NPS,
    group_by=GroupBy.parse("period:quarter"),
)


def test_a_card_is_downloaded_as_each_type(world: World) -> None:
    """A Viewer gets what the card shows; a formula and markup in its heading stay text."""
    corner = add_map(world)
    world.connect()
    heading = "=1+1 <b>&amp;;=2"
    number = place(world, corner, add_metric(world, heading=heading))
    series = place(world, corner, add_metric(world, "By quarter", SERIES))
    vera = world.client(Role.VIEWER)
    assert vera.get(f"{corner.path}/cards/{number}/card.csv").status_code == 404
    measure(world)

    for card in (number, series):
        address = f"{corner.path}/cards/{card}/card."
        assert address + "png" in vera.get(corner.path).text
        table, svg, png = (vera.get(address + one) for one in ("csv", "svg", "png"))
        assert png.content.startswith(b"\x89PNG")
        assert "attachment" in svg.headers["content-disposition"]
        drawing = ET.fromstring(svg.text)  # noqa: S314  # Of this app.
        texts = " ".join(drawing.itertext())
        assert "Data from " in texts
        header, *rows = csv.reader(io.StringIO(table.content.decode("utf-8-sig")))
        assert header[-3:] == ["Card", "Dates", "Data from"]
        assert rows
        assert all(len(row) == len(header) for row in rows)
        assert rows[0][-3] == ("'=1+1 <b>&amp;;'=2" if card == number else "By quarter")
        assert (heading in texts) == (card == number)
    assert table.content.startswith(b'\xef\xbb\xbf"'), "all cells are quoted"
    assert vera.get(f"{corner.path}/cards/none/card.csv").status_code == 404
    assert vera.get(f"{corner.path}/cards/{number}/card.pdf").status_code == 422
