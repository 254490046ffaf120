"""The command's root: what is below it, and how each of its ways to end is told."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final, NoReturn

import typer
from typer.core import TyperGroup

from smaply_metrics_core.cli import demo
from smaply_metrics_core.cli.command_context import before_command, logging_to_stderr
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
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import error_json, print_json, print_problem
from smaply_metrics_core.cli.signals import terminated_gracefully
from smaply_metrics_core.cli.stdio import process_of_our_own
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Blame, Problem

DONE: Final = 0
REFUSED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

SHORTEST_SECRET: Final = 20
"""Characters of a word that nobody knows from which on no message repeats it: it may be a token."""


class Root(TyperGroup):
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
        # Before they are parsed: an error in them is told in the way that they ask for.
        ending = _Ending(arguments)

        def run() -> Any:  # noqa: ANN401  # Typer gives the code of an `Exit`, or nothing.
            _refuse_undecodable(arguments)
            extra["standalone_mode"] = False
            return TyperGroup.main(self, arguments, prog_name, **extra)

        with terminated_gracefully(), logging_to_stderr(debug=ending.with_traceback):
            code = ending.of(run)
        sys.exit(code)


class _Ending:
    """Turns whatever a run of the command comes to into messages and an exit code."""

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = arguments
        self.as_json = "--json" in arguments
        self.with_traceback = "--debug" in arguments

    def of(self, run: Callable[[], Any]) -> int:
        """Run; give the exit code."""
        try:
            return int(run() or DONE)
        except (KeyboardInterrupt, typer.Abort):  # Abort: standard input ended at a prompt.
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001  # A bug as well is told, not thrown at people.
            return self._tell(error)

    def _tell(self, error: Exception) -> int:
        problem, code = _problem_of(error, self.arguments)
        if self.with_traceback and code != WRONG_USAGE:
            traceback.print_exception(error)
        if self.as_json:
            print_json({"error": error_json(problem)})
        else:
            print_problem(problem, stderr=True)
        return code


def _problem_of(error: Exception, arguments: Sequence[str]) -> tuple[Problem, int]:
    if isinstance(error, MetricsError):
        return error.to_problem(), REFUSED
    if isinstance(error, CommandLineError):
        return _usage_problem(error.message, error.remedy), WRONG_USAGE
    if isinstance(error, typer.TyperException):
        return _said_by_typer(error, arguments), WRONG_USAGE
    # A bug. Its text is not shown: nobody knows what it holds.
    bug = Problem(
        kind="bug",
        message=f"Something is wrong in smaply-metrics itself ({type(error).__name__}).",
        remedy="Run the command again with --debug and send what it shows to support.",
        blame=Blame.PLUGIN,
    )
    return bug, REFUSED


def _usage_problem(message: str, remedy: str) -> Problem:
    return Problem(kind="wrong_usage", message=message, remedy=remedy, blame=Blame.CONFIGURATION)


def _refuse_undecodable(arguments: Sequence[str]) -> None:
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise CommandLineError(
            "An argument is not text in the terminal's encoding.", "Type it again, as UTF-8."
        ) from None


def _said_by_typer(error: typer.TyperException, arguments: Sequence[str]) -> Problem:
    context: typer.Context | None = getattr(error, "ctx", None)
    message = error.format_message().strip().replace("Value error, ", "")
    if message.startswith("Got unexpected extra argument"):
        # Not repeated: it may be a secret that was meant for standard input.
        message = "There are more arguments than this command takes."
    message = _without_long_words(message, set(arguments), _options(error))
    return _usage_problem(
        message, f"See `{context.command_path if context else 'smaply-metrics'} --help`."
    )


def _without_long_words(message: str, typed: set[str], options: set[str]) -> str:
    """Leave out long words that were typed and are no options: one may be a misplaced secret."""
    words = {part for word in typed for part in (word, *word.partition("=")[::2])} - options
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_SECRET:
            message = message.replace(repr(word), "“…”").replace(word, "…")
    return message


def _options(error: typer.TyperException) -> set[str]:
    """Give the options that are known where a command line went wrong."""
    context: typer.Context | None = getattr(error, "ctx", None)
    known = {name for each in (context.command.params if context else ()) for name in each.opts}
    if not error.message.startswith("No such option"):
        known.add(getattr(error, "option_name", ""))  # One that is used in a wrong way.
    return known


app = typer.Typer(
    cls=Root,
    name="smaply-metrics",
    help="Customer-experience numbers from survey tools, correct and fresh.",
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # Rich's boxes leave too little room for what is in them.
)
app.callback()(option_groups(before_command))
# Those without a name add their commands to the root itself.
for _part in (
    connection.app,
    survey.app,
    metric.preview_app,
    card.app,
    bundle.export_app,
    source_development.app,
    audit.app,
    demo.app,
    worker.app,
):
    app.add_typer(_part)
app.add_typer(source.app, name="sources")
app.add_typer(metric.app, name="metric")
app.add_typer(account.app, name="account")
app.add_typer(bundle.app, name="bundle")
app.add_typer(db.app, name="db")


def main() -> None:
    """Run the command line of this process and end it."""
    with process_of_our_own():
        app()
