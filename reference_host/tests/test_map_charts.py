"""Charts of a map: specifications for scripts, images for browsers without scripts."""

from __future__ import annotations

import asyncio
import gzip
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.map_factories import NPS, add_map, add_metric, measure, place
from smaply_metrics_core.host import Calculation, Definition, GroupBy, MetricType, Role
from smaply_metrics_host.rendering.chart_renderer import (
    LONGEST_SECONDS,
    ChartRenderer,
    DrawingFailed,
)

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World
    from reference_host.tests.map_factories import SmallMap

BY_CHANNEL = NPS.model_copy(
    update={"type": MetricType.SERIES, "group_by": GroupBy.parse("question:QID3")}
)
QUICK_RENDERER = """
import sys

for _ in sys.stdin:
    print('{"made": "<svg/>"}', flush=True)
"""
SATISFIED = Definition(survey_id=NPS.survey_id, question_id="QID2", calculation=Calculation.AVERAGE)


@pytest.fixture(scope="module")
def world(shared: World) -> World:
    """One app with one account, which no test changes."""
    return shared


@pytest.fixture(scope="module")
def corner(world: World) -> SmallMap:
    """A map with a card with a chart and a card without one."""
    corner = add_map(world)
    world.connect()
    place(world, corner, add_metric(world, "NPS by channel", BY_CHANNEL, chart="bar"))
    place(world, corner, add_metric(world, "Satisfaction", SATISFIED))
    measure(world)
    return corner


@pytest.fixture
def quick_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Start a rendering process that does not import the chart library, which takes a second."""
    (tmp_path / "quick_renderer.py").write_text(QUICK_RENDERER, encoding="utf-8")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("smaply_metrics_host.rendering.chart_renderer.MODULE", "quick_renderer")


def drawn(world: World, corner: SmallMap) -> list[str]:
    """Return the digests of the charts on a map."""
    view = world.run(
        world.app_state.map_renderer.view(world.account, corner.map, Role.VIEWER, refresh=False)
    )
    return list(view.charts())


def test_specifications_are_returned_together(world: World, corner: SmallMap) -> None:
    """One response has the requested charts; it is immutable, because the URL has their digests."""
    [digest] = drawn(world, corner)
    vera = world.client(Role.VIEWER)

    light = vera.get(f"{corner.path}/charts.json?theme=light&digests={digest}")
    dark = vera.get(f"{corner.path}/charts.json?theme=dark&digests={digest}")

    assert light.json()[digest]["$schema"].endswith("vega-lite/v6.json")
    assert light.json() != dark.json()
    assert "private" in light.headers["cache-control"]
    assert "immutable" in light.headers["cache-control"]


def test_an_outdated_chart_is_excluded(world: World, corner: SmallMap) -> None:
    """Such a response is not cached, and its image is not found."""
    vera = world.client(Role.VIEWER)

    answer = vera.get(f"{corner.path}/charts.json?theme=light&digests=0123456789abcdef")
    old = vera.get(f"{corner.path}/charts/0123456789abcdef.svg?theme=light")

    assert answer.json() == {}
    assert answer.headers["cache-control"] == "no-store"
    assert old.status_code == 404


def test_an_unknown_theme_is_refused(world: World, corner: SmallMap) -> None:
    """The themes are light and dark."""
    vera = world.client(Role.VIEWER)

    assert vera.get(f"{corner.path}/charts.json?theme=pink&digests=x").status_code == 422


def test_a_chart_is_rendered_for_browsers_without_scripts(world: World, corner: SmallMap) -> None:
    """The image has alternative text, is cached privately, and requires a session."""
    [digest] = drawn(world, corner)
    vera, stranger = world.client(Role.VIEWER), world.client(None)
    path = f"{corner.path}/charts/{digest}.svg?theme=light"

    image = vera.get(path)

    assert image.headers["content-type"] == "image/svg+xml"
    assert "private" in image.headers["cache-control"]
    assert 'aria-label="NPS: 4 groups' in image.text
    assert "<script" not in image.text
    assert path in vera.get(corner.path).text
    assert stranger.get(path).url.path == "/sign-in"


@pytest.mark.usefixtures("canned_charts")
def test_the_chart_script_is_built_once_and_cached(world: World) -> None:
    """Once built, its URL has its digest, and it is sent compressed."""
    vera = world.client(Role.VIEWER)

    first = vera.get("/charts/vega.js")
    address = world.app_state.chart_renderer.script_address
    named = vera.get(address)
    plain = vera.get(address, headers={"accept-encoding": "identity"})

    assert first.text == "the script"
    assert first.headers["cache-control"] == "no-cache"
    assert "immutable" in named.headers["cache-control"]
    assert named.headers["content-encoding"] == "gzip"
    assert plain.text == first.text
    assert (
        gzip.decompress(world.run(world.app_state.chart_renderer.script())).decode() == first.text
    )
    assert f'data-charts="{address}"' in vera.get("/maps").text


@pytest.mark.deep(reason="3 s: builds the script with the chart library")
def test_the_chart_script_is_small() -> None:
    """Browsers load it with the first chart; tests in a browser run a real one on every change."""

    async def build() -> bytes:
        chart_renderer = ChartRenderer()
        script = await chart_renderer.script()
        await chart_renderer.close()
        return script

    script = asyncio.run(build())

    assert len(script) < 400_000
    assert b"window.smaplyCharts" in gzip.decompress(script)


def test_without_the_renderer_charts_keep_their_table(
    world: World, corner: SmallMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If rendering fails, the image is missing and the page still has the table."""
    monkeypatch.setattr("smaply_metrics_host.rendering.chart_renderer.MODULE", "no_such_module")
    monkeypatch.setitem(vars(world.app_state), "chart_renderer", ChartRenderer())
    [digest] = drawn(world, corner)
    vera = world.client(Role.VIEWER)

    image = vera.get(f"{corner.path}/charts/{digest}.svg?theme=light")

    assert image.status_code == 502
    assert "could not be rendered" in image.text
    assert "<caption" in vera.get(corner.path).text


