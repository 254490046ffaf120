"""``key``: generates encryption keys, shows what depends on them, checks and rotates them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from smaply_metrics_core.cli.command_context import CommandContext, before_command
from smaply_metrics_core.cli.errors import REFUSED
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
from smaply_metrics_core.cli.progress import progress_bar

if TYPE_CHECKING:
    from smaply_metrics_core.host import FailedRotation, KeyRotation, KeyUse

app = typer.Typer()
app.callback()(option_groups(before_command))


@app.command("generate")
@option_groups
def generate(
    *,
    add: Annotated[
        bool,
        typer.Option(
            "--add", help="Put the key first in the key file of the home instead of printing it."
        ),
    ] = False,
    invocation: CommandContext,
) -> None:
    """Generate an encryption key and print it.

    Store it where other secrets are stored, and add it to SMAPLY_METRICS_ENCRYPTION_KEYS. For a
    store with a key file, use --add: running processes read the changed file when they need it.
    """
    from smaply_metrics_core.host import Keys  # Imported on use: it loads the host.

    if add:
        with invocation.open(hint=False) as opened:
            added = opened.host.keys.add_to_file()
        if invocation.wants_json:
            print_json({"id": added})
        else:
            print_text("Added the key ", text(added, "bold"), " to the key file, as the first one.")
        return
    made, key = Keys.generate()
    if invocation.wants_json:
        print_json({"id": made, "key": key})
    else:
        print_text(key)


@app.command("status")
@option_groups
def status(invocation: CommandContext) -> None:
    """Show how many connections of all accounts depend on each key, and which keys are missing."""
    with invocation.open(hint=False) as opened:
        found = opened.host.keys.status()
    if invocation.wants_json:
        print_json(found.model_dump(mode="json"))
        return
    rows = table("Key", "Connections", "Use", right=["Connections"], whole=["Key"])
    for use in found.keys:
        rows.add_row(text(use.id), text(use.connections), text(_use(use)))
    if found.keys:
        show(rows)
    else:
        print_text("There is no key. Create one with `smaply-metrics key generate`.")
    if any(not use.configured for use in found.keys):
        print_text(
            "Connections whose key is missing cannot be used. Add the key again, or enter their "
            "credentials again."
        )
    if found.damaged:
        print_text(f"The stored credentials of {_connections(found.damaged)} are damaged.")


@app.command("check")
@option_groups
def check(invocation: CommandContext) -> None:
    """Check that the credentials of all accounts can be decrypted with the configured keys.

    Nothing is changed, and no survey tool is called. The exit code is 1 if credentials cannot be
    decrypted, as when a key is missing or a restored backup does not belong to the keys.
    """
    with invocation.open(hint=False) as opened:
        done = opened.host.keys.check()
    if invocation.wants_json:
        print_json({"decrypted": done.decrypted, "failed": _failed_json(done.failed)})
    else:
        print_text(f"Decrypted the credentials of {_connections(done.decrypted)}.")
        _print_failed(done.failed)
    if done.failed:
        raise typer.Exit(REFUSED)


@app.command("rotate")
@option_groups
def rotate(
    *,
    remove_unused: Annotated[
        bool,
        typer.Option(
            "--remove-unused",
            help="Then remove the keys that nothing depends on from the key file of the home.",
        ),
    ] = False,
    invocation: CommandContext,
) -> None:
    """Encrypt the credentials of all accounts with the first key.

    No survey tool is called, and other processes continue to run. The command can be repeated
    after an interruption. The exit code is 1 if a connection could not be decrypted.
    """
    with invocation.open(hint=False) as opened, progress_bar() as progress:
        done = opened.host.keys.rotate(progress)
        removed = opened.host.keys.remove_unused() if remove_unused else ()
    if invocation.wants_json:
        print_json({**_rotation_json(done), "removed": removed})
    else:
        print_text(
            f"Encrypted {_connections(done.encrypted)} with the first key; "
            f"{_connections(done.current)} needed no change."
        )
        _print_failed(done.failed)
        if removed:
            print_text(f"Removed from the key file: {', '.join(removed)}.")
    if done.failed:
        raise typer.Exit(REFUSED)


def _rotation_json(done: KeyRotation) -> dict[str, Any]:
    return {
        "encrypted": done.encrypted,
        "current": done.current,
        "failed": _failed_json(done.failed),
    }


def _failed_json(failed: Sequence[FailedRotation]) -> list[dict[str, Any]]:
    return [
        {
            "account": one.account,
            "connection": one.connection,
            "source": one.source,
            "error": error_json(one.problem),
        }
        for one in failed
    ]


def _print_failed(failed: Sequence[FailedRotation]) -> None:
    for one in failed:
        print_text(f"Account {one.account}, connection {one.connection} ({one.source}):")
        print_problem(one.problem)


def _use(use: KeyUse) -> str:
    if not use.configured:
        return "missing in this process"
    return "encrypts and decrypts" if use.encrypts else "decrypts"


def _connections(count: int) -> str:
    return f"{count:,} connection{'' if count == 1 else 's'}"
