"""``doctor``: examines the installation and explains what to fix."""

from __future__ import annotations

from typing import Final

import typer

from smaply_metrics_core.cli.command_context import CommandContext
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, text
from smaply_metrics_core.cli.stdio import keep_stdout

SYMBOLS: Final = {"ok": ("✓", "green"), "warning": ("!", "yellow"), "failed": ("✗", "red")}

app = typer.Typer(add_completion=False)


@app.command("doctor")
@option_groups
def doctor(invocation: CommandContext) -> None:
    """Examine the installation, and explain each failure and its fix.

    Checks the home, the telemetry, the sources, the database, its tables, the keys, the queue and
    the workers. Nothing is created, upgraded or requested from a survey tool. Exit code 1: a check
    failed.
    """
    from smaply_metrics_core.host import diagnose  # Imported on use: it loads the host.

    settings = invocation.settings()
    keep_stdout()  # It imports sources.
    report = diagnose(settings)
    if invocation.wants_json:
        found = report.model_dump(mode="json")
        print_json({"healthy": report.healthy, "ready": report.ready, **found})
    else:
        for check in report.checks:
            symbol, style = SYMBOLS[check.status]
            print_text(text(f"{symbol} ", style), text(f"{check.name:<11} ", "bold"), check.message)
            if check.remedy:
                print_text("→ ", check.remedy, indent=2)
    if not report.healthy:
        raise typer.Exit(1)