@pytest.mark.usefixtures("quick_process")
def test_a_killed_renderer_process_is_replaced(world: World, corner: SmallMap) -> None:
    """A cancelled request kills the process; the next request starts a new one."""
    [digest] = drawn(world, corner)
    results = world.run(world.app_state.map_renderer.charts(world.account, corner.map, [digest]))

    async def draw_twice() -> str:
        chart_renderer = ChartRenderer()
        light = asyncio.create_task(chart_renderer.svg(results[digest], "light"))
        await asyncio.sleep(0)
        light.cancel()
        dark = await chart_renderer.svg(results[digest], "dark")
        await chart_renderer.close()
        return dark

    assert world.run(draw_twice()).startswith("<svg")


@pytest.mark.usefixtures("quick_process")
def test_a_hanging_rendering_times_out(
    world: World, corner: SmallMap, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rendering fails after the timeout, and a new process renders the next chart."""
    [digest] = drawn(world, corner)
    results = world.run(world.app_state.map_renderer.charts(world.account, corner.map, [digest]))

    async def draw_twice() -> str:
        chart_renderer = ChartRenderer()
        with monkeypatch.context() as patch:
            patch.setattr("smaply_metrics_host.rendering.chart_renderer.LONGEST_SECONDS", 0.0)
            with pytest.raises(DrawingFailed, match="took too long"):
                await chart_renderer.svg(results[digest], "light")
        dark = await chart_renderer.svg(results[digest], "dark")
        await chart_renderer.close()
        return dark

    assert world.run(draw_twice()).startswith("<svg")


@pytest.mark.usefixtures("quick_process")
def test_closing_cancels_renderings(world: World, corner: SmallMap) -> None:
    """Running and queued renderings fail immediately."""
    [digest] = drawn(world, corner)
    results = world.run(world.app_state.map_renderer.charts(world.account, corner.map, [digest]))

    async def end_while_drawing() -> list[bytes | BaseException]:
        chart_renderer = ChartRenderer()
        await chart_renderer.svg(results[digest], "light")
        waiting = [asyncio.create_task(chart_renderer.script()) for _ in range(3)]
        await asyncio.sleep(0)
        await chart_renderer.close()
        return [*await asyncio.gather(*waiting, return_exceptions=True)]

    ended = world.run(end_while_drawing())

    assert {type(one) for one in ended} == {DrawingFailed}


class StubRendererProcess:
    """A renderer process with canned answers.

    Attributes:
        longest: The timeout of each request in seconds.
    """

    def __init__(self, *answers: str | DrawingFailed) -> None:
        self._answers = list(answers)
        self.longest: list[float] = []

    async def request(self, job: dict[str, Any], seconds: float) -> str:
        """Return the next answer after yielding to other tasks."""
        self.longest.append(seconds)
        answer = self._answers.pop(0)
        await asyncio.sleep(0)
        if isinstance(answer, DrawingFailed):
            raise answer
        return answer


def test_concurrent_requests_share_the_chart_script(monkeypatch: pytest.MonkeyPatch) -> None:
    """The script is built once, even if the first request is cancelled."""
    process = StubRendererProcess("the script")
    monkeypatch.setattr(
        "smaply_metrics_host.rendering.chart_renderer._RendererProcess.request", process.request
    )

    async def ask_often() -> list[bytes | BaseException]:
        chart_renderer = ChartRenderer()
        waiting = [asyncio.create_task(chart_renderer.script()) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        given = await asyncio.gather(*waiting, return_exceptions=True)
        return [*given, await chart_renderer.script()]

    first, *others = asyncio.run(ask_often())

    assert isinstance(first, asyncio.CancelledError)
    assert [gzip.decompress(one) for one in others if isinstance(one, bytes)] == [b"the script"] * 3
    assert len(process.longest) == 1


def test_a_failed_chart_script_is_retried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The next request builds it again, with a longer timeout than for a chart."""
    process = StubRendererProcess(DrawingFailed("No memory."), "the script")
    monkeypatch.setattr(
        "smaply_metrics_host.rendering.chart_renderer._RendererProcess.request", process.request
    )

    async def ask_twice() -> bytes:
        chart_renderer = ChartRenderer()
        with pytest.raises(DrawingFailed, match="No memory"):
            await chart_renderer.script()
        return await chart_renderer.script()

    assert gzip.decompress(asyncio.run(ask_twice())) == b"the script"
    assert min(process.longest) > LONGEST_SECONDS


def test_a_process_that_starts_during_closing_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No process remains after closing."""
    start, started = asyncio.create_subprocess_exec, []

    async def end_while_starting() -> None:
        chart_renderer = ChartRenderer()

        async def starting(*command: str, **options: Any) -> asyncio.subprocess.Process:  # noqa: ANN401
            process = await start(*command, **options)
            started.append(process)
            closing.append(asyncio.create_task(chart_renderer.close()))
            await asyncio.sleep(0)
            return process

        closing: list[asyncio.Task[None]] = []
        monkeypatch.setattr(asyncio, "create_subprocess_exec", starting)
        with pytest.raises(DrawingFailed):
            await chart_renderer.script()
        await asyncio.gather(*closing)

    asyncio.run(end_while_starting())

    assert [process.returncode is None for process in started] == [False]
