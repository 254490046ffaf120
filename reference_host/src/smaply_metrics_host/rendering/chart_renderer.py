"""Charts for browsers: specifications, SVG drawings, and the script that draws in the browser."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import json
import logging
import sys
import threading
from typing import Any, Final, Literal, NamedTuple

from cachetools import LRUCache

from smaply_metrics_core import charts
from smaply_metrics_core.host import MetricsError, SingleFlight
from smaply_metrics_host.rendering.result_renderer import RenderedResult

logger = logging.getLogger(__name__)

ThemeName = Literal["light", "dark"]

WIDTH: Final = 320
HEIGHT: Final = 176
"""Pixels of an SVG drawing: those of a chart in a card of the usual width."""
MAX_SPECS: Final = 1000
MAX_SVGS: Final = 500
"""Cached specifications and drawings: some 10 kB each."""
LONGEST_ANSWER: Final = 16 * 1024 * 1024
LONGEST_SECONDS: Final = 60.0
"""For one drawing: one that hangs must not keep all others waiting."""
LONGEST_SCRIPT_SECONDS: Final = 600.0
"""For the script: on a machine too busy to make it sooner, it must still be made at some time."""
SCRIPT: Final = "/charts/vega.js"
MODULE: Final = "smaply_metrics_host.rendering.chart_renderer_process"


class DrawingFailed(MetricsError):
    """A chart, or the script that draws charts, could not be made."""

    kind = "drawing_failed"
    default_remedy = "Look at the table of its numbers; tell whoever runs this host."


class Script(NamedTuple):
    """The script that draws in browsers, and the digest of what it is."""

    digest: str
    compressed: bytes


class ChartRenderer:
    """Makes the specifications of charts, draws them on the server, and makes the script."""

    def __init__(self) -> None:
        self._specs = LRUCache[tuple[str, ThemeName], str](MAX_SPECS)
        self._specs_lock = threading.Lock()
        self._svgs = LRUCache[tuple[str, ThemeName], str](MAX_SVGS)  # On the event loop only.
        self._process = _RendererProcess()
        self._script: Script | None = None
        self._scripts = SingleFlight[Script](join_running=True)
        self._warming: asyncio.Task[None] | None = None

    def spec(self, rendered: RenderedResult, theme: ThemeName) -> str:
        """Return the Vega-Lite specification of a result as JSON; ``null`` when it has no chart.

        Thread-safe.
        """
        key = (rendered.digest, theme)
        with self._specs_lock:
            spec = self._specs.get(key)
        if spec is None:
            spec = _spec(rendered, theme)
            with self._specs_lock:
                self._specs[key] = spec
        return spec

    async def svg(self, rendered: RenderedResult, theme: ThemeName) -> str:
        """Return the chart of a result as SVG.

        Raises:
            DrawingFailed: when it cannot be drawn.
        """
        key = (rendered.digest, theme)
        svg = self._svgs.get(key)
        if svg is None:
            spec = json.loads(self.spec(rendered, theme))
            asked = {"spec": spec, "width": WIDTH, "height": HEIGHT}
            svg = self._svgs[key] = await self._process.ask(asked, LONGEST_SECONDS)
        return svg

    @property
    def script_address(self) -> str:
        """The URL path of the script, with its digest once that is known."""
        return f"{SCRIPT}?v={self._script.digest}" if self._script else SCRIPT

    async def script(self) -> bytes:
        """Return the script, gzipped; concurrent requests share the making of it.

        Raises:
            DrawingFailed: when it cannot be made; the next request tries again.
        """
        script = self._script or await self._scripts.run_async(SCRIPT, self._make_script)
        return script.compressed

    def warm_up(self) -> None:
        """Start to make the script before the first request for it."""
        self._warming = asyncio.create_task(self._warm_up())

    async def close(self) -> None:
        """End the rendering process for good."""
        if self._warming is not None:
            self._warming.cancel()  # A host that ends early has no failure to log.
        await self._process.end()
        # Wait for a script that is being made: without the process, it fails soon.
        warming = [self._warming] if self._warming is not None else []
        await asyncio.gather(self.script(), *warming, return_exceptions=True)

    async def _make_script(self) -> Script:
        made = (await self._process.ask({}, LONGEST_SCRIPT_SECONDS)).encode()
        compressed = await asyncio.to_thread(gzip.compress, made)
        self._script = Script(hashlib.sha256(made).hexdigest()[:16], compressed)
        return self._script

    async def _warm_up(self) -> None:
        try:
            await self.script()
        except DrawingFailed as error:
            logger.warning("Charts will not be drawn: %s", error.message)


class _RendererProcess:
    """The process that draws, begun when something is first asked of it; see its module."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._ended = False

    async def ask(self, asked: dict[str, Any], longest: float) -> str:
        """Ask for one thing, after those who asked before.

        Args:
            asked: What to make.
            longest: After how many seconds of making it the process is ended.

        Raises:
            DrawingFailed: when it could not be made in time, or the process has ended meanwhile.
        """
        async with self._turn:
            if self._ended:
                raise DrawingFailed("Charts are drawn no more: the host is ending.")
            try:
                async with asyncio.timeout(longest):
                    line = await self._answer(json.dumps(asked).encode() + b"\n")
            except TimeoutError:
                await self.close()
                raise DrawingFailed("The chart took too long to draw.") from None
            except BaseException:
                # Its answer would be taken for that to the next question.
                await self.close()
                raise
        answer = json.loads(line) if line else {"problem": "The process that draws has ended."}
        if "made" not in answer:
            raise DrawingFailed(f"The chart could not be drawn: {answer['problem']}")
        made: str = answer["made"]
        return made

    async def end(self) -> None:
        """End the process, and draw nothing more: who waits for their turn is told."""
        self._ended = True
        await self.close()

    async def close(self) -> None:
        """End the process; what is asked next begins another."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()  # Whoever closes it meanwhile waits for its end as well.

    async def _answer(self, line: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LONGEST_ANSWER,
            )
            if self._ended:  # While the process was being started.
                await self.close()
                return b""
        process = self._process
        if process.stdin is None or process.stdout is None:
            raise AssertionError("both are pipes")
        try:
            process.stdin.write(line)
            await process.stdin.drain()
            return await process.stdout.readline()
        except ConnectionError:
            return b""


def _spec(rendered: RenderedResult, theme: ThemeName) -> str:
    made = charts.vega_lite(rendered.result, rendered.display, theme=theme, zone=rendered.zone)
    return json.dumps(made, separators=(",", ":"))
