"""Arguments that several commands share, and file names made from them."""

from __future__ import annotations

import re
from typing import Annotated, Final

import typer

ConnectionArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONNECTION",
        help="The ID or name of a connection, or the ID of a source with one connection.",
    ),
]

SurveyArgument = Annotated[str, typer.Argument(metavar="SURVEY", help="The ID of a survey.")]

_UNSAFE_IN_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")


def file_name_part(text: str) -> str:
    """Return an ID as a part of a file name, without characters that have a meaning in paths."""
    return _UNSAFE_IN_NAMES.sub("-", text)
