"""``metric``: saved definitions, their history, and previews."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

import typer

from smaply_metrics_core.calculations.response_text import HIDDEN, UNKNOWN
from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.charts.uncertainty_text import value_with_interval
from smaply_metrics_core.cli.card_table import show_result
from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.csv_output import OutputFormat, csv_output, writes_csv
from smaply_metrics_core.cli.display_options import DISPLAY_RESETTABLE, DisplayOptions
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.metric_text import definition_in_words, describe_metric
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.query_options import RESETTABLE, QueryOptions
from smaply_metrics_core.models.metric import Display

app = typer.Typer()
app.callback()(option_groups(before_command))

MetricArgument = Annotated[str, typer.Argument(metavar="ID", help="The ID of a metric.")]

ConnectionOption = Annotated[
    str,
    typer.Option(
        "--connection",
        metavar="ID",
        help="ID or name of the connection, or ID of a source with one connection.",
    ),
]


@app.command("preview")
@option_groups
def preview(connection: ConnectionOption, query: QueryOptions, invocation: CommandContext) -> None:
    """Calculate a metric without saving it."""
    definition = query.definition()
    with invocation.open() as opened:
        with progress_bar() as progress:
            # Prefetched definitions would be lost: the cache ends with this command.
            result = opened.host.metrics.preview(
                opened.actor, connection, definition, progress=progress, prefetch=False
            )
        zone = opened.zone
    if invocation.wants_json:
        from smaply_metrics_core.host import result_json  # Imported on use: it loads the host.

        print_json(result_json(result))
    else:
        show_result(result, zone)


@app.command("add")
@option_groups
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The name of the metric.")],
    connection: ConnectionOption,
    query: QueryOptions,
    display: DisplayOptions,
    invocation: CommandContext,
) -> None:
    """Add a metric."""
    definition = query.definition()
    with invocation.open() as opened:
        metric = opened.host.metrics.add(
            opened.actor, connection, name, definition, display=display.display(Display())
        )
    if invocation.wants_json:
        print_json(metric.model_dump(mode="json"))
        return
    print_text("Added ", text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
    print_text(f"Next: smaply-metrics card load {metric.id}", style="dim")


@app.command("list")
@option_groups
def list_metrics(
    *,
    search: Annotated[
        str, typer.Option("--search", metavar="TEXT", help="Part of the name, or an ID.")
    ] = "",
    survey: Annotated[
        str | None,
        typer.Option("--survey", metavar="ID", help="Only metrics that use this survey."),
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option("--connection", metavar="ID", help="Only metrics of this connection."),
    ] = None,
    workspace: Annotated[
        str | None,
        typer.Option("--workspace", metavar="NAME", help="Only metrics of this workspace."),
    ] = None,
    invocation: CommandContext,
) -> None:
    """List metrics, oldest first."""
    with invocation.open() as opened:
        metrics = opened.host.metrics.page(
            opened.actor,
            search=search,
            survey_id=survey,
            connection_id=connection,
            workspace=workspace,
            limit=None,
        ).metrics
        labels = opened.host.connections.labels(opened.actor)
    if invocation.wants_json:
        print_json([metric.model_dump(mode="json") for metric in metrics])
        return
    if not metrics and (search or survey or connection or workspace):
        print_text("No metric matches.")
        return
    if not metrics:
        print_text("There is no metric yet. Add one with `smaply-metrics metric add`.")
        return
    made = table("Metric", "Name", "Source", "Definition", whole=("Metric",))
    for metric in metrics:
        made.add_row(
            text(metric.id, "bold"),
            text(metric.name),
            text(labels.get(metric.connection_id, metric.source)),
            text(definition_in_words(metric.definition)),
        )
    show(made)


@app.command("show")
@option_groups
def show_metric(metric: MetricArgument, invocation: CommandContext) -> None:
    """Show a metric's definition."""
    with invocation.open() as opened:
        found = opened.host.metrics.show(opened.actor, metric)
        labels = opened.host.connections.labels(opened.actor)
        zone = opened.zone
    if invocation.wants_json:
        print_json(found.model_dump(mode="json"))
        return
    describe_metric(found, labels.get(found.connection_id, f"{found.source} (not connected)"), zone)


@app.command("history")
@option_groups
def history(
    metric: MetricArgument,
    *,
    output_format: Annotated[
        OutputFormat,
        typer.Option("--format", metavar="FORMAT", help="table, or csv with times in UTC."),
    ] = "table",
    invocation: CommandContext,
) -> None:
    """Show the past values of a metric, oldest first, and changes of its question between them."""
    as_csv = writes_csv(output_format, wants_json=invocation.wants_json)
    with invocation.open() as opened:
        past = opened.host.metrics.history(opened.actor, metric)
        zone = opened.zone
    if invocation.wants_json:
        print_json({"values": [value.model_dump(mode="json") for value in past]})
        return
    if as_csv:
        from smaply_metrics_core.host import history_table  # Imported on use: it loads the host.

        with csv_output() as written:
            written.write(history_table({metric: past}).to_csv())
        return
    if not past:
        print_text("The metric has no value yet. Refresh it with `smaply-metrics card load`.")
        return
    shown = table(
        "As of", "Value", "Answered", "Responses", right=("Value", "Answered", "Responses")
    )
    for value in past:
        shown.add_row(
            instant_text(value.as_of, zone),
            value_with_interval(value.unit, value),
            *(
                (HIDDEN if value.hidden else UNKNOWN) if count is None else f"{count:,}"
                for count in (value.answered, value.responses)
            ),
        )
    show(shown)
    for change in (change for value in past for change in value.question_changes):
        print_text(
            f"{change.sentence} Values up to {instant_text(change.after, zone)} are not comparable "
            "with later ones."
        )


