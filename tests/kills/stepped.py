"""Operations that are stopped at each of their steps, each in a process of its own."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from smaply_metrics_core.errors import MetricsError, NotFound
from smaply_metrics_core.host import AccountLimits, Calculation, Definition, Role
from tests.host.host_process import open_host
from tests.kills.steps import counted_steps, limited_file_size
from tests.kills.work import TOKEN, WAIT, actor

if TYPE_CHECKING:
    from collections.abc import Callable
    from multiprocessing.connection import Connection

    from tests.host.host_process import Told

AVERAGE = Definition(survey_id="S1", question_id="stars", calculation=Calculation.AVERAGE)


def set_up(_: Connection, told: Told) -> None:
    """Create a store with a connection and a metric that has a value."""
    with open_host(told) as host:
        host.connections.connect(actor(Role.ADMIN, "acme"), "shop", {"api_token": TOKEN})
        host.metrics.add(actor(Role.EDITOR, "acme"), "shop", "Stars", AVERAGE)
        (card,) = host.cards.load(actor(Role.EDITOR, "acme"), wait=WAIT)
        assert card.text == "4.0"


def open_only(told: Told) -> None:
    """Open a host, which creates or upgrades the tables."""
    open_host(told).close()


def open_queue(told: Told) -> None:
    """Open a host with a queue, which creates or upgrades its tables too."""
    open_host({**told, "refresher": "procrastinate"}).close()


def start_reference_host(told: Told) -> None:
    """Open the database of the reference host."""
    from smaply_metrics_host.store.database import Database

    Database(Path(told["home"])).close()


def connect(told: Told) -> None:
    """Connect another account."""
    with open_host(told) as host:
        admin = actor(Role.ADMIN, f"new-{told['ahead']}")
        host.connections.connect(admin, "shop", {"api_token": TOKEN})


def edit(told: Told) -> None:
    """Save the credentials of a connection again."""
    with open_host(told) as host:
        host.connections.edit(actor(Role.ADMIN, "acme"), "shop", {"nickname": "Nick"})


def refresh(told: Told) -> None:
    """Refresh the cards; the outcome is saved by another thread."""
    with open_host(told) as host:
        host.cards.load(actor(Role.EDITOR, "acme"), wait=WAIT, force=True)


def export(told: Told) -> None:
    """Export a debug bundle."""
    with open_host(told) as host:
        path = Path(told["bundles"]) / f"{told['ahead']}.zip"
        host.debug_bundles.export(actor(Role.ADMIN, "acme"), "shop", "S1", path)


def upload(told: Told) -> None:
    """Upload a file to the reference host, as a first version or over an earlier one."""
    from smaply_metrics_host.uploads.upload_transactions import UploadTransaction

    transaction = UploadTransaction(Path(told["home"]) / "files" / "cli" / "visits.csv")
    transaction.put(b"recorded_at,nps\n" + b"2026-01-02T00:00:00Z,9\n" * 1000, replace=True)
    transaction.done()


def set_up_two_accounts(pipe: Connection, told: Told) -> None:
    """Create two accounts with connections, values, an audit trail, limits and files."""
    set_up(pipe, told)
    with open_host(told) as host:
        host.connections.connect(actor(Role.ADMIN, "globex"), "shop", {"api_token": TOKEN})
        host.metrics.add(actor(Role.EDITOR, "globex"), "shop", "Stars", AVERAGE)
        host.cards.load(actor(Role.EDITOR, "globex"), wait=WAIT)
        for account in ("acme", "globex"):
            host.accounts.set_limits(account, AccountLimits(metrics=5))
            folder = Path(told["home"]) / "files" / account / "surveys"
            folder.mkdir(parents=True)
            for number in range(3):
                (folder / f"{number}.csv").write_text("nps\n10\n")


def delete_account(told: Told) -> None:
    """Delete an account, unless nothing of it is left."""
    with open_host(told) as host, suppress(NotFound):
        host.accounts.delete(actor(Role.ADMIN, "acme"))


# `key rotate` belongs here too: it has to leave every connection readable by one of the keys.
OPERATIONS: tuple[Callable[[Told], None], ...] = (connect, edit, refresh, export)


def at_step(pipe: Connection, told: Told, operation: str) -> None:
    """Run an operation, killed at a step; send the number of steps if it is not."""
    with counted_steps(told["at"]) as steps:
        globals()[operation](told)
    pipe.send(steps.reached)


def on_full_disk(pipe: Connection, told: Told, operation: str) -> None:
    """Run an operation on a disk that is full from a step or from a size of files on.

    Sends the number of steps, or the error, which has to be one for people.
    """
    sys.dont_write_bytecode = True  # Python would use the part of a module's code that fits.
    try:
        if told["size"] is not None:
            with limited_file_size(told["size"]):
                globals()[operation](told)
        else:
            with counted_steps(told["at"], disk_full=True) as steps:
                globals()[operation](told)
            pipe.send(steps.reached)
            return
    except MetricsError as error:
        pipe.send(f"{error.message} {error.remedy}")
    else:
        pipe.send("")
