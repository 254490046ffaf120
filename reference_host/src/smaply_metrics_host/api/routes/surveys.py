"""Surveys and questions of a connection, chosen surveys, and the valid options of a metric."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from fastapi import Query
from pydantic import ConfigDict, Field

from smaply_metrics_core.host import (
    PRESETS,
    ComparedPeriod,
    DateRange,
    MetricDraft,
    MetricOptions,
    Questionnaire,
    SurveyChoice,
    SurveyPage,
    Window,
)
from smaply_metrics_host.api.models import (
    LONGEST_SURVEY_ID,
    ApiModel,
    ConnectionInPath,
    SurveyId,
    example,
)
from smaply_metrics_host.api.responses import errors
from smaply_metrics_host.api.routing import Admin, Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState
from smaply_metrics_host.web.json_body import MOST_ITEMS

router = api_router("surveys")

Reload = Annotated[bool, Query(description="Whether to ignore cached data.")]


class FormState(ApiModel):
    """The current state of a metric's form."""

    model_config = example(survey_id="SV_1", draft={"type": "series", "question_id": "QID1"})

    survey_id: SurveyId
    draft: MetricDraft = MetricDraft()


class NewChoice(ApiModel):
    """The surveys that metrics of a connection may use."""

    model_config = example(version=1, survey_ids=["SV_1"])

    version: Annotated[
        int,
        Field(
            ge=1,
            le=2**31 - 2,
            description="The version that the change is based on. If the choice has a newer "
            "version, the response is 409 and nothing is saved.",
        ),
    ]
    survey_ids: Annotated[
        list[SurveyId] | None,
        Field(
            min_length=1,
            max_length=MOST_ITEMS,
            description="The IDs of the chosen surveys; null allows all surveys.",
        ),
    ]


class RangeQuery(DateRange):
    """A date range, optionally with the preceding one."""

    model_config = ConfigDict(defer_build=False)  # FastAPI needs the schema of a query model.

    preset: str = Field(
        default="all_time",
        json_schema_extra={"enum": [*PRESETS, "custom"]},
        description="The name of the date range.",
    )
    start: date | None = Field(default=None, description="The first day; only with `custom`.")
    end: date | None = Field(
        default=None, description="The day after the last day; only with `custom`."
    )
    comparison: bool = Field(default=False, description="Whether to add the range to compare with.")
    compare_with: ComparedPeriod = Field(
        default=ComparedPeriod.PREVIOUS_PERIOD, description="The range to compare with."
    )


@router.get("/connections/{connection_id}/surveys", responses=errors(409, 502))
async def list_surveys(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    editor: Editor,
    connection_id: ConnectionInPath,
    search: Annotated[str, Query(max_length=300, description="Text in the name, or an ID.")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="Number of surveys to skip.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="Maximum number of surveys.")] = 50,
    reload: Reload = False,  # noqa: FBT002  # A parameter of the call.
) -> SurveyPage:
    """List the surveys of a connection, most recently modified first.

    If an Admin has restricted the connection, only the chosen surveys are listed. The list is
    cached for ten minutes.
    """
    return await app_state.metrics.catalog.surveys(
        editor.actor, connection_id, search=search, offset=offset, limit=limit, reload=reload
    )


@router.get("/connections/{connection_id}/chosen-surveys", responses=errors(409))
async def show_chosen_surveys(
    app_state: CurrentAppState,
    admin: Admin,
    connection_id: ConnectionInPath,
    reload: Reload = False,  # noqa: FBT002  # A parameter of the call.
) -> SurveyChoice:
    """Get all surveys of a connection, and which of them are chosen.

    If the survey tool cannot be read, `problem` says why, and only known surveys are listed.
    """
    return await app_state.metrics.chosen_surveys.show(admin.actor, connection_id, reload=reload)


@router.put("/connections/{connection_id}/chosen-surveys", responses=errors(409, 502))
async def choose_surveys(
    app_state: CurrentAppState, admin: Admin, connection_id: ConnectionInPath, body: NewChoice
) -> SurveyChoice:
    """Restrict a connection to chosen surveys, or allow all of them.

    Metrics of other surveys keep their latest value but are not refreshed until their survey is
    chosen again.
    """
    chosen = app_state.metrics.chosen_surveys
    await chosen.edit(admin.actor, connection_id, body.survey_ids, version=body.version)
    return await chosen.show(admin.actor, connection_id)


@router.get("/connections/{connection_id}/questionnaire", responses=errors(409, 502))
async def show_questionnaire(
    app_state: CurrentAppState,
    editor: Editor,
    connection_id: ConnectionInPath,
    survey_id: Annotated[
        str,
        Query(
            description="The survey's ID. It does not have to be in the list of surveys.",
            min_length=1,
            max_length=LONGEST_SURVEY_ID,
            examples=["SV_1"],
        ),
    ],
    reload: Reload = False,  # noqa: FBT002  # A parameter of the call.
) -> Questionnaire:
    """Get the questions of a survey.

    Includes their answers and the valid calculations.
    """
    return await app_state.metrics.catalog.questionnaire(
        editor.actor, connection_id, survey_id, reload=reload
    )


@router.post("/connections/{connection_id}/options", responses=errors(409, 502))
async def list_options(
    app_state: CurrentAppState, editor: Editor, connection_id: ConnectionInPath, body: FormState
) -> MetricOptions:
    """Get the options of each field of a metric's form.

    Earlier choices narrow the later options. An option that cannot be selected has a reason.
    Nothing is saved.
    """
    questionnaire = await app_state.metrics.catalog.questionnaire(
        editor.actor, connection_id, body.survey_id
    )
    return await app_state.metrics.catalog.options(questionnaire, body.draft)


@router.get("/windows")
async def list_windows(
    app_state: CurrentAppState, editor: Editor, query: Annotated[RangeQuery, Query()]
) -> list[Window]:
    """Get the start and end of a date range, in the account's time zone.

    With `comparison`, the second window is the range to compare with.
    """
    date_range = DateRange(preset=query.preset, start=query.start, end=query.end)
    return list(
        await app_state.metrics.catalog.windows(
            editor.actor,
            date_range,
            comparison=query.comparison,
            compare_with=query.compare_with,
        )
    )
