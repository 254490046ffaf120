"""The demo: an invented account with a sandbox in place of Qualtrics, and a map full of cards."""

from __future__ import annotations

import asyncio
import os
import secrets
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Final, NamedTuple

from smaply_metrics_core.host import InputError, Role
from smaply_metrics_host import server
from smaply_metrics_host.demo.seed import seed_demo_account

if TYPE_CHECKING:
    import socket

    from smaply_metrics_host.app_state import AppState
    from smaply_metrics_host.settings import HostSettings

MODULE: Final = "smaply_metrics_qualtrics_sandbox"
VARIABLE: Final = "SMAPLY_QUALTRICS_SANDBOX"
ACCOUNT: Final = "demo"
PEOPLE: Final = (("Ada", Role.ADMIN), ("Emil", Role.EDITOR), ("Vera", Role.VIEWER))
SECONDS_TO_START: Final = 60
SECONDS_TO_STOP: Final = 10


class DemoSandbox(NamedTuple):
    """Where the sandbox listens, and the token that it takes."""

    host: str
    token: str


async def demo(
    settings: HostSettings, listening: socket.socket, seed: int, say: Callable[[str], None]
) -> None:
    """Serve the invented account until interrupted.

    Raises:
        InputError: when the sandbox does not start, or the sources of the demo are not installed.
    """
    say("Preparing an invented account: it takes some seconds.")
    # Of real accounts: a demo keeps everything in its own home, and refreshes it itself.
    alone = settings.framework.model_copy(
        update={"database_url": None, "refresh_executor": "threads"}
    )
    settings = replace(settings, framework=alone)
    async with sandbox(seed) as played:
        # The source reads this variable itself.
        os.environ[VARIABLE] = played.host

        async def ready(app_state: AppState) -> None:
            map_id = await seed_demo_account(app_state, played.host, played.token, seed)
            say(f"The demo is ready; Qualtrics is played by a sandbox at {played.host}.")
            say("Each link signs in once:")
            for name, role in PEOPLE:
                token = await asyncio.to_thread(app_state.people.invite, ACCOUNT, name, role)
                link = f"{settings.public_url}/sign-in/{token}?at_once=yes&next=/maps/{map_id}"
                say(f"  {role.name.capitalize():<7} {link}")
            say("Ctrl-C ends it.")

        await server.serve(settings, listening, ready)


@asynccontextmanager
async def sandbox(seed: int) -> AsyncIterator[DemoSandbox]:
    """Run a Qualtrics sandbox with invented surveys; it ends with the block.

    Raises:
        InputError: when it does not start; says why.
    """
    token = secrets.token_hex(20)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", MODULE, "--generate", "--port", "0"),
        *("--seed", str(seed), "--token", token),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    if process.stdout is None or process.stderr is None:
        raise AssertionError("both are pipes")
    try:
        async with asyncio.timeout(SECONDS_TO_START):
            host = (await process.stdout.readline()).decode().strip()
        if not host:
            said = (await process.stderr.read()).decode(errors="replace").strip()
            raise InputError(
                f"The Qualtrics sandbox did not start: {said or 'it said nothing'}.",
                remedy="Install smaply-metrics-qualtrics[sandbox] and try again.",
            )
        yield DemoSandbox(host, token)
    finally:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(SECONDS_TO_STOP):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
