"""Confirmation of commands that cannot be undone."""

from __future__ import annotations

from typing import Annotated

import typer

from smaply_metrics_core.cli import credential_input
from smaply_metrics_core.cli.command_context import CommandContext
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.output import print_text

YesOption = Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")]


def require_terminal(invocation: CommandContext, what: str) -> None:
    """Raise unless a prompt is possible; with ``--json`` a declined one would have no output.

    Args:
        invocation: The context of the command.
        what: The action, as the subject of a sentence: ``Deleting a connection``.

    Raises:
        CommandLineError: when a prompt is not possible.
    """
    if invocation.wants_json or not credential_input.at_a_terminal():
        raise CommandLineError(
            f"{what} requires confirmation, which only a terminal can prompt for.",
            "Add --yes to confirm.",
        )


def confirm(question: str, declined: str) -> None:
    """Prompt for confirmation; print ``declined`` and exit with 1 if it is not given."""
    if not typer.confirm(question, err=True):
        print_text(declined, stderr=True)
        raise typer.Exit(1)
