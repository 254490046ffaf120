"""The command ``smaply-metrics-host``: serve the app, run a demo, invite people."""

from __future__ import annotations

import asyncio
import gc
import json
import shlex
import signal
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Final, NoReturn
from urllib.parse import urlsplit

import typer

from smaply_metrics_core.host import (
    Audience,
    Freshness,
    InputError,
    LogFormat,
    LogLevel,
    MetricsError,
    SystemClock,
    TempDirs,
    card_json,
    logging_to_stderr,
    telemetry_of,
)
from smaply_metrics_host.demo.sandbox_process import demo_environment, running_sandbox
from smaply_metrics_host.settings import PUBLIC_URL_VARIABLE, ROOT_PATH_VARIABLE, HostSettings
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.store.people import People, RoleName
from smaply_metrics_host.terminal_text import printable

if TYPE_CHECKING:
    from smaply_metrics_host.app_state import AppState  # Loads the web libraries.

HOME_VARIABLE: Final = "SMAPLY_METRICS_HOME"
LOOPBACK: Final = "127.0.0.1"
TERMINATED: Final = 128 + signal.SIGTERM

app = typer.Typer(
    name="smaply-metrics-host",
    help="A web app that shows customer-experience metrics on journey maps.",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

HomeOption = Annotated[
    Path,
    typer.Option(
        metavar="DIR",
        envvar=HOME_VARIABLE,
        help="The folder with all data of the host.",
    ),
]
UrlOption = Annotated[
    str | None,
    typer.Option(
        "--public-url",
        metavar="URL",
        envvar=PUBLIC_URL_VARIABLE,
        help="The URL at which browsers reach the host: https://metrics.example.com.",
    ),
]
RootPathOption = Annotated[
    str,
    typer.Option(
        "--root-path",
        metavar="PATH",
        envvar=ROOT_PATH_VARIABLE,
        help="The path below which a reverse proxy shows the host: /metrics.",
        show_default=False,
    ),
]
LogLevelOption = Annotated[
    LogLevel | None,
    typer.Option(
        "--log-level",
        help="The lowest level of the log on standard error. Default: SMAPLY_METRICS_LOG_LEVEL, "
        "else info.",
        show_default=False,
    ),
]
LogFormatOption = Annotated[
    LogFormat | None,
    typer.Option(
        "--log-format",
        help="The format of the log. Default: SMAPLY_METRICS_LOG_FORMAT, else text.",
        show_default=False,
    ),
]
PortOption = Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 picks a free one.")]

AccountArgument = Annotated[str, typer.Argument(help="The ID of the account.")]
YesOption = Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")]


@app.command()
def serve(  # noqa: PLR0913  # Its options.
    *,
    home: HomeOption,
    address: Annotated[
        str, typer.Option("--host", metavar="ADDRESS", help="The address to listen on.")
    ] = LOOPBACK,
    port: PortOption = 8000,
    public_url: UrlOption = None,
    root_path: RootPathOption = "",
    log_level: LogLevelOption = None,
    log_format: LogFormatOption = None,
) -> None:
    """Serve the app until it is interrupted."""
    from smaply_metrics_host import server  # Slow: loads the web libraries.

    with server.listen(address, port) as listening:
        url = _checked_url(public_url or f"http://{address}:{listening.getsockname()[1]}")
        settings = HostSettings.from_environment(home.absolute(), url, root_path=root_path)

        async def report(_site: AppState) -> None:
            _echo(f"Smaply Metrics is running at {settings.address}")

        framework = settings.framework
        with (
            logging_to_stderr(log_level or framework.log_level, log_format or framework.log_format),
            telemetry_of(framework, "smaply-metrics-host"),
        ):
            asyncio.run(server.serve(settings, listening, report))


@app.command()
def demo(
    *,
    once: Annotated[
        bool,
        typer.Option("--once", help="Run the main workflow in the terminal, then exit."),
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --once: print the cards as JSON.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="The seed of the generated data.")] = 1,
    port: PortOption = 8000,
    home: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Where to store the demo; a temporary folder by default."),
    ] = None,
) -> None:
    """Run a demo account against a local Qualtrics sandbox."""
    if as_json and not once:
        raise typer.BadParameter("It requires --once.", param_hint="--json")
    with _terminated_gracefully():
        if once:
            with _json_errors() if as_json else nullcontext():
                _demo_once(home, seed, as_json=as_json)
        else:
            _serve_demo(home, seed, port)


def _serve_demo(home: Path | None, seed: int, port: int) -> None:
    from smaply_metrics_host import server  # Slow: loads the web libraries.
    from smaply_metrics_host.demo.run import serve_demo

    with _demo_home(home) as folder, server.listen(LOOPBACK, port) as listening:
        url = f"http://{LOOPBACK}:{listening.getsockname()[1]}"
        _echo("Preparing the demo account. This takes a few seconds.")
        with running_sandbox(seed) as sandbox:
            settings = HostSettings.from_environment(folder, url, demo_environment())
            settings = replace(settings, demo=True)
            asyncio.run(serve_demo(settings, listening, sandbox, seed, _echo))


