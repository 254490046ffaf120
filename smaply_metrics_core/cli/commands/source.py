"""``source list|doctor``: the installed sources, their states and their problems."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.cli.command_context import (
    CommandContext,
    before_command,
    source_registry,
)
from smaply_metrics_core.cli.commands import source_development, source_start
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_sources(invocation: CommandContext) -> None:
    """List the installed sources and their states."""
    registry = source_registry()
    states = registry.states(load=True)
    if invocation.wants_json:
        keys = ("id", "title", "distribution", "version", "state", "reason", "contract", "hooks")
        dumped = [state.model_dump(mode="json") for state in states]
        print_json([{key: state[key] for key in keys} for state in dumped])
        return
    if not states:
        print_text("No source is installed. Install one, for example smaply-metrics-qualtrics.")
        return
    made = table(
        *("Source", "Title", "Distribution", "Requires core", "Hooks", "State"),
        whole=("Source", "State"),
    )
    for state in states:
        made.add_row(
            text(state.id, "bold"),
            text(state.title),
            text(f"{state.distribution} {state.version}"),
            text(state.contract or "any"),
            text(len(state.hooks) or ""),
            text(state.state, "green" if state.state == "ok" else "red"),
        )
    show(made)
    for state in states:
        if state.reason:
            print_text()
            print_text(text(state.id, "bold"), f" ({state.distribution}): {state.reason}")


@app.command("doctor")
@option_groups
def doctor(
    source: Annotated[str, typer.Argument(metavar="ID", help="The ID of a source.")],
    invocation: CommandContext,
) -> None:
    """Diagnose a source without credentials.

    Prints each finding with its fix. The exit code is 1 if there is a problem.
    """
    from smaply_metrics_core.testing.doctor import examine  # Imported on use.

    state, findings = examine(source_registry(), source)
    if invocation.wants_json:
        print_json(
            {
                **state.model_dump(mode="json"),
                "findings": [
                    {"what": one.what, "good": one.good, "said": one.message, "fix": one.fix}
                    for one in findings
                ],
            }
        )
    else:
        print_text(
            text(state.id, "bold"), f" ({state.distribution} {state.version}): {state.state}"
        )
        for one in findings:
            print_text(text("✓ " if one.good else "✗ ", "green" if one.good else "red"), one.what)
            if one.message:
                print_text(one.message, indent=2)
            if one.fix:
                print_text(f"{'Hint' if one.good else 'Fix'}: {one.fix}", indent=2)
    if not all(one.good for one in findings):
        raise typer.Exit(1)


app.add_typer(source_start.app)
app.add_typer(source_development.app)
