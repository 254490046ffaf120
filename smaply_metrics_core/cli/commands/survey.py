"""``survey list|choose|questions``: the surveys of a connection and their questions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from smaply_metrics_core.calculations.matrix_rows import rows_of
from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli import credential_input
from smaply_metrics_core.cli.arguments import ConnectionArgument, SurveyArgument
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import (
    print_json,
    print_problem,
    print_text,
    show,
    table,
    text,
)

if TYPE_CHECKING:
    from smaply_metrics_core.host import SurveyOption
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
    every: Annotated[
        bool,
        typer.Option(
            "--all",
            help="List surveys that are not chosen as well, with the number of their metrics.",
        ),
    ] = False,
    invocation: CommandContext,
) -> None:
    """List the surveys that metrics of a connection may use.

    These are all that it can access, unless it is restricted by `survey choose`.
    """
    if every:
        _list_all(connection, search, invocation)
        return
    with invocation.open() as opened:
        page = opened.host.catalog.surveys(opened.actor, connection, limit=None)
        zone = opened.zone
    found = [survey for survey in page.surveys if _matches(search, survey.id, survey.name)]
    if invocation.wants_json:
        print_json([survey.model_dump(mode="json") for survey in found])
        return
    if page.restricted:
        print_text("This connection is restricted to chosen surveys.", style="dim")
    if not found:
        _print_none(search, page.total)
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


@app.command("choose")
@option_groups
def choose(
    connection: ConnectionArgument,
    surveys: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[SURVEY…]", help="The IDs of the chosen surveys.", show_default=False
        ),
    ] = None,
    *,
    every: Annotated[bool, typer.Option("--all", help="Allow all surveys.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Skip the confirmation prompt.")] = False,
    invocation: CommandContext,
) -> None:
    """Restrict a connection to chosen surveys, or allow all of them.

    The surveys replace an earlier choice. Metrics of other surveys keep their last values and are
    not refreshed until their survey is chosen again.
    """
    if every is bool(surveys):
        raise CommandLineError(
            "Either surveys or --all is required.", "Enter the IDs of surveys, or --all."
        )
    with invocation.open() as opened:
        chosen, actor = opened.host.chosen_surveys, opened.actor
        version = None
        if surveys and not yes:
            choice = chosen.show(actor, connection)
            version = choice.version
            _confirm(choice.stopped_by(surveys), invocation)
        chosen.edit(actor, connection, surveys or None, version=version)
        view = opened.host.connections.show(actor, connection)
    if invocation.wants_json:
        print_json({"connection": view.id, "chosen_surveys": view.chosen_surveys})
        return
    if view.chosen_surveys is None:
        print_text("Metrics may use all surveys of this connection.")
    else:
        print_text(f"Metrics may use {_count(view.chosen_surveys, 'survey')} of this connection.")


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


def _list_all(connection: str, search: str, invocation: CommandContext) -> None:
    """List all surveys, and which of them are chosen."""
    with invocation.open() as opened:
        choice = opened.host.chosen_surveys.show(opened.actor, connection)
    found = [survey for survey in choice.surveys if _matches(search, survey.id, survey.name)]
    if invocation.wants_json:
        print_json(choice.model_copy(update={"surveys": tuple(found)}).model_dump(mode="json"))
        return
    if found:
        made = table("Survey", "Name", "Chosen", "Metrics", "", whole=("Survey",))
        for survey in found:
            made.add_row(
                text(survey.id, "bold"),
                text(survey.name),
                "yes" if survey.chosen or not choice.restricted else "no",
                f"{survey.metrics:,}" if survey.metrics else "",
                text("no longer found", "yellow") if survey.listed is False else "",
            )
        show(made)
    else:
        _print_none(search, len(choice.surveys))
    if choice.problem is not None:
        print_problem(choice.problem, style="yellow", stderr=True)


def _matches(search: str, survey_id: str, name: str) -> bool:
    sought = search.casefold().strip()
    return sought in name.casefold() or sought in survey_id.casefold()


def _print_none(search: str, total: int) -> None:
    print_text(
        f"None of {_count(total, 'survey')} matches “{search}”." if total else "There is no survey."
    )


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _confirm(stopped: Sequence[SurveyOption], invocation: CommandContext) -> None:
    """Require confirmation if metrics of surveys would no longer be refreshed."""
    if not stopped:
        return
    # With --json there is no output for a declined change.
    if invocation.wants_json or not credential_input.at_a_terminal():
        raise CommandLineError(
            f"This stops {_count(sum(one.metrics for one in stopped), 'metric')}, which requires "
            "confirmation that only a terminal can prompt for.",
            "Add --yes to confirm.",
        )
    print_text("Metrics of these surveys will no longer be refreshed:", stderr=True)
    for survey in stopped:
        print_text(
            "· ",
            f"{survey.name} ({survey.id}): {_count(survey.metrics, 'metric')}",
            stderr=True,
            indent=2,
        )
    if not typer.confirm("Restrict this connection?", err=True):
        print_text("Nothing was changed.", stderr=True)
        raise typer.Exit(1)


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
    if rows_of(question):
        what += f" · all rows: --question {question.id} --group-by row"
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
