"""Writes docs/settings.md from the settings models: ``make docs``."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields
from pathlib import Path
from typing import Final

from smaply_metrics_core.environment import HOST_PREFIX, SECRET_PREFIX, EnvironmentVariable
from smaply_metrics_core.host import Settings
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_host.settings import HostSettings

PAGE: Final = Path(__file__).resolve().parents[2] / "docs" / "settings.md"

INTRODUCTION: Final = f"""\
# Settings

<!-- Written by `make docs` from the settings models. Change the models, not this page. -->

Everything that an operator sets is an environment variable. `Settings.from_environment` reads
them into one typed object; a host app can pass its own mapping or construct `Settings` itself. A
blank variable counts as not set, except `SMAPLY_METRICS_ENCRYPTION_KEYS`. A value that is not
valid ends the start of a host, and each command that reads it, with an error that names the
variable and what to write; a key that is not valid does so when a credential is first sealed or
opened.

A `SMAPLY_METRICS_…` variable that is not on this page is logged as a warning when a host starts; a
command that reads sources or a store writes the warning on standard error. The framework ignores
variables that begin with `{SECRET_PREFIX}` or `{HOST_PREFIX}`; the reference host
checks the latter.
"""

HEAD: Final = (
    "| Variable | Meaning | Value | Default | Read by |\n| --- | --- | --- | --- | --- |\n"
)

SECRETS: Final = EnvironmentVariable(
    name=f"{SECRET_PREFIX}<FIELD>",
    meaning="One secret field of the credentials that `connection add` and `connection edit` "
    "store; FIELD is its name in capitals, as in API_TOKEN.",
    expects="the secret",
    default="standard input or a prompt",
    read_by="the command",
)

CLOSING: Final = """\

Keys and the database's URL are secrets: neither a repr nor an error nor a log shows them.

The Qualtrics connector reads one more variable, `SMAPLY_QUALTRICS_SANDBOX=127.0.0.1:PORT`: the one
loopback host to which it may connect over plain HTTP.
"""


def host_variables() -> tuple[EnvironmentVariable, ...]:
    """Return the variables of the reference host."""
    return tuple(
        EnvironmentVariable(
            name=field.metadata["variable"],
            meaning=field.metadata["meaning"],
            expects=field.metadata["expects"],
            default=field.metadata["default"],
            read_by="the reference host",
        )
        for field in fields(HostSettings)
        if "variable" in field.metadata
    )


def table(variables: Iterable[EnvironmentVariable]) -> str:
    """Return a table of variables."""
    rows = (
        (f"`{one.name}`", one.meaning, one.expects, one.default, one.read_by) for one in variables
    )
    cells = ([cell.replace("|", "\\|") for cell in row] for row in rows)
    return HEAD + "".join(f"| {' | '.join(row)} |\n" for row in cells)


def text() -> str:
    """Return the page."""
    return (
        f"{INTRODUCTION}\n## The framework\n\n{table(Settings.variables())}"
        f"\n## Sources\n\n{table(SourceSettings.variables())}"
        f"\n## The command\n\n{table([SECRETS])}"
        f"\n## The reference host\n\n{table(host_variables())}{CLOSING}"
    )


if __name__ == "__main__":
    PAGE.write_text(text(), encoding="utf-8")
