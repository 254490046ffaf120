"""``metric``: add, list, show, edit, explain, history, delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli.card_table import show_result
from smaply_metrics_core.cli.command_context import CommandContext, actor, before_command, opened
from smaply_metrics_core.cli.commands.survey import ConnectionArgument
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.json_output import result_json
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.cli.progress import progress_bar
from smaply_metrics_core.cli.query_options import RESETTABLE, QueryOptions
from smaply_metrics_core.models.metric import ChartType, Display

if TYPE_CHECKING:
    from smaply_metrics_core.models.metric import Metric
    from smaply_metrics_core.models.query import DateRange, Definition

app = typer.Typer(help="Make, list, show, edit and delete metrics.")
app.callback()(option_groups(before_command))

MetricArgument = Annotated[str, typer.Argument(metavar="ID", help="A metric's id.")]


def _option(name: str, help: str) -> Any:  # noqa: A002, ANN401  # As typer.Option.
    return typer.Option(name, help=help, show_default=False)


@dataclass(frozen=True)
class DisplayOptions:
    """How a metric is shown; ``None`` where nothing was given."""

    chart: Annotated[ChartType | None, _option("--chart", "The chart.")] = None
    heading: Annotated[str | None, _option("--heading", "Text above the value.")] = None
    subheading: Annotated[str | None, _option("--subheading", "Text below the heading.")] = None
    target: Annotated[float | None, _option("--target", "The value to reach.")] = None
    prefix: Annotated[str | None, _option("--prefix", "Text before the value.")] = None
    suffix: Annotated[str | None, _option("--suffix", "Text after the value.")] = None

    def display(self, old: Display, reset: Iterable[str] = ()) -> Display:
        """Lay what was given over how it was shown; ``reset`` names what loses that first.

        Raises:
            CommandLineError: for a value that cannot be shown, such as a target of infinity.
        """
        kept = {name: value for name, value in dict(old).items() if name not in set(reset)}
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changes = {name: value for name, value in given.items() if value is not None}
        try:
            return Display.model_validate(kept | changes)
        except ValidationError as error:
            (name, *_) = error.errors(include_input=False)[0]["loc"]
            raise CommandLineError(
                f"--{name} does not fit.", "See --help for what it takes."
            ) from None


DISPLAY_RESETTABLE: Final = tuple(field.name for field in fields(DisplayOptions))


@app.command("add")
@option_groups
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    connection: Annotated[
        str, typer.Option(metavar="ID", help="A connection's id, or its source.")
    ],
    query: QueryOptions,
    display: DisplayOptions,
    invocation: CommandContext,
) -> None:
    """Make a metric."""
    definition = query.definition()
    with opened(invocation.folder) as host:
        metric = host.metrics.add(
            actor(), connection, name, definition, display=display.display(Display())
        )
    if invocation.wants_json:
        print_json(metric.model_dump(mode="json"))
        return
    print_text("Made ", text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
    print_text(f"Next: smaply-metrics load {metric.id}", style="dim")


@app.command("list")
@option_groups
def list_metrics(invocation: CommandContext) -> None:
    """List all metrics."""
    with opened(invocation.folder) as host:
        metrics = host.metrics.list(actor())
    if invocation.wants_json:
        print_json([metric.model_dump(mode="json") for metric in metrics])
        return
    if not metrics:
        print_text("There is no metric yet. Make one with `smaply-metrics metric add`.")
        return
    made = table("Metric", "Name", "Source", "What", whole=("Metric",))
    for metric in metrics:
        made.add_row(
            text(metric.id, "bold"),
            text(metric.name),
            text(metric.source),
            text(_in_words(metric.definition)),
        )
    show(made)


@app.command("show")
@option_groups
def show_metric(metric: MetricArgument, invocation: CommandContext) -> None:
    """Show a metric's definition."""
    with opened(invocation.folder) as host:
        found = host.metrics.show(actor(), metric)
        zone = host.accounts.show(actor()).zone
    if invocation.wants_json:
        print_json(found.model_dump(mode="json"))
        return
    _describe(found, zone)


@app.command("edit")
@option_groups
def edit(
    metric: MetricArgument,
    query: QueryOptions,
    display: DisplayOptions,
    *,
    name: Annotated[
        str | None, typer.Option("--name", metavar="NAME", help="What people call it.")
    ] = None,
    reset: Annotated[
        list[str] | None,
        typer.Option(
            "--reset",
            metavar="PART",
            help="Take back what was given before; may be repeated: "
            f"{', '.join((*RESETTABLE, *DISPLAY_RESETTABLE))}.",
        ),
    ] = None,
    invocation: CommandContext,
) -> None:
    """Change a metric; what is not given stays as it is.

    A new name or display keeps the value; measuring something else discards it.
    """
    parts, looks = _resets(reset or ())
    with opened(invocation.folder) as host:
        old = host.metrics.show(actor(), metric)
        changed = host.metrics.edit(
            actor(),
            metric,
            name=name,
            definition=query.changed(old.definition, parts),
            display=display.display(old.display, looks),
            version=old.version,
        )
    if invocation.wants_json:
        print_json(changed.model_dump(mode="json"))
        return
    print_text("Changed ", text(changed.name, "bold"), text(f"  {changed.id}", "dim"))
    if changed.definition != old.definition:
        print_text("It measures something else now: the next load measures it anew.")


