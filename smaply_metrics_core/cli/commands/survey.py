"""``survey list|questions``: the surveys of a connection and their questions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.arguments import ConnectionArgument, SurveyArgument
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text

if TYPE_CHECKING:
    from smaply_metrics_core.models.survey import Choice, Question, Questionnaire

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("list")
@option_groups
def list_surveys(
    connection: ConnectionArgument,
    *,
    search: Annotated[
        str,
        typer.Option(
            metavar="TEXT",
            help="List only surveys whose name or ID contains this text.",
            show_default=False,
        ),
    ] = "",
    invocation: CommandContext,
) -> None:
    """List the surveys that a connection can access."""
    with invocation.open() as opened:
        listed = opened.host.catalog.surveys(opened.actor, connection, limit=None).surveys
        zone = opened.zone
    sought = search.casefold().strip()
    found = [s for s in listed if sought in s.name.casefold() or sought in s.id.casefold()]
    if invocation.wants_json:
        print_json([survey.model_dump(mode="json") for survey in found])
        return
    if not found:
        print_text(
            f"None of {len(listed):,} surveys matches “{search}”."
            if listed
            else "There is no survey."
        )
        return
    made = table("Survey", "Name", "Active", "Last modified", whole=("Survey",))
    for survey in found:
        made.add_row(
            text(survey.id, "bold"),
            text(survey.name),
            "" if survey.is_active is None else "yes" if survey.is_active else "no",
            instant_text(survey.last_modified, zone) if survey.last_modified else "",
        )
    show(made)


@app.command("questions")
@option_groups
def list_questions(
    connection: ConnectionArgument,
    survey: SurveyArgument,
    invocation: CommandContext,
) -> None:
    """List the questions of a survey.

    Each question is shown with its answers and its allowed calculations.
    """
    with invocation.open() as opened:
        questionnaire = opened.host.catalog.questionnaire(opened.actor, connection, survey)
    if invocation.wants_json:
        print_json(questionnaire.model_dump(mode="json"))
        return
    _show(questionnaire)


def _show(questionnaire: Questionnaire) -> None:
    print_text(text(questionnaire.survey.name, "bold"), text(f"  {questionnaire.survey.id}", "dim"))
    for question in questionnaire.questions:
        print_text()
        _show_question(question, depth=0)
    if questionnaire.fields:
        print_text()
        print_text(text("Embedded fields", "bold"))
        for field in questionnaire.fields:
            label = f"  {field.label}" if field.label and field.label != field.name else ""
            print_text(f"field:{field.name}", text(label, "dim"), indent=2)
    for note in questionnaire.notes:
        print_text("· ", note, style="dim")


def _show_question(question: Question, depth: int) -> None:
    indent = 4 * depth
    name = f"  {question.name}" if question.name and question.name != question.id else ""
    print_text(text(question.id, "bold"), text(name, "cyan"), f"  {question.text}", indent=indent)
    what = question.kind.replace("_", " ")
    if question.can_group_by:
        what += f" · --group-by question:{question.id}"
    print_text(what, style="dim", indent=indent + 4)
    if question.calculations:
        print_text(
            "calculations: ", " ".join(question.calculations), style="dim", indent=indent + 4
        )
    if question.choices:
        answers = " · ".join(_answer(choice) for choice in question.choices)
        print_text("answers: ", answers, style="dim", indent=indent + 4)
    if question.note:
        print_text(question.note, style="yellow", indent=indent + 4)
    for sub in question.sub_questions:
        _show_question(sub, depth + 1)


def _answer(choice: Choice) -> str:
    shown = choice.key if choice.key == choice.label else f"{choice.key} = {choice.label}"
    return shown if choice.analyze else f"{shown} (not counted)"
