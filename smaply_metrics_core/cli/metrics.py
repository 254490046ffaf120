"""``metric``: add, list, show, edit, delete."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from pydantic import ValidationError

from smaply_metrics_core.charts.dates import moment
from smaply_metrics_core.cli.invocation import Invocation, actor, before_command, opened
from smaply_metrics_core.cli.options import RESETTABLE, QueryOptions
from smaply_metrics_core.cli.output import print_json, say, show, table, text
from smaply_metrics_core.cli.spread import spread
from smaply_metrics_core.cli.usage import WrongUsage
from smaply_metrics_core.models.metric import ChartType, Display

if TYPE_CHECKING:
    from smaply_metrics_core.models.metric import Metric
    from smaply_metrics_core.models.query import DateRange, Definition

app = typer.Typer(help="Make, list, show, edit and delete metrics.")
app.callback()(spread(before_command))

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
            WrongUsage: for a value that cannot be shown, such as a target of infinity.
        """
        kept = {name: value for name, value in dict(old).items() if name not in set(reset)}
        given = {field.name: getattr(self, field.name) for field in fields(self)}
        changes = {name: value for name, value in given.items() if value is not None}
        try:
            return Display.model_validate(kept | changes)
        except ValidationError as error:
            (name, *_) = error.errors(include_input=False)[0]["loc"]
            raise WrongUsage(f"--{name} does not fit.", "See --help for what it takes.") from None


DISPLAY_RESETTABLE: Final = tuple(field.name for field in fields(DisplayOptions))


@app.command("add")
@spread
def add(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What people call it.")],
    connection: Annotated[
        str, typer.Option(metavar="ID", help="A connection's id, or its source.")
    ],
    query: QueryOptions,
    display: DisplayOptions,
    invocation: Invocation,
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
    say("Made ", text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
    say(f"Next: smaply-metrics load {metric.id}", style="dim")


@app.command("list")
@spread
def list_metrics(invocation: Invocation) -> None:
    """List all metrics."""
    with opened(invocation.folder) as host:
        metrics = host.metrics.list(actor())
    if invocation.wants_json:
        print_json([metric.model_dump(mode="json") for metric in metrics])
        return
    if not metrics:
        say("There is no metric yet. Make one with `smaply-metrics metric add`.")
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
@spread
def show_metric(metric: MetricArgument, invocation: Invocation) -> None:
    """Show a metric's definition."""
    with opened(invocation.folder) as host:
        found = host.metrics.show(actor(), metric)
        zone = host.metrics.account(actor()).zone
    if invocation.wants_json:
        print_json(found.model_dump(mode="json"))
        return
    _describe(found, zone)


@app.command("edit")
@spread
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
    invocation: Invocation,
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
    say("Changed ", text(changed.name, "bold"), text(f"  {changed.id}", "dim"))
    if changed.definition != old.definition:
        say("It measures something else now: the next load measures it anew.")


@app.command("delete")
@spread
def delete(metric: MetricArgument, invocation: Invocation) -> None:
    """Delete a metric and its value."""
    with opened(invocation.folder) as host:
        deleted = host.metrics.delete(actor(), metric)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    say("Deleted ", text(deleted.name, "bold"), text(f"  {deleted.id}", "dim"))


def _resets(given: Iterable[str]) -> tuple[list[str], list[str]]:
    """Split what an edit takes back into parts of the definition and of the display."""
    for part in given:
        if part not in RESETTABLE and part not in DISPLAY_RESETTABLE:
            raise WrongUsage(
                f"--reset does not know “{part}”.",
                f"Use one of {', '.join((*RESETTABLE, *DISPLAY_RESETTABLE))}.",
            )
    return (
        [part for part in given if part in RESETTABLE],
        [part for part in given if part in DISPLAY_RESETTABLE],
    )


def _describe(metric: Metric, zone: str) -> None:
    definition = metric.definition
    say(text(metric.name, "bold"), text(f"  {metric.id}", "dim"))
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
        "Changed": f"{moment(metric.updated_at, zone)} (version {metric.version})",
    }
    for title, value in rows.items():
        if value:
            say(text(f"{title:<12} ", "dim"), value, indent=2)


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
