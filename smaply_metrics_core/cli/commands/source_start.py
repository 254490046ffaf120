"""``source new|serve``: a new source, and the fake survey tool of its tests."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from smaply_metrics_core.cli.command_context import CommandContext
from smaply_metrics_core.cli.credential_input import at_a_terminal
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text
from smaply_metrics_core.cli.stdio import keep_stdout
from smaply_metrics_core.testing.scaffold.generator import ToolKind, write_source

app = typer.Typer()


@app.command("new")
@option_groups
def new(
    name: Annotated[
        str, typer.Argument(metavar="NAME", help="The ID of the source, for example paper_birds.")
    ],
    invocation: CommandContext,
    output: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Parent folder of the new distribution. Default: the current folder.",
            show_default=False,
        ),
    ] = None,
    kind: Annotated[
        ToolKind | None,
        typer.Option(
            help="Kind of the survey tool: a REST API with a token, a login session that a "
            "password opens, or a database. In a terminal, prompted for. Default: rest.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Create a distribution with a new source; for a database, a mapping with its tests.

    The new source passes its contract tests without a change. So does the mapping, which is for the
    source sql.
    """
    from smaply_metrics_core.sources.registry import SourceRegistry  # Imported on use, as below.

    folder = (output or Path()) / name
    kind = kind or _prompt_kind(invocation)
    written = write_source(name, folder, kind)
    states = SourceRegistry().states() if kind.is_source else ()
    rivals = sorted({one.distribution for one in states if one.id == name})
    if invocation.wants_json:
        files = [str(path) for path in written]
        print_json({"folder": str(folder), "files": files, "rivals": rivals})
        return
    print_text(text("✓ ", "green"), f"{folder}: {len(written)} files.")
    if rivals:
        print_text(
            f"The ID {name} is taken by {', '.join(rivals)}, which is installed. While both are "
            "installed, neither can be used.",
            style="yellow",
        )
    install = f'-e "{folder}[test]"' if kind.is_source else f'-r "{folder}/requirements.txt"'
    print_text(f"Next: pip install {install}, then run pytest in this folder. See its README.")


def _prompt_kind(invocation: CommandContext) -> ToolKind:
    """Prompt for the kind of the survey tool in a terminal; elsewhere, return the default."""
    if invocation.wants_json or not at_a_terminal():
        return ToolKind.REST
    kinds = ", ".join(f"{kind} ({kind.label})" for kind in ToolKind)
    return ToolKind(
        typer.prompt(f"Kind of the survey tool: {kinds}", default=ToolKind.REST, err=True)
    )


@app.command("serve")
@option_groups
def serve(
    contract: Annotated[
        str,
        typer.Argument(
            metavar="MODULE:CLASS",
            help="The contract class with the fact `server`, by module or file, for example "
            "tests/test_contract.py:TestAcme.",
        ),
    ],
    invocation: CommandContext,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="PORT", help="The port; 0 for any free one.")
    ] = 8700,
) -> None:
    """Serve the fake survey tool of a contract class on 127.0.0.1 until Ctrl-C or SIGTERM.

    With it, other commands can connect the source and load its cards without an account.
    """
    from smaply_metrics_core.testing.import_string import import_contract  # Imported on use.
    from smaply_metrics_core.testing.local_server import local_server

    keep_stdout()
    with import_contract(contract) as named, local_server(named, port) as server:
        setting = f"SMAPLY_METRICS_SOURCES_ADDRESSES={server.source}={server.url}"
        if invocation.wants_json:
            print_json({"source": server.source, "url": server.url, "setting": setting})
        else:
            print_text(f"Serving {named.__name__} at {server.url}. Press Ctrl-C to stop.")
            print_text("Allow the source to connect to it, in another terminal:")
            print_text(f"export {setting}", indent=2)
        sys.stdout.flush()
        server.listener.serve_forever()
