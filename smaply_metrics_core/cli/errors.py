"""Errors of the command line: usage errors, exit codes and their output."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Any, Final

import typer

from smaply_metrics_core.cli.output import error_json, print_json, print_problem
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.problem import Blame, Problem
from smaply_metrics_core.terminal_text import visible_lines

DONE: Final = 0
REFUSED: Final = 1
WRONG_USAGE: Final = 2
INTERRUPTED: Final = 130

SHORTEST_SECRET: Final = 20
"""Length from which an unknown word is redacted in messages, because it may be a token."""


class CommandLineError(Exception):
    """The command line is not valid: nothing was done, and the exit code is 2."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy


class ExitReporter:
    """Runs a command line and turns its outcome into messages and an exit code.

    The output mode is read from the unparsed arguments, so that it also applies to parse errors.
    """

    def __init__(self, arguments: Sequence[str]) -> None:
        self.arguments = arguments
        self.as_json = "--json" in arguments
        self.with_traceback = "--debug" in arguments

    def run(self, command: Callable[[], Any]) -> int:
        """Run a command and return the exit code."""
        try:
            return int(command() or DONE)
        except (KeyboardInterrupt, typer.Abort):  # Abort: standard input ended at a prompt.
            return INTERRUPTED
        except Exception as error:  # noqa: BLE001  # A bug is reported as a problem, too.
            return self._report(error)

    def _report(self, error: Exception) -> int:
        problem, code = _problem_of(error, self.arguments)
        if self.with_traceback and code != WRONG_USAGE:
            trace = "".join(traceback.format_exception(error))
            sys.stderr.write(visible_lines(trace, indent="") + "\n")
        if self.as_json:
            print_json({"error": error_json(problem)})
        else:
            print_problem(problem, stderr=True)
        return code


def reject_undecodable(arguments: Sequence[str]) -> None:
    """Raise when an argument is not text.

    Raises:
        CommandLineError: for bytes that are not text in the terminal's encoding.
    """
    try:
        "".join(arguments).encode()
    except UnicodeEncodeError:
        raise CommandLineError(
            "An argument is not text in the terminal's encoding.", "Enter it again as UTF-8."
        ) from None


def _problem_of(error: Exception, arguments: Sequence[str]) -> tuple[Problem, int]:
    if isinstance(error, MetricsError):
        return error.to_problem(), REFUSED
    if isinstance(error, CommandLineError):
        return _usage_problem(error.message, error.remedy), WRONG_USAGE
    if isinstance(error, typer.TyperException):
        return _typer_problem(error, arguments), WRONG_USAGE
    # The text of an unexpected exception may contain a secret.
    bug = Problem(
        kind="bug",
        message=f"smaply-metrics failed with an unexpected error ({type(error).__name__}).",
        remedy="Run the command again with --debug and send the output to support.",
        blame=Blame.PLUGIN,
    )
    return bug, REFUSED


def _usage_problem(message: str, remedy: str) -> Problem:
    return Problem(kind="wrong_usage", message=message, remedy=remedy, blame=Blame.CONFIGURATION)


def _typer_problem(error: typer.TyperException, arguments: Sequence[str]) -> Problem:
    context: typer.Context | None = getattr(error, "ctx", None)
    message = error.format_message().strip().replace("Value error, ", "")
    if message.startswith("Got unexpected extra argument"):
        # The argument may be a secret that was meant for standard input.
        message = "There are too many arguments for this command."
    message = _without_long_words(message, set(arguments), _options(error))
    return _usage_problem(
        message, f"Run `{context.command_path if context else 'smaply-metrics'} --help`."
    )


def _without_long_words(message: str, typed: set[str], options: set[str]) -> str:
    """Redact long words that were typed and are not options; one may be a misplaced secret."""
    words = {part for word in typed for part in (word, *word.partition("=")[::2])} - options
    for word in sorted(words, key=len, reverse=True):
        if len(word) >= SHORTEST_SECRET:
            message = message.replace(repr(word), "“…”").replace(word, "…")
    return message


def _options(error: typer.TyperException) -> set[str]:
    """Return the known options of the command that raised an error."""
    context: typer.Context | None = getattr(error, "ctx", None)
    known = {name for each in (context.command.params if context else ()) for name in each.opts}
    if not error.message.startswith("No such option"):
        known.add(getattr(error, "option_name", ""))  # A known option, used wrongly.
    return known
