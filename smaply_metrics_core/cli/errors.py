"""How a command ends: usage errors, exit codes, and how an error is printed."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

import typer

from smaply_metrics_core.cli.output import error_json, print_json, print_problem
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Blame, Problem

DONE: Final = 0
REFUSED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

SHORTEST_SECRET: Final = 20
"""Characters from which on an unknown word is not repeated in a message: it may be a token."""


class CommandLineError(Exception):
    """The command line is wrong: exit code 2, one message and one remedy, nothing was done."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ExitReporter:
    """Runs a command line and turns however it ends into messages and an exit code.

    The output mode is read from the unparsed arguments, so that an error in them is written in it.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = arguments
        self.as_json = "--json" in arguments
        self.with_traceback = "--debug" in arguments

    def run(self, command: Callable[[], Any]) -> int:
        """Run a command; return the exit code."""
        try:
            return int(command() or DONE)
        except (KeyboardInterrupt, typer.Abort):  # Abort: standard input ended at a prompt.
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001  # A bug as well is reported in plain words.
            return self._report(error)

    def _report(self, error: Exception) -> int:
        problem, code = _problem_of(error, self.arguments)
        if self.with_traceback and code != WRONG_USAGE:
            traceback.print_exception(error)
        if self.as_json:
            print_json({"error": error_json(problem)})
        else:
            print_problem(problem, stderr=True)
        return code


def reject_undecodable(arguments: Sequence[str]) -> None:
    """Check that arguments are text.

    Raises:
        CommandLineError: when one is not.
    """
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise CommandLineError(
            "An argument is not text in the terminal's encoding.", "Type it again, as UTF-8."
        ) from None


def _problem_of(error: Exception, arguments: Sequence[str]) -> tuple[Problem, int]:
    if isinstance(error, MetricsError):
        return error.to_problem(), REFUSED
    if isinstance(error, CommandLineError):
        return _usage_problem(error.message, error.remedy), WRONG_USAGE
    if isinstance(error, typer.TyperException):
        return _typer_problem(error, arguments), WRONG_USAGE
    # A bug. Its text is not shown: it may hold anything.
    bug = Problem(
        kind="bug",
        message=f"Something is wrong in smaply-metrics itself ({type(error).__name__}).",
        remedy="Run the command again with --debug and send what it shows to support.",
        blame=Blame.PLUGIN,
    )
    return bug, REFUSED


def _usage_problem(message: str, remedy: str) -> Problem:
    return Problem(kind="wrong_usage", message=message, remedy=remedy, blame=Blame.CONFIGURATION)


def _typer_problem(error: typer.TyperException, arguments: Sequence[str]) -> Problem:
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
    """Remove long words that were typed and are not options: one may be a misplaced secret."""
    words = {part for word in typed for part in (word, *word.partition("=")[::2])} - options
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_SECRET:
            message = message.replace(repr(word), "“…”").replace(word, "…")
    return message


def _options(error: typer.TyperException) -> set[str]:
    """Return the options that are known where a command line is wrong."""
    context: typer.Context | None = getattr(error, "ctx", None)
    known = {name for each in (context.command.params if context else ()) for name in each.opts}
    if not error.message.startswith("No such option"):
        known.add(getattr(error, "option_name", ""))  # One that is used in a wrong way.
    return known
