"""``debug-export``: everything that support needs to know about a survey, in one file."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from smaply_metrics_core.cli.invocation import Invocation, actor, opened
from smaply_metrics_core.cli.output import error_json, print_json, say, say_problem, text
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.surveys import ConnectionArgument

app = typer.Typer()


@app.command("debug-export")
@spread
def debug_export(
    connection: ConnectionArgument,
    survey: Annotated[str, typer.Option(metavar="ID", help="The survey.")],
    to: Annotated[Path, typer.Option(metavar="FILE", help="The zip to write; must not exist.")],
    *,
    include_personal: Annotated[
        bool,
        typer.Option(
            "--include-personal",
            help="With the columns that identify people: address, location, recipient.",
        ),
    ] = False,
    invocation: Invocation,
) -> None:
    """Write a survey and all around it into a zip.

    It is for support, and never with the token in it. It is written even when the survey tool
    fails: the failure is then part of it, and told.
    """
    with opened(invocation.folder) as host, progress_bar() as progress:
        bundle = host.debug.export(
            actor(),
            connection,
            survey,
            to.absolute(),
            include_personal=include_personal,
            progress=progress,
        )
    problem, size = bundle.problem, bundle.path.stat().st_size
    if invocation.wants_json:
        told = None if problem is None else error_json(problem)
        print_json({"bundle": str(bundle.path), "bytes": size, "problem": told})
        return
    say("Written: ", text(str(bundle.path), "bold"), f" ({size:,} bytes)")
    if problem is not None:
        say("! Not all of the survey's data is in it:", style="yellow", stderr=True)
        say_problem(problem, style="yellow", stderr=True)
    if include_personal:
        say("It holds personal data: hand it only to who may see them.", style="yellow")
