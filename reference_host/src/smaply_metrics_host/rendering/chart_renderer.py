"""Charts for browsers: Vega-Lite specifications, SVG, and the script that draws in the browser."""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import json
import logging
import sys
import threading
from typing import Any, Final, Literal, NamedTuple

from cachetools import LRUCache

from smaply_metrics_core import charts
from smaply_metrics_core.host import Audience, MetricsError, SingleFlight
from smaply_metrics_host.rendering.result_renderer import RenderedResult

logger = logging.getLogger(__name__)

ThemeName = Literal["light", "dark"]

WIDTH: Final = 320
HEIGHT: Final = 176
"""The size of an SVG in pixels, that of a chart in a card of default width."""
MAX_SPECS: Final = 1000
MAX_SVGS: Final = 500
"""Cached specifications and SVGs, about 10 kB each."""
MAX_PNG_BYTES: Final = 16 * 1024 * 1024
"""The size of all cached PNGs, about 50 kB each; larger than any one."""
LONGEST_ANSWER: Final = 16 * 1024 * 1024
LONGEST_SECONDS: Final = 60.0
"""The timeout for one chart, so that one that hangs does not block the others."""
LONGEST_SCRIPT_SECONDS: Final = 600.0
"""The timeout for building the script; long, since nothing works without it."""
SCRIPT: Final = "/charts/vega.js"
MODULE: Final = "smaply_metrics_host.rendering.chart_renderer_process"


class DrawingFailed(MetricsError):
    """A chart, or the script that draws charts, could not be rendered."""

    kind = "drawing_failed"
    audience = Audience.OPERATOR
    default_summary = "The chart could not be rendered."
    default_remedy = "Use the table under “Numbers and details”, and report this to the operator."


class Script(NamedTuple):
    """The script that draws charts in the browser, with its digest."""

    digest: str
    compressed: bytes


class ChartRenderer:
    """Returns chart specifications, renders charts as SVG, and builds the browser script."""

    def __init__(self) -> None:
        self._specs = LRUCache[tuple[str, ThemeName], str](MAX_SPECS)
        self._specs_lock = threading.Lock()
        self._svgs = LRUCache[tuple[str, ThemeName], str](MAX_SVGS)  # On the event loop only.
        self._pngs = LRUCache[bytes, bytes](MAX_PNG_BYTES, len)  # By digest; likewise.
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
            DrawingFailed: The chart cannot be rendered.
        """
        key = (rendered.digest, theme)
        svg = self._svgs.get(key)
        if svg is None:
            spec = json.loads(self.spec(rendered, theme))
            job = {"spec": spec, "width": WIDTH, "height": HEIGHT}
            svg = self._svgs[key] = await self._process.request(job, LONGEST_SECONDS)
        return svg

    async def png(self, svg: str) -> bytes:
        """Return an SVG image as PNG, with two pixels for each of its pixels.

        Raises:
            DrawingFailed: The image cannot be rendered.
        """
        key = hashlib.sha256(svg.encode()).digest()
        png = self._pngs.get(key)
        if png is None:
            made = await self._process.request({"svg": svg}, LONGEST_SECONDS)
            png = self._pngs[key] = base64.b64decode(made)
        return png

    @property
    def script_address(self) -> str:
        """The URL of the script, with its digest once that is known."""
        return f"{SCRIPT}?v={self._script.digest}" if self._script else SCRIPT

    async def script(self) -> bytes:
        """Return the gzipped script; it is built once for concurrent requests.

        Raises:
            DrawingFailed: The build failed; the next request tries again.
        """
        script = self._script or await self._scripts.run_async(SCRIPT, self._make_script)
        return script.compressed

    def warm_up(self) -> None:
        """Start to build the script before the first request for it."""
        self._warming = asyncio.create_task(self._warm_up())

    async def close(self) -> None:
        """Stop the rendering process permanently."""
        if self._warming is not None:
            self._warming.cancel()  # A shutdown during startup is not logged as a failure.
        await self._process.end()
        # Wait for a build in progress: it fails at once, since its process has ended.
        warming = [self._warming] if self._warming is not None else []
        await asyncio.gather(self.script(), *warming, return_exceptions=True)

    async def _make_script(self) -> Script:
        made = (await self._process.request({}, LONGEST_SCRIPT_SECONDS)).encode()
        compressed = await asyncio.to_thread(gzip.compress, made)
        self._script = Script(hashlib.sha256(made).hexdigest()[:16], compressed)
        return self._script

    async def _warm_up(self) -> None:
        try:
            await self.script()
        except DrawingFailed as error:
            logger.warning("Cannot build the chart script: %s", error.message)


class _RendererProcess:
    """The rendering process, started by the first request; see ``chart_renderer_process``."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._ended = False

    async def request(self, job: dict[str, Any], seconds: float) -> str:
        """Return the result of a job. Jobs run one after the other.

        Args:
            job: The chart or the image to render; empty for the script.
            seconds: The time limit; the process is killed when it is exceeded.

        Raises:
            DrawingFailed: The job failed or timed out, or the process ended.
        """
        async with self._turn:
            if self._ended:
                raise DrawingFailed("The host is shutting down.")
            try:
                async with asyncio.timeout(seconds):
                    line = await self._response(json.dumps(job).encode() + b"\n")
            except TimeoutError:
                await self.close()
                raise DrawingFailed("The chart took too long to render.") from None
            except BaseException:
                # Its response would be read as that of the next request.
                await self.close()
                raise
        response = json.loads(line) if line else {"problem": "The rendering process ended."}
        if "made" not in response:
            raise DrawingFailed(f"The chart could not be rendered: {response['problem']}")
        made: str = response["made"]
        return made

    async def end(self) -> None:
        """Stop the process permanently; waiting requests fail."""
        self._ended = True
        await self.close()

    async def close(self) -> None:
        """Stop the process; the next request starts another."""
        process = self._process
        if process is not None and process.returncode is None:
            process.kill()
            await process.wait()  # Concurrent calls wait for its end too.

    async def _response(self, line: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                limit=LONGEST_ANSWER,
            )
            if self._ended:  # It was stopped while it started.
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
