"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="The ID of a connection or of its source.")
]

SurveyArgument = Annotated[str, typer.Argument(metavar="SURVEY", help="The ID of a survey.")]
