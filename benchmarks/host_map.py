"""The speed of a journey map with 30 cards: ``python -m benchmarks.host_map [--quick] --json``.

The app is a separate process on a socket. Cold means right after the start, without values and with
an empty browser cache; warm means every later page view.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

import httpx
from playwright.sync_api import Browser, BrowserContext, sync_playwright

from benchmarks.data.host_account import ACCOUNT, CARDS, invite, seed, write_file
from benchmarks.report import command, report
from smaply_metrics_core.host import Role

VIEWERS: Final = 200
RUNS: Final = 15
QUICK_RUNS: Final = 5
SECONDS: Final = 60.0
IDLE_SECONDS: Final = 2.0
"""Connections idle for longer are not reused: the app closes them after 5 seconds, even when a
request has just been sent."""
BROWSERS: Final = ("chromium", "chromium-browser", "google-chrome")
DRAWN: Final = """() => {
    const charts = [...document.querySelectorAll('figure.chart')];
    const values = document.querySelectorAll('.card-value').length;
    return values >= %d && charts.every((chart) => chart.querySelector('.chart-drawn svg'));
}"""
"""Whether every card has a value and the browser has drawn every chart."""
WIDE: Final = 2_560
TALL: Final = 6_000
"""The size of the window, in which every card is visible."""
_KILOBYTES: Final = 1_024
_RESIDENT: Final = re.compile(r"VmRSS:\s+(\d+)")


class HostProcess(NamedTuple):
    """A running app."""

    url: str
    process: subprocess.Popen[str]

    def megabytes(self) -> float:
        """Return its current memory."""
        status = Path(f"/proc/{self.process.pid}/status").read_text(encoding="ascii")
        found = _RESIDENT.search(status)
        return int(found[1]) / _KILOBYTES if found else 0.0


@contextmanager
def serving(home: Path) -> Iterator[HostProcess]:
    """Run the app on a home in a separate process."""
    command = str(Path(sys.executable).with_name("smaply-metrics-host"))
    process = subprocess.Popen(  # noqa: S603  # Our own command, our own arguments.
        [command, "serve", "--home", str(home), "--port", "0"], stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise AssertionError("stdout is a pipe")
        found = re.search(r"http://\S+", process.stdout.readline())
        if found is None:
            raise RuntimeError("the app did not start")
        yield HostProcess(found[0], process)
    finally:
        process.terminate()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


def first_paint(server: HostProcess, home: Path, journey: str, runs: int) -> dict[str, Any]:
    """Measure the time and the size of the page; the first request is the cold one."""
    address = f"/maps/{journey}"
    with httpx.Client(base_url=server.url, timeout=SECONDS) as client:
        client.post(invite(home, "Vera", Role.VIEWER))
        times = [_timed(client, address) for _ in range(runs + 1)]
        wait_for_values(client, address)
        warm = [_timed(client, address) for _ in range(runs)]
        page = client.get(address)
        sheets = re.findall(r'<link rel="stylesheet" href="([^"]+)"', page.text)
        blocking = sum(_transferred(client.get(sheet)) for sheet in sheets)
    return {
        "cold_ms": round(times[0], 1),
        "warm_ms": round(statistics.median(warm), 1),
        "html_bytes": len(page.content),
        "html_bytes_sent": _transferred(page),
        "style_bytes_sent": blocking,
    }


def wait_for_values(client: httpx.Client, address: str) -> None:
    """Request the page until every card has a value."""
    until = time.monotonic() + SECONDS
    while client.get(address).text.count('class="card-value"') < CARDS:
        if time.monotonic() > until:
            raise RuntimeError("the cards have no values")
        time.sleep(0.1)


def _timed(client: httpx.Client, address: str) -> float:
    begin = time.perf_counter()
    client.get(address).raise_for_status()
    return 1_000 * (time.perf_counter() - begin)


def _transferred(answer: httpx.Response) -> int:
    """Return the number of bytes sent: httpx has decompressed them."""
    packed = answer.headers.get("content-encoding") == "gzip"
    return len(gzip.compress(answer.content)) if packed else len(answer.content)


def drawn(home: Path, journey: str, runs: int) -> dict[str, Any]:
    """Measure the time until Chromium has drawn all cards."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        raise RuntimeError("there is no Chromium: `make browser` installs it")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu"]
        )
        with serving(home) as server:
            context = _context(browser, server, home)
            cold = _until_drawn(context, journey)
            warm = [_until_drawn(context, journey) for _ in range(runs)]
            context.close()
        browser.close()
    return {"cold_ms": round(cold), "warm_ms": round(statistics.median(warm))}


