"""The root command and its groups, one for each noun."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from smaply_metrics_core import __version__
from smaply_metrics_core.cli.command_context import (
    CommandContext,
    before_command,
    logging_to_stderr,
)
from smaply_metrics_core.cli.commands import (
    account,
    audit,
    bundle,
    card,
    connection,
    db,
    metric,
    source,
    source_development,
    survey,
    worker,
)
from smaply_metrics_core.cli.errors import CommandLineError, ExitReporter, reject_undecodable
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text
from smaply_metrics_core.cli.signals import terminated_gracefully
from smaply_metrics_core.cli.stdio import process_of_our_own


class RootCommand(TyperGroup):
    """The root command: every error ends here as one message, one remedy and an exit code."""

    def main(
        self,
        args: Sequence[str] | None = None,
        prog_name: str | None = None,
        *_: Any,  # noqa: ANN401  # As the method that this replaces.
        **extra: Any,  # noqa: ANN401  # As above.
    ) -> NoReturn:
        """Run a command line and end the process."""
        arguments = sys.argv[1:] if args is None else list(args)
        reporter = ExitReporter(arguments)

        def command() -> Any:  # noqa: ANN401  # Typer returns the code of an `Exit`, or nothing.
            reject_undecodable(arguments)
            extra["standalone_mode"] = False
            return TyperGroup.main(self, arguments, prog_name, **extra)

        with terminated_gracefully(), logging_to_stderr(debug=reporter.with_traceback):
            code = reporter.run(command)
        sys.exit(code)


app = typer.Typer(
    cls=RootCommand,
    name="smaply-metrics",
    help="Customer-experience numbers from survey tools, correct and fresh.",
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
    """Customer-experience numbers from survey tools, correct and fresh."""
    before_command(invocation)
    if version:
        if invocation.wants_json:
            print_json({"version": __version__})
        else:
            print_text(f"smaply-metrics {__version__}")
        raise typer.Exit
    if invocation.context.invoked_subcommand is None:
        raise CommandLineError("The command is missing.", "See `smaply-metrics --help`.")


source.app.add_typer(source_development.app)
app.add_typer(source.app, name="source")
app.add_typer(connection.app, name="connection")
app.add_typer(survey.app, name="survey")
app.add_typer(metric.app, name="metric")
app.add_typer(card.app, name="card")
app.add_typer(bundle.app, name="bundle")
app.add_typer(account.app, name="account")
app.add_typer(audit.app, name="audit")
app.add_typer(db.app, name="db")
app.add_typer(worker.app, name="worker")


def run() -> None:
    """Run the command line of this process and end it."""
    with process_of_our_own():
        app()
