"""Base model, names and ids of the request and response bodies."""

from __future__ import annotations

from typing import Annotated, Any, Final

from fastapi import Path, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from smaply_metrics_host.store.maps import LONGEST_TITLE
from smaply_metrics_host.store.people import LONGEST_NAME

OWN_ID: Final = r"^[A-Za-z0-9_-]{1,60}$"
SOURCE_ID: Final = r"^[A-Za-z0-9_.-]{1,200}$"
"""Ids of sources (names of entry points) and of connections."""
LONGEST_SURVEY_ID: Final = 400
MOST_AT_ONCE: Final = 200
LONGEST_WAIT: Final = 30.0


class ApiModel(BaseModel):
    """A request or response body: forbids unknown fields and hides input in errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


def example(**values: Any) -> ConfigDict:  # noqa: ANN401  # JSON values.
    """Return a model configuration with an example for the OpenAPI document."""
    return ConfigDict(json_schema_extra={"examples": [values]})


# The limits in the document apply before trimming; afterwards the text must not be empty.
TRIM: Final = AfterValidator(str.strip)
SOME: Final = StringConstraints(min_length=1)
Title = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_TITLE), TRIM, SOME]
"""The name of a metric, a map, a stage or a lane."""
ShortName = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_NAME), TRIM, SOME]
"""The name of a person or a workspace."""

PreviousText = Annotated[
    str | None,
    Field(
        description="The text that the change is based on. If another user changed it, the "
        "response is 409 with the saved text, and nothing is saved. Without it, any text is "
        "replaced."
    ),
]

Id = Annotated[str, StringConstraints(pattern=OWN_ID)]
ConnectionName = Annotated[
    str,
    StringConstraints(pattern=SOURCE_ID),
    Field(description="The connection's ID, or the ID of a source with one connection."),
]
SurveyId = Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_SURVEY_ID)]

SourceInPath = Annotated[
    str, Path(description="The source's ID.", pattern=SOURCE_ID, examples=["qualtrics"])
]
ConnectionInPath = Annotated[
    str,
    Path(
        description="The connection's ID, or the ID of a source with one connection.",
        pattern=SOURCE_ID,
        examples=["qualtrics"],
    ),
]


def id_in_path(what: str, sample: str) -> Any:  # noqa: ANN401  # The type of Path().
    """Return the path parameter for the id of an object of this host."""
    return Path(description=f"The {what}'s ID.", pattern=OWN_ID, examples=[sample])


MetricInPath = Annotated[str, id_in_path("metric", "met_4f1d2a9be07c")]
MapInPath = Annotated[str, id_in_path("journey map", "map_4f1d2a9be07c")]
WaitInQuery = Annotated[
    float,
    Query(
        description="Seconds to wait for the result; 0 returns immediately.",
        ge=0,
        le=LONGEST_WAIT,
        allow_inf_nan=False,
    ),
]
