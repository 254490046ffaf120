"""The command ``smaply-metrics-host``: serve, show a demo, invite people."""

from __future__ import annotations

import asyncio
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Final
from urllib.parse import urlsplit

import typer

from smaply_metrics_core.host import InputError, MetricsError, SystemClock
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.settings import PUBLIC_URL_VARIABLE, HostSettings
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.people import People, RoleName

HOME_VARIABLE: Final = "SMAPLY_METRICS_HOME"

app = typer.Typer(
    name="smaply-metrics-host",
    help="A web app that shows customer-experience metrics on journey maps.",
    add_completion=False,
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[
    Path | None,
    typer.Option(
        metavar="DIR",
        envvar=HOME_VARIABLE,
        help="The folder of everything that is kept. Needed except with --demo.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--public-url",
        metavar="URL",
        envvar=PUBLIC_URL_VARIABLE,
        help="Where browsers find the host, as in https://metrics.example.com.",
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")]
AddressOption = Annotated[
    str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
]


@app.callback(invoke_without_command=True)
def serve(  # noqa: PLR0913  # As many as there are options.
    context: typer.Context,
    *,
    home: HomeOption = None,
    address: AddressOption = "127.0.0.1",
    port: PortOption = 8000,
    public_url: UrlOption = None,
    demo: Annotated[
        bool,
        typer.Option("--demo", help="Show an invented account, with a sandbox behind it."),
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Another seed invents another account.")] = 1,
) -> None:
    """Serve the app until it is interrupted."""
    if context.invoked_subcommand is not None:
        return
    from smaply_metrics_host import server  # Loads the web libraries: only on use.

    with _home(home, demo=demo) as folder:
        listening = server.listen(address, port)
        bound = listening.getsockname()[1]
        url = _checked_url(public_url or f"http://{address}:{bound}")
        settings = HostSettings.from_environment(folder, url)
        if demo:
            from smaply_metrics_host.demo.run import demo as show

            asyncio.run(show(settings, listening, seed, _say))
            return

        async def tell(_app_state: AppState) -> None:
            _say(f"Smaply Metrics is at {url}")

        asyncio.run(server.serve(settings, listening, tell))


@app.command()
def invite(  # As many as there are options.
    account: Annotated[str, typer.Argument(help="The account's id; made when it is new.")],
    name: Annotated[str, typer.Argument(help="What the person is called.")],
    *,
    role: Annotated[RoleName, typer.Option(help="What they may do.")] = RoleName.VIEWER,
    home: HomeOption = None,
    public_url: UrlOption = None,
) -> None:
    """Print a one-time sign-in link; somebody known keeps their things and gets the role."""
    if home is None:
        raise InputError(
            "Nobody said where the host keeps its things.",
            remedy=f"Add --home with the folder that is served, or set {HOME_VARIABLE}.",
        )
    url = _checked_url(public_url or "http://127.0.0.1:8000")
    database = Database(home)
    try:
        token = People(database, SystemClock()).invite(account, name, role.role)
    finally:
        database.close()
    _say(f"{url}/sign-in/{token}")


def main() -> None:
    """Run the command; errors end as a message and a remedy."""
    try:
        app()
    except MetricsError as error:
        typer.echo(f"{error.message}\n{error.remedy}", err=True)
        sys.exit(1)


def _say(text: str) -> None:
    typer.echo(text)
    sys.stdout.flush()


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
        raise InputError(
            "The public URL does not fit.", remedy="Write it as https://metrics.example.com."
        )
    return url.rstrip("/")


@contextmanager
def _home(given: Path | None, *, demo: bool) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    if not demo:
        raise InputError(
            "Nobody said where to keep things.",
            remedy=f"Add --home DIR or set {HOME_VARIABLE}; --demo needs neither.",
        )
    folder = tempfile.mkdtemp(prefix="smaply-metrics-demo-")
    try:
        yield Path(folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
