"""Factories of metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smaply_metrics_core.host import Calculation, Definition, Metric, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

RELATIONSHIP = "SV_RelationshipA01"
NPS = Definition(survey_id=RELATIONSHIP, question_id="QID1", calculation=Calculation.NPS)


def make(
    world: World,
    name: str = "NPS",
    definition: Definition = NPS,
    workspace: str = "",
    connection: str = "qualtrics",
) -> Metric:
    """Create a metric, by default in the account's first workspace."""
    world.app_state.people.invite(world.account, "Ada", Role.ADMIN)
    workspace = workspace or world.app_state.people.workspaces(world.account)[0].id
    add = world.app_state.metrics.metrics.add(
        world.actor(), connection, name, definition, workspace=workspace
    )
    return world.run(add)


def saved(world: World) -> list[Metric]:
    """Return the stored metrics."""
    return list(world.run(world.app_state.metrics.metrics.list(world.actor())))


def add_questions(world: World, number: int) -> None:
    """Add questions “Topic 0?”, “Topic 1?” to the survey, with ids from QID1000 on."""
    definition = world.sandbox.state.survey(RELATIONSHIP).definition
    block = next(iter(definition["Blocks"].values()))
    for topic in range(number):
        question_id = f"QID{1000 + topic}"
        definition["Questions"][question_id] = {
            **definition["Questions"]["QID2"],
            "QuestionID": question_id,
            "DataExportTag": f"Topic_{topic}",
            "QuestionText": f"Topic {topic}?",
        }
        block["BlockElements"].append({"Type": "Question", "QuestionID": question_id})
