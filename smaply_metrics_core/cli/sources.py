"""``sources``: what is installed, and whether it can be used."""

from __future__ import annotations

import os

import typer

from smaply_metrics_core.cli.invocation import Invocation
from smaply_metrics_core.cli.output import print_json, say, show, table, text
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.streams import keep_stdout

app = typer.Typer()


@app.command()
@spread
def sources(invocation: Invocation) -> None:
    """List the installed sources and their state."""
    from smaply_metrics_core.sources import SourceRegistry, SourceSettings  # Only on use.

    keep_stdout()
    # No store is opened: this also helps where the store or the key is what is wrong.
    registry = SourceRegistry(SourceSettings.from_environment(os.environ))
    states = registry.states(load=True)
    if invocation.wants_json:
        keys = ("id", "title", "distribution", "version", "state", "reason", "contract", "hooks")
        dumped = [state.model_dump(mode="json") for state in states]
        print_json([{key: state[key] for key in keys} for state in dumped])
        return
    if not states:
        say("No source is installed. Install one, such as smaply-metrics-qualtrics.")
        return
    made = table("Source", "Title", "Distribution", "State", whole=("Source", "State"))
    for state in states:
        made.add_row(
            text(state.id, "bold"),
            text(state.title),
            text(f"{state.distribution} {state.version}"),
            text(state.state, "green" if state.state == "ok" else "red"),
        )
    show(made)
    for state in states:
        if state.reason:
            say()
            say(text(state.id, "bold"), f" ({state.distribution}): {state.reason}")
