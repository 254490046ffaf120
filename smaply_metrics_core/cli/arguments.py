"""Arguments that several commands share."""

from __future__ import annotations

from typing import Annotated

import typer

ConnectionArgument = Annotated[
    str, typer.Argument(metavar="CONNECTION", help="A connection's id, or its source.")
]

SurveyArgument = Annotated[str, typer.Argument(metavar="SURVEY", help="A survey's id.")]
