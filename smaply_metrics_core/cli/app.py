"""The root command and its command groups, one per noun."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from functools import cache
from importlib import import_module
from typing import Annotated, Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from smaply_metrics_core import __version__
from smaply_metrics_core.cli.command_context import (
    CommandContext,
    before_command,
    command_log,
)
from smaply_metrics_core.cli.errors import CommandLineError, ExitReporter, reject_undecodable
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text
from smaply_metrics_core.cli.signals import terminated_gracefully
from smaply_metrics_core.cli.stdio import process_of_our_own

GROUPS: Final = {
    "source": "List, diagnose, create, test, record and serve sources.",
    "connection": "Add, list, show, check, edit and delete connections.",
    "survey": "List and choose surveys; list their questions.",
    "metric": "Preview, add, list, show, edit and delete metrics.",
    "entered": "List and add values that people enter.",
    "card": "Load cards.",
    "bundle": "Export, show and check debug bundles.",
    "account": "List, show, edit, limit, export and delete accounts; erase users.",
    "audit": "List the audit trail.",
    "db": "Upgrade, check and back up the store.",
    "key": "Generate, show, check and rotate encryption keys.",
    "worker": "Run queued refreshes.",
    "doctor": "Examine the installation, and explain each failure and its fix.",
}
"""The help of each command group, and of the command ``doctor``.

Each is a module that is imported on first use."""


@cache  # Several command lines can run in one process.
def _group(name: str) -> Any:  # noqa: ANN401  # A command of Typer.
    """Import a command group."""
    module = import_module(f"smaply_metrics_core.cli.commands.{name}")
    module.app.rich_markup_mode = None  # As the root command.
    group = typer.main.get_command(module.app)
    group.name = name
    if isinstance(group, TyperGroup):  # Not a single command, which has its own help.
        group.help = GROUPS[name]
    return group


class _Groups(dict[str, Any]):
    """The command groups by name, imported on first use."""

    def __init__(self) -> None:
        super().__init__(dict.fromkeys(GROUPS))

    def __getitem__(self, name: str) -> Any:  # noqa: ANN401  # As above.
        """Return a group.

        Raises:
            KeyError: for an unknown name.
        """
        return super().__getitem__(name) or _group(name)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401  # As above.
        """Return a group, or the default for an unknown name."""
        return self[name] if name in self else default  # noqa: SIM401  # This is `get`.

    def items(self) -> Any:  # noqa: ANN401  # As above.
        """Return all groups, which imports them."""
        return {name: self[name] for name in self}.items()


class RootCommand(TyperGroup):
    """The root command, which turns every error into one message, one remedy and an exit code."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401  # As in the base class.
        super().__init__(**settings)
        self.commands = _Groups()

    def format_commands(
        self,
        ctx: Any,  # noqa: ANN401, ARG002  # The signature of the overridden method.
        formatter: Any,  # noqa: ANN401  # See above.
    ) -> None:
        """Write the help of the groups without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(GROUPS.items()))

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,  # noqa: ANN401  # The signature of the overridden method.
        **extra: Any,  # noqa: ANN401  # See above.
    ) -> NoReturn:
        """Run a command line and exit."""
        arguments = sys.argv[1:] if args is None else list(args)
        reporter = ExitReporter(arguments)

        def command() -> Any:  # noqa: ANN401  # Typer returns the code of an `Exit`, or nothing.
            reject_undecodable(arguments)
            extra["standalone_mode"] = False
            with command_log(arguments):
                return TyperGroup.main(self, arguments, prog_name, **extra)

        with terminated_gracefully():
            code = reporter.run(command)
        sys.exit(code)


app = typer.Typer(
    cls=RootCommand,
    name="smaply-metrics",
    help="Calculate customer-experience metrics from survey tools.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's boxes leave too little room for their content.
)


@app.callback(invoke_without_command=True)
@option_groups
def root(
    invocation: CommandContext,
    *,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", show_default=False)
    ] = False,
) -> None:
    """Calculate customer-experience metrics from survey tools."""
    before_command(invocation)
    if version:
        if invocation.wants_json:
            print_json({"version": __version__})
        else:
            print_text(f"smaply-metrics {__version__}")
        raise typer.Exit
    if invocation.context.invoked_subcommand is None:
        raise CommandLineError("The command is missing.", "Run `smaply-metrics --help`.")


def run() -> None:
    """Run the command line of this process and exit."""
    with process_of_our_own():
        app()
