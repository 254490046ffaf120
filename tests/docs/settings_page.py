"""Writes docs/settings.md from the settings models: ``make docs-generated``."""

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

<!-- Written by `make docs-generated` from the settings models. -->

Operators configure the framework with environment variables. `Settings.from_environment` reads them
into one typed object; a host app can pass its own mapping or construct `Settings` itself.

- A blank variable counts as not set, except `SMAPLY_METRICS_ENCRYPTION_KEYS`.
- An invalid value stops a host at start, and each command that reads it. The error names the
  variable and the expected value. An invalid key is reported when a credential is first encrypted
  or decrypted.
- An unknown `SMAPLY_METRICS_…` variable is logged as a warning when a host starts; commands that
  read sources or a store print the warning on standard error. The framework ignores variables that
  begin with `{SECRET_PREFIX}` or `{HOST_PREFIX}`; the reference host checks the latter.
"""

HEAD: Final = (
    "| Variable | Meaning | Value | Default | Read by |\n| --- | --- | --- | --- | --- |\n"
)

SECRETS: Final = EnvironmentVariable(
    name=f"{SECRET_PREFIX}<FIELD>",
    meaning="A secret field of the credentials for `connection add` and `connection edit`; FIELD "
    "is its name in capitals, for example API_TOKEN.",
    expects="the secret",
    default="standard input or a prompt",
    read_by="the command",
)

CLOSING: Final = """\

Keys and the database URL are secrets. They never appear in a repr, an error or a log.

The Qualtrics source reads one more variable, `SMAPLY_QUALTRICS_SANDBOX=127.0.0.1:PORT`: the only
loopback address to which it may connect over plain HTTP.
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
