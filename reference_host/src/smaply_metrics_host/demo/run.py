"""``demo``: serve the demo account until interrupted."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from typing import Final

from smaply_metrics_core.host import Role
from smaply_metrics_host import server
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.demo.sandbox_process import SandboxProcess
from smaply_metrics_host.demo.seed import ACCOUNT, seed_demo_account
from smaply_metrics_host.settings import HostSettings

PEOPLE: Final = (("Ada", Role.ADMIN), ("Emil", Role.EDITOR), ("Vera", Role.VIEWER))


async def serve_demo(
    settings: HostSettings,
    listening: socket.socket,
    sandbox: SandboxProcess,
    seed: int,
    echo: Callable[[str], None],
) -> None:
    """Serve the demo account until interrupted.

    Args:
        settings: The settings of the host; its home holds nothing but demos.
        listening: A bound socket.
        sandbox: The running sandbox.
        seed: Another seed invents other people.
        echo: Prints one line.

    Raises:
        InputError: A source of the demo is not installed, or the home holds other data.
    """

    async def ready(app_state: AppState) -> None:
        map_id = await seed_demo_account(app_state, sandbox, seed)
        echo(f"The demo is ready. A sandbox at {sandbox.host} simulates Qualtrics.")
        echo("Sign-in links (each works once):")
        for name, role in PEOPLE:
            token = await asyncio.to_thread(app_state.people.invite, ACCOUNT, name, role)
            link = f"{settings.address}/sign-in/{token}?at_once=yes&next=/maps/{map_id}"
            echo(f"  {role.name.capitalize():<7} {link}")
        echo("Press Ctrl-C to stop.")

    await server.serve(settings, listening, ready)