def _context(browser: Browser, server: HostProcess, home: Path) -> BrowserContext:
    context = browser.new_context(
        base_url=server.url, viewport={"width": WIDE, "height": TALL}, reduced_motion="reduce"
    )
    page = context.new_page()
    page.goto(f"{invite(home, 'Vera', Role.VIEWER)}?next=/healthz")
    page.get_by_role("button").click()
    page.close()
    return context


def _until_drawn(context: BrowserContext, journey: str) -> float:
    page = context.new_page()
    begin = time.perf_counter()
    page.goto(f"/maps/{journey}", wait_until="commit")
    page.wait_for_function(DRAWN % CARDS, timeout=1_000 * SECONDS)
    took = 1_000 * (time.perf_counter() - begin)
    page.close()
    return took


async def watch(server: HostProcess, home: Path, journey: str, viewers: int) -> dict[str, Any]:
    """Open the map many times at once, then refresh it and wait for all event streams."""
    limits = httpx.Limits(
        max_connections=2 * viewers,
        max_keepalive_connections=viewers,
        keepalive_expiry=IDLE_SECONDS,
    )
    address = f"/maps/{journey}"
    async with (
        httpx.AsyncClient(base_url=server.url, timeout=SECONDS, limits=limits) as client,
        asyncio.TaskGroup() as listeners,  # A lost stream ends the benchmark.
    ):
        await client.post(invite(home, "Emil", Role.EDITOR))
        loads = sorted(await asyncio.gather(*(_load(client, address) for _ in range(viewers))))
        listening = [asyncio.Event() for _ in range(viewers)]
        tasks = [
            listeners.create_task(_first_values(client, f"{address}/events", open_))
            for open_ in listening
        ]
        await asyncio.gather(*(open_.wait() for open_ in listening))
        megabytes = server.megabytes()
        write_file(home / "files" / ACCOUNT, seed=2)
        page = (await client.get(address)).text
        token = re.search(r'name="csrf_token" value="([0-9a-f]+)"', page)
        if token is None:
            raise RuntimeError("the page has no form")
        begin = time.perf_counter()
        answer = await client.post(f"{address}/refresh", data={"csrf_token": token[1]})
        if answer.is_error:
            raise RuntimeError(f"the map cannot be refreshed: {answer.status_code}")
        async with asyncio.timeout(SECONDS):
            heard = sorted(at - begin for at in await asyncio.gather(*tasks))
    return {
        "viewers": viewers,
        "load_p50_ms": round(1_000 * loads[len(loads) // 2]),
        "load_p99_ms": round(1_000 * loads[int(len(loads) * 0.99)]),
        "first_heard_ms": round(1_000 * heard[0]),
        "last_heard_ms": round(1_000 * heard[-1]),
        "server_mb": round(megabytes),
    }


async def _load(client: httpx.AsyncClient, address: str) -> float:
    begin = time.perf_counter()
    (await client.get(address)).raise_for_status()
    return time.perf_counter() - begin


async def _first_values(client: httpx.AsyncClient, address: str, open_: asyncio.Event) -> float:
    """Listen until cards with new values arrive; return the time."""
    async with client.stream("GET", address) as stream:
        event = ""
        async for line in stream.aiter_lines():
            if line.startswith("event: "):
                event = line.removeprefix("event: ")
            elif event == "state":
                open_.set()  # Earlier changes are in the page and are not sent.
            elif event == "parts" and line.startswith("data: ") and _new_values(line):
                return time.perf_counter()
    raise RuntimeError("the stream ended before the refresh")


def _new_values(line: str) -> bool:
    parts = json.loads(line.removeprefix("data: "))["parts"]
    cards = [part["html"] for part in parts if part["id"] != "notices"]
    return any("card-state" not in html for html in cards)


def measure(*, quick: bool) -> dict[str, Any]:
    """Run all measurements, each on its own home."""
    runs = QUICK_RUNS if quick else RUNS
    with tempfile.TemporaryDirectory(prefix="smaply-benchmark-") as folder:
        homes = [Path(folder, name) for name in ("first", "drawn")]
        maps = [seed(home) for home in homes]
        with serving(homes[0]) as server:
            paint = first_paint(server, homes[0], maps[0], runs)
            viewers = VIEWERS
            watched = asyncio.run(watch(server, homes[0], maps[0], viewers))
        return {
            "cards": CARDS,
            "first_paint": paint,
            "all_drawn": drawn(homes[1], maps[1], runs),
            "watching": watched,
        }


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print the result."""
    options = command("host_map", __doc__, "fewer runs").parse_args(arguments)
    measured = measure(quick=options.quick)
    report(measured, as_json=options.json)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
