"""Credentials from options, standard input, the environment or a prompt.

A secret is never an argument, because the shell's history stores arguments.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Final, TypeAlias

import typer
from pydantic import SecretBytes, SecretStr

from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.output import print_text, text
from smaply_metrics_core.models.credentials import CredentialField

SECRET_VARIABLE: Final = "SMAPLY_METRICS_SECRET_"  # noqa: S105  # A prefix of variable names.
LONGEST_SECRET: Final = 64 * 1024
"""Maximum number of bytes of a secret on standard input."""


EnteredValues: TypeAlias = dict[str, str | SecretStr]
"""The values by field; secrets are ``SecretStr``, so that no traceback shows them."""


@dataclass(frozen=True)
class CredentialOptions:
    """The options for credentials."""

    fields: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="FIELD=VALUE",
            help="Value of a field that is not a secret. Can be repeated.",
            show_default=False,
        ),
    ] = None
    secret_stdin: Annotated[
        str | None,
        typer.Option(
            "--secret-stdin",
            metavar="FIELD",
            help="Secret field to read from standard input. Other secrets come from the variable "
            f"{SECRET_VARIABLE}<FIELD> or a prompt.",
            show_default=False,
        ),
    ] = None

    def entered(self, known: Sequence[CredentialField]) -> EnteredValues:
        """Return the values from options, standard input and the environment.

        Raises:
            CommandLineError: for an unknown secret field, or a secret given as an argument. The
                message contains no value, which may be a misplaced secret.
        """
        secret = [field.name for field in known if field.secret]
        values: EnteredValues = {}
        for pair in self.fields or ():
            name, separator, value = pair.partition("=")
            name = name.strip()
            if not (separator and name):
                raise CommandLineError(
                    "--set requires a field and a value.", "Write it as --set base_url=HOST."
                )
            if name in secret:
                raise CommandLineError(
                    f"{name} is a secret and must not be an argument: the shell's history stores "
                    "arguments.",
                    f"{_ways(name)} If you have just typed a valid token, replace it.",
                )
            if name in values:
                raise CommandLineError(f"--set has {name} twice.", "Set each field once.")
            values[name] = value
        for name in secret:
            if os.environ.get(_variable(name)):
                values[name] = SecretStr(os.environ[_variable(name)])
        if self.secret_stdin is not None:
            if self.secret_stdin not in secret:
                raise CommandLineError(
                    "The value of --secret-stdin is not a secret field of this source.",
                    f"Use the name of a field: {' or '.join(secret)}."
                    if secret
                    else "Omit --secret-stdin; this source has no secret field.",
                )
            values[self.secret_stdin] = _standard_input(self.secret_stdin)
        return values


def at_a_terminal() -> bool:
    """Whether standard input is a terminal, which can prompt."""
    return sys.stdin.isatty()


def prompt_missing(known: Sequence[CredentialField], values: EnteredValues) -> EnteredValues:
    """Prompt in the terminal for missing required fields and return all values.

    Raises:
        CommandLineError: when a secret is missing and there is no terminal.
    """
    for field in known:
        if field.name in values or not field.required:
            continue
        if at_a_terminal():
            values[field.name] = _prompt(field)
        elif field.secret:
            raise CommandLineError(f"{field.label} ({field.name}) is missing.", _ways(field.name))
    return values


def prompt_changes(known: Sequence[CredentialField]) -> EnteredValues:
    """Prompt in the terminal for new values of all fields; return none without a terminal."""
    if not at_a_terminal():
        return {}
    print_text("Press Enter to keep the current value of a field.", stderr=True)
    return {field.name: _prompt(field) for field in known}


def _prompt(field: CredentialField) -> str | SecretStr:
    if field.help:
        print_text(field.help, style="dim", stderr=True)
    label = text(field.label).plain
    if field.secret:
        return _prompt_secret(label)
    answer: str = typer.prompt(label, default="", show_default=False, hide_input=False, err=True)
    return answer


def _prompt_secret(label: str) -> SecretStr:
    return SecretStr(typer.prompt(label, default="", show_default=False, hide_input=True, err=True))


def _standard_input(name: str) -> SecretStr:
    """Read all of standard input; the field's own validation rejects a line break in a token."""
    if at_a_terminal():
        return _prompt_secret(name)
    content = SecretBytes(sys.stdin.buffer.read(LONGEST_SECRET + 1))
    if len(content) > LONGEST_SECRET:
        raise CommandLineError(
            "Standard input is too long for a secret.", f"Send only the value of {name}."
        )
    decoded = _decoded(content)
    if decoded is None:  # Outside the except clause: the exception of the codec has the bytes.
        raise CommandLineError(
            "Standard input is not text.", f"Send only the value of {name}, as UTF-8 text."
        )
    return decoded


def _decoded(content: SecretBytes) -> SecretStr | None:
    try:
        return SecretStr(content.get_secret_value().decode().removesuffix("\n").removesuffix("\r"))
    except UnicodeDecodeError:
        return None


def _variable(name: str) -> str:
    return f"{SECRET_VARIABLE}{name.upper()}"


def _ways(name: str) -> str:
    return (
        f"Send it on standard input with --secret-stdin {name}, set {_variable(name)}, or enter it "
        "at the prompt of a terminal."
    )
