"""What a connection offers to make metrics of: surveys, questions, and what goes together."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from pydantic import Field

from smaply_metrics_core.host import (
    PRESETS,
    DateRange,
    MetricDraft,
    MetricOptions,
    Questionnaire,
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
from smaply_metrics_host.api.responses import refused
from smaply_metrics_host.api.routing import Editor, api_router
from smaply_metrics_host.app_state import CurrentAppState

router = api_router("surveys")

Reload = Annotated[bool, Query(description="Ask the survey tool although its answer is kept.")]


class FormState(ApiModel):
    """A metric's form as it is filled in so far."""

    model_config = example(survey_id="SV_1", draft={"type": "series", "question_id": "QID1"})

    survey_id: SurveyId
    draft: MetricDraft = MetricDraft()


class RangeAsked(DateRange):
    """A date range, and whether the one before it is wanted too."""

    preset: str = Field(
        default="all_time",
        json_schema_extra={"enum": [*PRESETS, "custom"]},
        description="Its name.",
    )
    comparison: bool = False


@router.get("/connections/{connection_id}/surveys", responses=refused(502))
async def list_surveys(  # noqa: PLR0913, PLR0917  # Each is a parameter of the call.
    app_state: CurrentAppState,
    editor: Editor,
    connection_id: ConnectionInPath,
    search: Annotated[str, Query(max_length=300, description="Text in the name, or an id.")] = "",
    offset: Annotated[int, Query(ge=0, le=1_000_000, description="How many to pass over.")] = 0,
    limit: Annotated[int, Query(ge=1, le=100, description="How many to give at most.")] = 50,
    reload: Reload = False,  # noqa: FBT002  # A parameter of the call.
) -> SurveyPage:
    """List the surveys that a connection can see, the one that was modified last first.

    The survey tool is asked once in ten minutes.
    """
    return await app_state.metrics.catalog.surveys(
        editor.actor, connection_id, search=search, offset=offset, limit=limit, reload=reload
    )


@router.get("/connections/{connection_id}/questionnaire", responses=refused(502))
async def show_questionnaire(
    app_state: CurrentAppState,
    editor: Editor,
    connection_id: ConnectionInPath,
    survey_id: Annotated[
        str,
        Query(
            description="It may be one that the list does not show.",
            min_length=1,
            max_length=LONGEST_SURVEY_ID,
            examples=["SV_1"],
        ),
    ],
    reload: Reload = False,  # noqa: FBT002  # A parameter of the call.
) -> Questionnaire:
    """Describe a survey: its questions, their answers, and what may be calculated from them."""
    return await app_state.metrics.catalog.questionnaire(
        editor.actor, connection_id, survey_id, reload=reload
    )


@router.post("/connections/{connection_id}/options", responses=refused(502))
async def list_options(
    app_state: CurrentAppState, editor: Editor, connection_id: ConnectionInPath, body: FormState
) -> MetricOptions:
    """Say what each list of a metric's form may offer, narrowed by what is chosen before it.

    Nothing is saved. An option that cannot be chosen says why.
    """
    questionnaire = await app_state.metrics.catalog.questionnaire(
        editor.actor, connection_id, body.survey_id
    )
    return await app_state.metrics.catalog.options(questionnaire, body.draft)


@router.get("/windows")
async def list_windows(
    app_state: CurrentAppState, editor: Editor, asked: Annotated[RangeAsked, Query()]
) -> list[Window]:
    """Say which instants a date range covers now, in the account's time zone.

    With ``comparison`` the second one is the range that it is compared with.
    """
    wanted = DateRange(preset=asked.preset, start=asked.start, end=asked.end)
    return list(
        await app_state.metrics.catalog.windows(editor.actor, wanted, comparison=asked.comparison)
    )