@app.command("explain")
@option_groups
def explain(metric: MetricArgument, invocation: CommandContext) -> None:
    """Explain why a metric was or was not refreshed and when it is due, and list the last attempts.

    The log records of an attempt have its correlation ID.
    """
    with invocation.open() as opened:
        explanation = opened.host.cards.explain(opened.actor, metric)
        zone = opened.zone
    if invocation.wants_json:
        print_json(explanation.model_dump(mode="json"))
        return
    print_text(text(explanation.name, "bold"), text(f"  {explanation.metric_id}", "dim"))
    print_text(explanation.sentence, indent=2)
    if not explanation.attempts:
        return
    shown = table("Attempt", "Outcome", "Seconds", "Why", "Correlation ID", right=("Seconds",))
    for attempt in explanation.attempts:
        shown.add_row(
            instant_text(attempt.started_at, zone),
            attempt.outcome,
            "" if attempt.seconds is None else f"{attempt.seconds:.1f}",
            text(attempt.problem.message if attempt.problem else ""),
            attempt.correlation_id,
        )
    show(shown)


@app.command("edit")
@option_groups
def edit(
    metric: MetricArgument,
    query: QueryOptions,
    display: DisplayOptions,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the metric.")
    ] = None,
    connection: Annotated[
        str | None,
        typer.Option(
            "--connection",
            metavar="ID",
            help="ID or name of another connection.",
        ),
    ] = None,
    reset: Annotated[
        list[str] | None,
        typer.Option(
            "--reset",
            metavar="PART",
            help="Part to reset to its default: "
            f"{', '.join((*RESETTABLE, *DISPLAY_RESETTABLE))}. Can be repeated.",
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Edit a metric.

    Omitted options keep their values. A new name or display keeps the metric's value; a new
    definition or connection discards it.
    """
    query_parts, display_parts = _resets(reset or ())
    with invocation.open() as opened:
        metrics = opened.host.metrics
        old = metrics.show(opened.actor, metric)
        changed = metrics.edit(
            opened.actor,
            metric,
            name=name,
            connection_id=connection,
            definition=query.changed(old.definition, query_parts),
            display=display.display(old.display, display_parts),
            version=old.version,
        )
    if invocation.wants_json:
        print_json(changed.model_dump(mode="json"))
        return
    print_text("Edited ", text(changed.name, "bold"), text(f"  {changed.id}", "dim"))
    if changed.definition != old.definition:
        print_text("The definition changed. The next `card load` calculates a new value.")
    elif changed.connection_id != old.connection_id:
        print_text("The connection changed. The next `card load` calculates a new value.")


@app.command("duplicate")
@option_groups
def duplicate(
    metric: MetricArgument,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="Name of the copy.")
    ] = None,
    workspace: Annotated[
        str | None, typer.Option("--workspace", metavar="NAME", help="Workspace of the copy.")
    ] = None,
    invocation: CommandContext,
) -> None:
    """Copy a metric, without its value and history."""
    with invocation.open() as opened:
        copied = opened.host.metrics.duplicate(opened.actor, metric, name=name, workspace=workspace)
    if invocation.wants_json:
        print_json(copied.model_dump(mode="json"))
        return
    print_text("Added ", text(copied.name, "bold"), text(f"  {copied.id}", "dim"))


@app.command("move")
@option_groups
def move(
    metrics: Annotated[list[str], typer.Argument(metavar="ID", help="The IDs of metrics.")],
    workspace: Annotated[
        str, typer.Option("--workspace", metavar="NAME", help="The workspace to move them to.")
    ],
    invocation: CommandContext,
) -> None:
    """Move metrics to another workspace of the account; their values stay."""
    with invocation.open() as opened:
        moved = opened.host.metrics.move(opened.actor, metrics, workspace)
    if invocation.wants_json:
        print_json([metric.model_dump(mode="json") for metric in moved])
        return
    for metric in moved:
        print_text("Moved ", text(metric.name, "bold"), text(f"  {metric.id}", "dim"))


@app.command("delete")
@option_groups
def delete(metric: MetricArgument, invocation: CommandContext) -> None:
    """Delete a metric, its value and its history."""
    with invocation.open() as opened:
        deleted = opened.host.metrics.delete(opened.actor, metric)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    print_text("Deleted ", text(deleted.name, "bold"), text(f"  {deleted.id}", "dim"))


def _resets(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split the parts to reset into those of the definition and those of the display.

    Raises:
        CommandLineError: for an unknown part.
    """
    for part in given:
        if part not in RESETTABLE and part not in DISPLAY_RESETTABLE:
            raise CommandLineError(
                f"“{part}” is not a valid --reset.",
                f"Use one of {', '.join((*RESETTABLE, *DISPLAY_RESETTABLE))}.",
            )
    return (
        [part for part in given if part in RESETTABLE],
        [part for part in given if part in DISPLAY_RESETTABLE],
    )
