"""Propose a mapping as YAML: ``python -m smaply_metrics_sql propose DATABASE``."""

from __future__ import annotations

import argparse
import getpass
import os
import sys
import tempfile
from pathlib import Path
from typing import Final

import httpx
from pydantic import ValidationError

from smaply_metrics_core import Deadline, Destination, MetricsError, SourceContext, SystemClock
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.mapping.proposal import propose
from smaply_metrics_sql.mapping.yaml_text import write_mapping
from smaply_metrics_sql.opening import opened

PASSWORD_VARIABLE: Final = "SQL_PASSWORD"  # noqa: S105  # A variable's name.
_SECONDS: Final = 120


def main(arguments: list[str] | None = None) -> int:
    """Run the command, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m smaply_metrics_sql", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    about = "print a mapping of the tables that look like responses"
    proposing = commands.add_parser("propose", help=about, description=about)
    proposing.add_argument(
        "database",
        help="postgresql://host:5432/name, mariadb://host:3306/name, sqlite:FILE, duckdb:FILE or "
        "parquet:FOLDER",
    )
    proposing.add_argument(
        "--user",
        default="",
        help=f"for a server; its password is prompted for, or read from {PASSWORD_VARIABLE}",
    )
    options = parser.parse_args(arguments)
    password = ""
    if options.user:
        password = os.environ.get(PASSWORD_VARIABLE) or getpass.getpass("Password: ")
    try:
        sys.stdout.write(proposal(options.database, options.user, password))
    except ValidationError as error:
        return _failed(error.errors(include_url=False, include_input=False)[0]["msg"])
    except MetricsError as error:
        return _failed(f"{error} {error.remedy}".rstrip())
    return 0


def proposal(database: str, user: str, password: str) -> str:
    """Return the proposed mapping of a database as YAML.

    Raises:
        ValidationError: when the arguments are wrong.
        MetricsError: when the database cannot be read.
    """
    credentials = SqlCredentials.model_validate(
        {"database": database, "user": user, "password": password}
    )
    place = credentials.destination
    if place.folder is not None:
        place = Destination(kind="folder", folder=place.folder.resolve())
    clock = SystemClock()
    with tempfile.TemporaryDirectory() as folder, httpx.Client() as client:
        context = SourceContext(
            http=client,
            deadline=Deadline.after(_SECONDS, clock),
            destinations=(place,),
            folder=Path(folder),
            clock=clock,
        )
        with opened(credentials, context) as found:
            mapping = propose(found.tables())
    if mapping is None:
        return "# No table looks like the responses of a survey.\n"
    return write_mapping(mapping)


def _failed(message: str) -> int:
    sys.stderr.write(message + "\n")
    return 1


if __name__ == "__main__":
    sys.exit(main())
