"""What the demo's account holds: connections, metrics, and a journey map that shows them."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import (
    Actor,
    Calculation,
    Definition,
    Display,
    GroupBy,
    MetricType,
    QuestionKind,
    Role,
)
from smaply_metrics_host.store.journey import Cell

if TYPE_CHECKING:
    from smaply_metrics_host.site import Site

ACCOUNT: Final = "demo"


async def furnish(site: Site, host: str, token: str, seed: int) -> str:
    """Connect the sandbox, make metrics and a map; gives the map's id."""
    del seed
    actor = Actor(ACCOUNT, "Ada", Role.ADMIN)
    connection = await site.metrics.connections.connect(
        actor, "qualtrics", {"base_url": host, "api_token": token}
    )
    await asyncio.to_thread(site.people.invite, ACCOUNT, "Ada", Role.ADMIN)
    workspace = (await asyncio.to_thread(site.people.workspaces, ACCOUNT))[0]
    survey = (await site.metrics.connections.surveys(actor, connection.id))[0]
    questionnaire = await site.metrics.connections.questions(actor, connection.id, survey.id)
    nps = next(one for one in questionnaire.walk() if one.kind is QuestionKind.NPS)
    map_id = await asyncio.to_thread(site.journeys.add, ACCOUNT, workspace.id, "Buying online")
    stage = await asyncio.to_thread(site.journeys.add_stage, ACCOUNT, map_id, "Discover")
    lane = await asyncio.to_thread(site.journeys.add_lane, ACCOUNT, map_id, "Metrics", "data")
    for name, definition in (
        (
            "NPS",
            Definition(survey_id=survey.id, question_id=nps.id, calculation=Calculation.NPS),
        ),
        (
            "NPS by quarter",
            Definition(
                type=MetricType.SERIES,
                survey_id=survey.id,
                question_id=nps.id,
                calculation=Calculation.NPS,
                group_by=GroupBy.parse("period:quarter"),
            ),
        ),
    ):
        metric = await site.metrics.metrics.add(
            actor, connection.id, name, definition, workspace=workspace.id
        )
        await asyncio.to_thread(
            site.placing.place, ACCOUNT, Cell(map_id, lane, stage), metric.id, Display()
        )
    return map_id
