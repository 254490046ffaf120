"""Charts for browsers: specifications, SVG drawings, and the script that draws in the browser."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from functools import partial
from multiprocessing import get_context
from typing import TYPE_CHECKING, Final, Literal, TypeVar

from smaply_metrics_core import charts
from smaply_metrics_host import drawing_process
from smaply_metrics_host.latest import Latest

if TYPE_CHECKING:
    from collections.abc import Callable

    from smaply_metrics_host.faces import Face

T = TypeVar("T")
ThemeName = Literal["light", "dark"]

WIDTH: Final = 320
HEIGHT: Final = 176
"""Pixels of an SVG drawing: those of a chart in a card of the usual width."""
MOST_SPECS: Final = 1000
MOST_SVGS: Final = 500
"""Of each some 10 kB are kept."""
SCRIPT: Final = "/charts/vega.js"


class Drawings:
    """What charts are drawn from, and what is drawn on the server.

    Drawing holds up the whole process that draws, some 50 ms for a chart and two seconds for the
    script; so that is another process, begun with the first drawing.
    """

    def __init__(self) -> None:
        self._specs: Latest[str] = Latest(MOST_SPECS)
        self._svgs: Latest[str] = Latest(MOST_SVGS)
        self._process: ProcessPoolExecutor | None = None
        self._script: tuple[str, bytes] | None = None
        self._making = asyncio.Lock()

    def spec(self, face: Face, theme: ThemeName) -> str:
        """Give the Vega-Lite specification of a face as JSON; ``null`` when it takes no drawing.

        Threads may share it.
        """
        return self._specs.get_or_make((face.digest, theme), partial(_spec, face, theme))

    async def svg(self, face: Face, theme: ThemeName) -> str:
        """Draw a face that takes a drawing.

        Raises:
            InputError: when nothing to draw with is installed.
        """
        key = (face.digest, theme)
        kept = self._svgs.get(key)
        if kept is None:
            spec = json.loads(self.spec(face, theme))
            kept = self._svgs.keep(key, await self._call(drawing_process.svg, spec, WIDTH, HEIGHT))
        return kept

    @property
    def script_address(self) -> str:
        """Give where browsers find the script: by its digest, once that is known."""
        return f"{SCRIPT}?v={self._script[0]}" if self._script else SCRIPT

    async def script(self) -> bytes:
        """Give the script, gzipped; it is made when it is first asked for.

        Raises:
            InputError: when nothing to draw with is installed.
        """
        async with self._making:
            if self._script is None:
                self._script = await self._call(drawing_process.script)
        return self._script[1]

    async def close(self) -> None:
        """End the process that draws, once it is done with what it draws."""
        if self._process is not None:
            await asyncio.to_thread(self._process.shutdown, cancel_futures=True)

    async def _call(self, function: Callable[..., T], *args: object) -> T:
        if self._process is None:
            self._process = ProcessPoolExecutor(
                1, get_context("spawn"), initializer=drawing_process.begin
            )
        process = self._process
        try:
            return await asyncio.get_running_loop().run_in_executor(process, function, *args)
        except BrokenProcessPool:
            # It was killed, for its memory perhaps: the next drawing begins another one.
            if self._process is process:
                self._process = None
            raise


def _spec(face: Face, theme: ThemeName) -> str:
    made = charts.vega_lite(face.result, face.display, theme=theme, zone=face.zone)
    return json.dumps(made, separators=(",", ":"))
