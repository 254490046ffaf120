"""``connect``, ``connections``, ``check``, ``edit`` and ``delete``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli import credential_input
from smaply_metrics_core.cli.command_context import CommandContext, actor, opened
from smaply_metrics_core.cli.commands.survey import ConnectionArgument
from smaply_metrics_core.cli.credential_input import CredentialOptions
from smaply_metrics_core.cli.errors import CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import (
    error_json,
    print_json,
    print_problem,
    print_text,
    show,
    table,
    text,
)
from smaply_metrics_core.models.credentials import CredentialField, credential_fields

if TYPE_CHECKING:
    from smaply_metrics_core.host import ConnectionView, MetricsHost
    from smaply_metrics_core.models.check import StepResult

STEP_SIGNS: Final = {
    "passed": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}
STATUS_COLORS: Final = {"connected": "green", "warning": "yellow", "error": "red"}

app = typer.Typer()


@app.command()
@option_groups
def connect(
    source: Annotated[str, typer.Argument(metavar="SOURCE", help="As `sources` lists it.")],
    credentials: CredentialOptions,
    invocation: CommandContext,
) -> None:
    """Connect a source.

    Its credentials are tried, sealed and stored.
    """
    with opened(invocation.folder) as host:
        fields = _fields(host, source)
        values = credential_input.prompt_missing(fields, credentials.entered(fields))
        view = host.connections.connect(actor(), source, values, on_step=_teller(invocation))
        zone = host.accounts.show(actor()).zone
    _answer(view, zone, invocation)
    if not invocation.wants_json:
        print_text(f"Next: smaply-metrics surveys {view.source}", style="dim")


@app.command()
@option_groups
def connections(invocation: CommandContext) -> None:
    """List the connections.

    Never more is shown of a secret than its last four characters.
    """
    with opened(invocation.folder) as host:
        views = host.connections.list(actor())
        zone = host.accounts.show(actor()).zone
    if invocation.wants_json:
        print_json([view.model_dump(mode="json") for view in views])
        return
    if not views:
        print_text("There is no connection yet. Make one with `smaply-metrics connect SOURCE`.")
        return
    made = table("Connection", "Source", "Status", "Credentials", "Checked", whole=("Connection",))
    for view in views:
        made.add_row(
            text(view.id, "bold"),
            text(view.title),
            text(view.status, STATUS_COLORS[view.status]),
            text("\n".join(f"{field.label}: {field.value}" for field in view.fields)),
            text(instant_text(view.checked_at, zone)),
        )
    show(made)
    for view in views:
        if view.problem is not None:
            print_text()
            print_text(text(f"{view.title} ", "bold"), text(view.id, "dim"))
            print_problem(view.problem, style=STATUS_COLORS[view.status])


@app.command()
@option_groups
def check(connection: ConnectionArgument, invocation: CommandContext) -> None:
    """Check a connection again.

    A check that passes wakes a connection that rests since its credentials were refused.
    """
    with opened(invocation.folder) as host:
        view = host.connections.check(actor(), connection, on_step=_teller(invocation))
        zone = host.accounts.show(actor()).zone
    _answer(view, zone, invocation)
    if view.status == "error":
        raise typer.Exit(1)


@app.command()
@option_groups
def edit(
    connection: ConnectionArgument, credentials: CredentialOptions, invocation: CommandContext
) -> None:
    """Change a connection's credentials.

    A field that is not given stays as it is; if the new ones are refused, all of them do.
    """
    with opened(invocation.folder) as host:
        fields = _fields(host, host.connections.show(actor(), connection).source)
        values = credentials.entered(fields) or credential_input.prompt_changes(fields)
        view = host.connections.edit(actor(), connection, values, on_step=_teller(invocation))
        zone = host.accounts.show(actor()).zone
    _answer(view, zone, invocation)


@app.command()
@option_groups
def delete(
    connection: ConnectionArgument,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    invocation: CommandContext,
) -> None:
    """Delete a connection and its credentials.

    Its metrics stay, with their last value, and go on when the source is connected again.
    """
    with opened(invocation.folder) as host:
        if not yes:
            _require_somebody(invocation)
            view = host.connections.show(actor(), connection)
            stopping = [m.name for m in host.metrics.list(actor()) if m.source == view.source]
            _confirm(view, stopping)
        deleted = host.connections.delete(actor(), connection)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    print_text(f"Deleted {deleted.id} ({deleted.source}).")
    _say_metrics("No longer updated, with their last value kept:", deleted.metrics)


def _fields(host: MetricsHost, source: str) -> tuple[CredentialField, ...]:
    return credential_fields(host.sources.get(source).description.credentials)


def _require_somebody(invocation: CommandContext) -> None:
    # Whoever wants JSON is a program: a "no" would leave it without an answer that it can read.
    if invocation.wants_json or not credential_input.at_a_terminal():
        raise CommandLineError(
            "Nobody can be asked whether to delete this connection.", "Add --yes if you are sure."
        )


def _confirm(view: ConnectionView, stopping: list[str]) -> None:
    print_text(f"This destroys the credentials of {view.title} ({view.id}).", stderr=True)
    _say_metrics("These metrics are then no longer updated:", stopping, stderr=True)
    if not typer.confirm("Delete it?", err=True):
        print_text("Nothing was deleted.", stderr=True)
        raise typer.Exit(1)


def _say_metrics(title: str, names: list[str] | tuple[str, ...], *, stderr: bool = False) -> None:
    if names:
        print_text(title, stderr=stderr)
        for name in names:
            print_text("· ", name, stderr=stderr, indent=2)


class _StepTeller:
    """Writes each step of a check as it ends."""

    def __call__(self, step: StepResult) -> None:
        sign, color = STEP_SIGNS[step.status]
        seconds = "" if step.status == "skipped" else f"  {step.seconds:.1f} s"
        print_text(text(f"{sign} ", color), step.title, text(seconds, "dim"))
        if step.detail:
            print_text(step.detail, style="dim", indent=2)


def _teller(invocation: CommandContext) -> _StepTeller | None:
    return None if invocation.wants_json else _StepTeller()


def _answer(view: ConnectionView, zone: str, invocation: CommandContext) -> None:
    """Show a connection after something was done with it."""
    if invocation.wants_json:
        data = view.model_dump(mode="json")
        if view.status == "error" and view.problem is not None:
            data["error"] = error_json(view.problem)
        print_json(data)
        return
    color = STATUS_COLORS[view.status]
    print_text(
        text(f"{view.title}: ", "bold"), text(view.status, color), text(f"  {view.id}", "dim")
    )
    for field in view.fields:
        print_text(f"{field.label}: {field.value}", indent=2)
    print_text(f"Checked: {instant_text(view.checked_at, zone)}", indent=2)
    if view.problem is not None:
        print_problem(view.problem, style=color, stderr=view.status == "error")
    _say_metrics("These metrics use a survey that cannot be seen:", view.unseen)
