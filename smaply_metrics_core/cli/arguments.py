"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ConnectionArgument = Annotated[
    str,
    typer.Argument(
        metavar="CONNECTION",
        help="The ID or name of a connection, or the ID of a source with one connection.",
    ),
]

SurveyArgument = Annotated[str, typer.Argument(metavar="SURVEY", help="The ID of a survey.")]
