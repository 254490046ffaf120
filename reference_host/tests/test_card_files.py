"""Cards as files: CSV, SVG and PNG."""

from __future__ import annotations

import asyncio
import base64
import csv
import io
from dataclasses import replace
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from reference_host.tests.map_factories import SURVEY, add_map, add_metric, measure, place
from reference_host.tests.test_card_view import TEMPLATES, seen
from smaply_metrics_core.host import (
    Calculation,
    ChartType,
    Definition,
    GroupBy,
    MetricType,
    Role,
)
from smaply_metrics_host.rendering.card_files import svg_file
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer

if TYPE_CHECKING:
    import pytest

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
        assert table.content.startswith(b'\xef\xbb\xbf"'), "all cells are quoted"
        header, *rows = csv.reader(io.StringIO(table.content.decode("utf-8-sig")))
        assert header[-3:] == ["Card", "Dates", "Data from"]
        assert rows
        assert all(len(row) == len(header) for row in rows)
        assert rows[0][-3] == ("'=1+1 <b>&amp;;'=2" if card == number else "By quarter")
        assert (heading in texts) == (card == number)
    assert vera.get(f"{corner.path}/cards/none/card.csv").status_code == 404
    assert vera.get(f"{corner.path}/cards/{number}/card.pdf").status_code == 422


def test_the_size_of_an_image_does_not_follow_texts() -> None:
    """Names of groups come from respondents; long ones and many of them are truncated."""
    long = "ab " * 7_000
    view = seen()
    assert view.rendered is not None
    table = replace(view.rendered.table, rows=((long, "1", "n = 1"),) * 500)
    rendered = replace(view.rendered, chart=ChartType.TABLE, table=table, summary=long)

    svg = svg_file(TEMPLATES, replace(view, heading=long, subheading=long), rendered, "")

    drawing = ET.fromstring(svg)  # noqa: S314  # Of this app.
    assert int(drawing.attrib["height"]) < 2_500
    assert len(svg) < 40_000
    assert "and 480 more" in " ".join(drawing.itertext())


def test_an_image_is_rendered_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Repeated downloads of the same image do not occupy the renderer; another image does."""
    jobs: list[str] = []

    async def request(_: object, job: dict[str, str], seconds: float) -> str:
        assert seconds > 0
        jobs.append(job["svg"])
        return base64.b64encode(job["svg"].encode()).decode()

    monkeypatch.setattr(
        "smaply_metrics_host.rendering.chart_renderer._RendererProcess.request", request
    )

    async def download() -> list[bytes]:
        renderer = ChartRenderer()
        return [await renderer.png(svg) for svg in ("a", "b", "a")]

    assert asyncio.run(download()) == [b"a", b"b", b"a"]
    assert jobs == ["a", "b"]