@app.command("explain")
@option_groups
def explain(metric: MetricArgument, invocation: CommandContext) -> None:
    """Say why a metric was or was not updated, and when it will be next."""
    with opened(invocation.folder) as host:
        explanation = host.cards.explain(actor(), metric)
    if invocation.wants_json:
        print_json(explanation.model_dump(mode="json"))
        return
    print_text(text(explanation.name, "bold"), text(f"  {explanation.metric_id}", "dim"))
    print_text(explanation.sentence, indent=2)


@app.command("history")
@option_groups
def history(metric: MetricArgument, invocation: CommandContext) -> None:
    """Show the values that a metric had before, oldest first."""
    from smaply_metrics_core.host import format_value  # Loads the host: only on use.

    with opened(invocation.folder) as host:
        past = host.metrics.history(actor(), metric)
        zone = host.accounts.show(actor()).zone
    if invocation.wants_json:
        print_json({"values": [value.model_dump(mode="json") for value in past]})
        return
    if not past:
        print_text("It has no value yet. `smaply-metrics load` measures it.")
        return
    shown = table(
        "As of", "Value", "Answered", "Responses", right=("Value", "Answered", "Responses")
    )
    for value in past:
        shown.add_row(
            instant_text(value.as_of, zone),
            format_value(value.unit, value.value),
            f"{value.answered:,}",
            f"{value.responses:,}",
        )
    show(shown)


@app.command("delete")
@option_groups
def delete(metric: MetricArgument, invocation: CommandContext) -> None:
    """Delete a metric, its value and its past."""
    with opened(invocation.folder) as host:
        deleted = host.metrics.delete(actor(), metric)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    print_text("Deleted ", text(deleted.name, "bold"), text(f"  {deleted.id}", "dim"))


def _resets(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split what an edit takes back into parts of the definition and of the display."""
    for part in given:
        if part not in RESETTABLE and part not in DISPLAY_RESETTABLE:
            raise CommandLineError(
                f"--reset does not know “{part}”.",
                f"Use one of {', '.join((*RESETTABLE, *DISPLAY_RESETTABLE))}.",
            )
    return (
        [part for part in given if part in RESETTABLE],
        [part for part in given if part in DISPLAY_RESETTABLE],
    )


def _describe(metric: Metric, zone: str) -> None:
    definition = metric.definition
    print_text(text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
    rows = {
        "Source": metric.source,
        "Type": definition.type,
        "Survey": definition.survey_id,
        "Question": _question(metric) or "none: counts responses",
        "Calculation": definition.calculation.replace("_", " "),
        "Answers": ", ".join(definition.answers),
        "Group by": str(definition.group_by or ""),
        "Range": _range(definition.range),
        "Filters": "; ".join(
            f"{'not ' if one.exclude else ''}{one.kind}:{one.of}={'|'.join(one.values)}"
            for one in definition.filters
        ),
        "Includes": ", ".join(sorted(definition.include)),
        "Scale": "reversed: 1 is best" if definition.reverse_scale else "",
        "Chart": metric.display.chart or "",
        "Changed": f"{instant_text(metric.updated_at, zone)} (version {metric.version})",
    }
    for title, value in rows.items():
        if value:
            print_text(text(f"{title:<12} ", "dim"), value, indent=2)


def _question(metric: Metric) -> str:
    """Name the question as people know it: by its id and what it asked when it was chosen."""
    question_id = metric.definition.question_id or ""
    known = metric.questions.get(question_id)
    return f"{question_id} “{known.text}”" if known else question_id


def _in_words(definition: Definition) -> str:
    parts = [definition.calculation.replace("_", " ")]
    if definition.question_id:
        parts.append(f"of {definition.question_id}")
    parts.append(f"in {definition.survey_id}")
    if definition.group_by:
        parts.append(f"by {definition.group_by}")
    return f"{definition.type}: {' '.join(parts)}, {_range(definition.range)}"


def _range(chosen: DateRange) -> str:
    if chosen.preset != "custom":
        return chosen.preset.replace("_", " ")
    first = f"from {chosen.start} " if chosen.start else ""
    end = f"to before {chosen.end}" if chosen.end else ""
    return (first + end).strip()


preview_app = typer.Typer()


@preview_app.command()
@option_groups
def preview(
    connection: ConnectionArgument, query: QueryOptions, invocation: CommandContext
) -> None:
    """Measure something without saving it."""
    definition = query.definition()
    with opened(invocation.folder) as host:
        with progress_bar() as progress:
            # Nothing is kept beyond this command, so nothing more is counted.
            result = host.metrics.preview(
                actor(), connection, definition, progress=progress, prefetch=False
            )
        zone = host.accounts.show(actor()).zone
    if invocation.wants_json:
        print_json(result_json(result))
    else:
        show_result(result, zone)
