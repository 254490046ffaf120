"""``connection add|propose|list|show|check|edit|rename|delete``: connections, credentials."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Final

import typer

from smaply_metrics_core.charts.date_text import instant_text
from smaply_metrics_core.cli import credential_input
from smaply_metrics_core.cli.arguments import ConnectionArgument
from smaply_metrics_core.cli.command_context import CommandContext, OpenedHost, before_command
from smaply_metrics_core.cli.confirmation import YesOption, confirm, require_terminal
from smaply_metrics_core.cli.credential_input import CredentialOptions
from smaply_metrics_core.cli.errors import REFUSED, CommandLineError
from smaply_metrics_core.cli.option_groups import option_groups
from smaply_metrics_core.cli.output import (
    error_json,
    first_line,
    lines,
    print_json,
    print_lines,
    print_problem,
    print_text,
    show,
    table,
    text,
)
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.credentials import CredentialField, credential_fields

if TYPE_CHECKING:  # Loads SQLAlchemy.
    from smaply_metrics_core.host import ConnectionView
    from smaply_metrics_core.models.check import StepResult
    from smaply_metrics_core.models.problem import Problem

STEP_SIGNS: Final = {
    "passed": ("✓", "green"),
    "warning": ("!", "yellow"),
    "failed": ("✗", "red"),
    "skipped": ("-", "dim"),
}
STATUS_COLORS: Final = {"connected": "green", "warning": "yellow", "error": "red"}

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("add")
@option_groups
def add(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The ID of a source; see `source list`.")
    ],
    *,
    name: Annotated[
        str,
        typer.Option(
            metavar="NAME",
            help="Name of the connection. Default: the title of the source. The second connection "
            "to a source requires one.",
            show_default=False,
        ),
    ] = "",
    credentials: CredentialOptions,
    invocation: CommandContext,
) -> None:
    """Add a connection to a source.

    The credentials are checked, encrypted and stored. In a terminal, missing required fields are
    prompted for.
    """
    with invocation.open(hint=False, make_files_dir=True) as opened:
        fields = _fields(opened, source)
        values = credential_input.prompt_missing(fields, credentials.entered(fields))
        view = opened.host.connections.connect(
            opened.actor, source, values, name=name, on_step=_step_printer(invocation)
        )
        zone = opened.zone
    _print_connection(view, zone, invocation)
    if not invocation.wants_json:
        named = view.source if view.name == view.title else view.id
        print_text(f"Next: smaply-metrics survey list {named}", style="dim")


@app.command("propose")
@option_groups
def propose(
    source: Annotated[
        str, typer.Argument(metavar="SOURCE", help="The ID of a source; see `source list`.")
    ],
    field: Annotated[
        str,
        typer.Argument(
            metavar="FIELD", help="A field whose value the source can propose, such as a mapping."
        ),
    ],
    *,
    credentials: CredentialOptions,
    invocation: CommandContext,
) -> None:
    """Print the value that a source proposes for a field of its credentials.

    Nothing is stored. Edit the value, and set it with `connection add`.
    """
    with invocation.open(hint=False, make_files_dir=True) as opened:
        fields = _fields(opened, source)
        values = credential_input.prompt_missing(fields, credentials.entered(fields))
        value = opened.host.connections.propose_value(opened.actor, source, field, values)
    if invocation.wants_json:
        print_json({"source": source, "field": field, "value": value})
    elif value:
        print_lines(value)
    else:
        print_text(f"There is nothing to propose for {field}.", stderr=True)


@app.command("list")
@option_groups
def list_connections(invocation: CommandContext) -> None:
    """List all connections.

    Secrets are masked, except for their last four characters.
    """
    with invocation.open() as opened:
        views = opened.host.connections.list(opened.actor)
        zone = opened.zone
    if invocation.wants_json:
        print_json([view.model_dump(mode="json") for view in views])
        return
    if not views:
        print_text(
            "There is no connection yet. Add one with `smaply-metrics connection add SOURCE`."
        )
        return
    made = table("Connection", "Source", "Status", "Credentials", "Checked", whole=("Connection",))
    for view in views:
        made.add_row(
            text(view.id, "bold"),
            text(view.label),
            text(view.status, STATUS_COLORS[view.status]),
            lines(f"{field.label}: {first_line(field.value)}" for field in view.fields),
            text(instant_text(view.checked_at, zone)),
        )
    show(made)
    for view in views:
        if view.problem is not None:
            print_text()
            print_text(text(f"{view.label} ", "bold"), text(view.id, "dim"))
            print_problem(view.problem, style=STATUS_COLORS[view.status])


@app.command("show")
@option_groups
def show_connection(connection: ConnectionArgument, invocation: CommandContext) -> None:
    """Show a connection with the result of its last check."""
    with invocation.open() as opened:
        view = opened.host.connections.show(opened.actor, connection)
        zone = opened.zone
    if invocation.wants_json:
        print_json(view.model_dump(mode="json"))
        return
    _print_view(view, zone)
    for step in view.steps:
        print_step(step)
    if view.problem is not None:
        print_problem(view.problem, style=STATUS_COLORS[view.status])


@app.command("check")
@option_groups
def check(
    connection: Annotated[
        str,
        typer.Argument(
            metavar="CONNECTION",
            help="The ID or name of a connection, or the ID of a source with one connection.",
        ),
    ] = "",
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Check all connections of the account.")
    ] = False,
    invocation: CommandContext,
) -> None:
    """Check a connection, or all of them.

    Refreshes paused by rejected credentials resume after a check that passes. The exit code is 1 if
    a check fails.
    """
    if every is bool(connection):
        raise CommandLineError(
            "Either a connection or --all is required.", "Enter a connection, or --all."
        )
    if every:
        _check_all(invocation)
        return
    with invocation.open() as opened:
        view = opened.host.connections.check(
            opened.actor, connection, on_step=_step_printer(invocation)
        )
        zone = opened.zone
    _print_connection(view, zone, invocation)
    if view.status == "error":
        raise typer.Exit(1)


def _check_all(invocation: CommandContext) -> None:
    """Check every connection; a check that cannot be made is a failure of that connection only."""
    with invocation.open() as opened:
        connections, actor = opened.host.connections, opened.actor
        checked = [_checked(opened, view) for view in connections.list(actor)]
        views = {view.id: view for view in connections.list(actor)}
    failed = [view for view, problem in checked if problem is not None]
    if invocation.wants_json:
        print_json(
            [
                {
                    **views.get(view.id, view).model_dump(mode="json"),
                    "error": None if problem is None else error_json(problem),
                }
                for view, problem in checked
            ]
        )
    elif not checked:
        print_text("There are no connections.")
    else:
        for view, problem in checked:
            passed = "passed" if problem is None else "failed"
            sign, color = STEP_SIGNS[passed]
            print_text(
                text(f"{sign} ", color), text(view.label, "bold"), text(f"  {view.id}", "dim")
            )
            if problem is not None:
                print_problem(problem, stderr=True)
        print_text(f"{len(checked) - len(failed):,} of {len(checked):,} passed the check.")
    if failed:
        raise typer.Exit(REFUSED)


def _checked(opened: OpenedHost, view: ConnectionView) -> tuple[ConnectionView, Problem | None]:
    """Check a connection and return why the check failed, if it did."""
    try:
        view = opened.host.connections.check(opened.actor, view.id)
    except MetricsError as error:
        return view, error.to_problem()
    return view, view.problem if view.status == "error" else None


@app.command("edit")
@option_groups
def edit(
    connection: ConnectionArgument,
    credentials: CredentialOptions,
    invocation: CommandContext,
) -> None:
    """Edit a connection's credentials.

    Omitted fields keep their values. Nothing changes if the new values are rejected.
    """
    with invocation.open() as opened:
        connections, actor = opened.host.connections, opened.actor
        fields = _fields(opened, connections.show(actor, connection).source)
        values = credentials.entered(fields) or credential_input.prompt_changes(fields)
        view = connections.edit(actor, connection, values, on_step=_step_printer(invocation))
        zone = opened.zone
    _print_connection(view, zone, invocation)


@app.command("rename")
@option_groups
def rename(
    connection: ConnectionArgument,
    name: Annotated[str, typer.Argument(metavar="NAME", help="The new name.")],
    invocation: CommandContext,
) -> None:
    """Rename a connection."""
    with invocation.open() as opened:
        view = opened.host.connections.rename(opened.actor, connection, name)
    if invocation.wants_json:
        print_json(view.model_dump(mode="json"))
        return
    print_text("Renamed ", text(view.label, "bold"), text(f"  {view.id}", "dim"))


@app.command("delete")
@option_groups
def delete(
    connection: ConnectionArgument,
    *,
    yes: YesOption = False,
    invocation: CommandContext,
) -> None:
    """Delete a connection and its credentials.

    Its metrics keep their last values. They are refreshed again when a new connection to the source
    is added, or when they use another one.
    """
    with invocation.open() as opened:
        host, actor = opened.host, opened.actor
        if not yes:
            require_terminal(invocation, "Deleting a connection")
            view = host.connections.show(actor, connection)
            stopping = [m.name for m in host.metrics.list(actor) if m.connection_id == view.id]
            _confirm(view, stopping)
            connection = view.id
        deleted = host.connections.delete(actor, connection)
    if invocation.wants_json:
        print_json(deleted.model_dump(mode="json"))
        return
    print_text(f"Deleted {deleted.name} ({deleted.id}).")
    _print_metrics(
        "These metrics are no longer refreshed and keep their last values:", deleted.metrics
    )


def _fields(opened: OpenedHost, source: str) -> tuple[CredentialField, ...]:
    return credential_fields(opened.host.sources.get(source).description.credentials)


def _confirm(view: ConnectionView, stopping: list[str]) -> None:
    print_text(f"This deletes {view.label} ({view.id}) and its credentials.", stderr=True)
    _print_metrics("These metrics will no longer be refreshed:", stopping, stderr=True)
    confirm("Delete this connection?", "Nothing was deleted.")


def _print_metrics(title: str, names: list[str] | tuple[str, ...], *, stderr: bool = False) -> None:
    if names:
        print_text(title, stderr=stderr)
        for name in names:
            print_text("· ", name, stderr=stderr, indent=2)


def print_step(step: StepResult) -> None:
    """Print one step of a check."""
    sign, color = STEP_SIGNS[step.status]
    seconds = "" if step.status == "skipped" else f"  {step.seconds:.1f} s"
    print_text(text(f"{sign} ", color), step.title, text(seconds, "dim"))
    if step.detail:
        print_text(step.detail, style="dim", indent=2)


def _step_printer(invocation: CommandContext) -> Callable[[StepResult], None] | None:
    return None if invocation.wants_json else print_step


def _print_connection(view: ConnectionView, zone: str, invocation: CommandContext) -> None:
    """Print a connection that was added, checked or edited."""
    if invocation.wants_json:
        data = view.model_dump(mode="json")
        if view.status == "error" and view.problem is not None:
            data["error"] = error_json(view.problem)
        print_json(data)
        return
    _print_view(view, zone)
    if view.problem is not None:
        print_problem(view.problem, style=STATUS_COLORS[view.status], stderr=view.status == "error")
    _print_metrics("These metrics use a survey that the credentials cannot access:", view.unseen)


def _print_view(view: ConnectionView, zone: str) -> None:
    print_text(
        text(f"{view.label}: ", "bold"),
        text(view.status, STATUS_COLORS[view.status]),
        text(f"  {view.id}", "dim"),
    )
    for field in view.fields:
        print_text(f"{field.label}: {field.value}", indent=2)
    print_text(f"Checked: {instant_text(view.checked_at, zone)}", indent=2)