def _demo_once(home: Path | None, seed: int, *, as_json: bool) -> None:
    from smaply_metrics_host.demo.card_output import print_cards
    from smaply_metrics_host.demo.one_shot import check_home, one_shot_home, run_once

    def report(title: str, text: str) -> None:
        if not as_json:
            _echo(f"{title:<9} {text}")

    with one_shot_home(home) as (folder, bundle):
        check_home(folder)
        with running_sandbox(seed) as sandbox:
            result = run_once(folder, bundle, sandbox, seed, report)
    if as_json:
        cards = [card_json(card) for card in result.cards]
        _echo(json.dumps({"cards": cards, "bundle": str(result.bundle)}, indent=2))
    else:
        _echo("")
        print_cards(result.cards, result.zone)
        _echo(f"\nDebug bundle: {result.bundle}")
        if home is not None:
            _echo(
                "The sandbox has stopped. To show the stored cards, run: "
                f"smaply-metrics --home {shlex.quote(str(home))} card load --wait 0"
            )
    if any(card.freshness is not Freshness.FRESH for card in result.cards):
        raise typer.Exit(1)


@app.command()
def invite(  # noqa: PLR0913  # Its options.
    account: Annotated[str, typer.Argument(help="The ID of the account, which is created if new.")],
    name: Annotated[str, typer.Argument(help="The person's name.")],
    *,
    home: HomeOption,
    role: Annotated[RoleName, typer.Option(help="The person's role.")] = RoleName.VIEWER,
    public_url: UrlOption = None,
    root_path: RootPathOption = "",
) -> None:
    """Print a one-time sign-in link; an existing person keeps their data and gets the role."""
    from smaply_metrics_host.account_data import register_account  # Slow: loads the framework.

    url = _checked_url(public_url or f"http://{LOOPBACK}:8000")
    settings = HostSettings.from_environment(home.absolute(), url, root_path=root_path)
    with closing(Database(home)) as database:
        token = People(database, SystemClock()).invite(account, name, role.role)
    register_account(settings, account)
    _echo(f"{settings.address}/sign-in/{token}")


@app.command()
def export_account(
    account: AccountArgument,
    *,
    home: HomeOption,
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="The ZIP file to write; it must not exist yet.")
    ],
) -> None:
    """Export everything about an account: people, maps, metrics, values and the audit trail."""
    from smaply_metrics_host.account_data import export_account  # Slow: loads the framework.

    export_account(_local_settings(home), account, output)
    _echo(f"Written: {output}")


@app.command()
def delete_account(account: AccountArgument, *, home: HomeOption, yes: YesOption = False) -> None:
    """Delete an account with its people, maps, metrics, files and audit trail; stop the host first.

    It cannot be undone: consider `export-account` before.
    """
    from smaply_metrics_host.account_data import delete_account  # Slow: loads the framework.

    if not yes:
        typer.confirm(f"Delete the account {account}?", abort=True, err=True)
    delete_account(_local_settings(home), account)
    _echo(f"Deleted the account {account}.")


@app.command()
def erase_person(
    account: AccountArgument,
    name: Annotated[str, typer.Argument(help="The person's name.")],
    *,
    home: HomeOption,
    yes: YesOption = False,
) -> None:
    """Delete a person, and replace their name in the audit trail. It cannot be undone."""
    from smaply_metrics_host.account_data import erase_person  # Slow: loads the framework.

    if not yes:
        typer.confirm(f"Erase {printable(name)} in {account}?", abort=True, err=True)
    erase_person(_local_settings(home), account, name)
    _echo(f"Erased {name}.")


def main() -> None:
    """Run the command and print an error as its message and remedy."""
    gc.set_threshold(50_000)  # With 700, a fifth of a short command is garbage collection.
    try:
        app()
    except MetricsError as error:
        typer.echo(f"{printable(error.message)}\n{printable(error.remedy)}", err=True)
        sys.exit(1)


def _echo(text: str) -> None:
    typer.echo(printable(text))
    sys.stdout.flush()


def _local_settings(home: Path) -> HostSettings:
    return HostSettings.from_environment(home.absolute(), f"http://{LOOPBACK}")


def _checked_url(url: str) -> str:
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.netloc or parts.path not in {"", "/"}:
        raise InputError(
            "The public URL is not valid.",
            remedy="Enter a URL without a path, such as https://metrics.example.com; --root-path "
            "is for the path.",
            audience=Audience.OPERATOR,
        )
    return url.rstrip("/")


@contextmanager
def _json_errors() -> Iterator[None]:
    """Print an error of the block as JSON, with the same keys as ``smaply-metrics``."""
    try:
        yield
    except MetricsError as error:
        problem = error.to_problem()
        keys = ("kind", "issue", "message", "remedy")
        _echo(json.dumps({"error": {key: getattr(problem, key) for key in keys}}))
        raise typer.Exit(1) from None


@contextmanager
def _demo_home(given: Path | None) -> Iterator[Path]:
    if given is not None:
        yield given.absolute()
        return
    # The next demo deletes the folders of demos that were killed.
    with closing(TempDirs()) as temp_dirs, temp_dirs.folder() as folder:
        yield folder


@contextmanager
def _terminated_gracefully() -> Iterator[None]:
    """Raise ``SystemExit`` on SIGTERM, so that the sandbox and the temporary home are removed."""

    def leave(_signal: int, _frame: FrameType | None) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        raise SystemExit(TERMINATED)

    previous = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
