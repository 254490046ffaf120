"""Credentials from options, standard input, the environment or a prompt.

A secret is never an argument: arguments stay in the shell's history.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final

import typer

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.output import print_text, text
from smaply_metrics_core.models.credentials import CredentialField

SECRET_VARIABLE: Final = "SMAPLY_METRICS_SECRET_"  # noqa: S105  # The prefix of variables.
LONGEST_SECRET: Final = 64 * 1024
"""Bytes of standard input; more than this is a file and not a secret."""


@dataclass(frozen=True)
class CredentialOptions:
    """How the fields of credentials are given."""

    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="A field that is not a secret. May be repeated.",
            show_default=False,
        ),
    ] = None
    secret_stdin: Annotated[
        str | None,
        typer.Option(
            "--secret-stdin",
            metavar="FIELD",
            help="Read this secret field from standard input. Others: from the variable "
            f"{SECRET_VARIABLE}FIELD, or from a prompt in a terminal.",
            show_default=False,
        ),
    ] = None

    def entered(self, known: Sequence[CredentialField]) -> dict[str, str]:
        """Return the fields that were entered, without a prompt.

        Raises:
            CommandLineError: for an unknown field, or a secret given as an argument. No value is
                repeated: it may be a misplaced secret.
        """
        secret = [field.name for field in known if field.secret]
        values: dict[str, str] = {}
        for pair in self.fields or ():
            name, separator, value = pair.partition("=")
            name = name.strip()
            if not (separator and name):
                raise CommandLineError(
                    "--set takes a field and its value.", "Write it as --set base_url=HOST."
                )
            if name in secret:
                raise CommandLineError(
                    f"{name} is a secret: as an argument it would stay in the shell's history.",
                    f"{_ways(name)} If you have just typed a token that is in use, replace it.",
                )
            if name in values:
                raise CommandLineError(f"--set gives {name} twice.", "Give each field once.")
            values[name] = value
        for name in secret:
            from_environment = os.environ.get(_variable(name))
            if from_environment:
                values[name] = from_environment
        if self.secret_stdin is not None:
            if self.secret_stdin not in secret:
                raise CommandLineError(
                    "--secret-stdin names no secret field of this source.",
                    f"It takes the name of a field: {' or '.join(secret)}."
                    if secret
                    else "Leave it out: this source has no secret.",
                )
            values[self.secret_stdin] = _standard_input(self.secret_stdin)
        return values


def at_a_terminal() -> bool:
    """Whether a prompt can be answered."""
    return sys.stdin.isatty()


def prompt_missing(known: Sequence[CredentialField], values: dict[str, str]) -> dict[str, str]:
    """Prompt in the terminal for required fields that were not entered.

    Raises:
        CommandLineError: when a secret is missing and there is no terminal.
    """
    for field in known:
        if field.name in values or not field.required:
            continue
        if at_a_terminal():
            values[field.name] = _ask(field)
        elif field.secret:
            raise CommandLineError(f"{field.label} ({field.name}) is missing.", _ways(field.name))
    return values


def prompt_changes(known: Sequence[CredentialField]) -> dict[str, str]:
    """Prompt in the terminal for new values; return nothing without a terminal."""
    if not at_a_terminal():
        return {}
    print_text("Press Enter to leave a field as it is.", stderr=True)
    return {field.name: _ask(field) for field in known}


def _ask(field: CredentialField) -> str:
    if field.help:
        print_text(field.help, style="dim", stderr=True)
    answer: str = typer.prompt(
        text(field.label).plain, default="", show_default=False, hide_input=field.secret, err=True
    )
    return answer


def _standard_input(name: str) -> str:
    """Read all of standard input: a line break inside a token is for its field to refuse."""
    if at_a_terminal():
        return str(typer.prompt(name, default="", show_default=False, hide_input=True, err=True))
    content = sys.stdin.buffer.read(LONGEST_SECRET + 1)
    if len(content) > LONGEST_SECRET:
        raise CommandLineError(
            "Standard input is too long for a secret.", f"Send {name} alone, and nothing else."
        )
    try:
        read = content.decode()
    except UnicodeDecodeError:
        raise CommandLineError(
            "Standard input is not text.", f"Send {name} alone, as UTF-8 text."
        ) from None
    return read.removesuffix("\n").removesuffix("\r")


def _variable(name: str) -> str:
    return f"{SECRET_VARIABLE}{name.upper()}"


def _ways(name: str) -> str:
    return (
        f"Send it on standard input with --secret-stdin {name}, set {_variable(name)}, or run the "
        "command in a terminal, which asks for it."
    )
