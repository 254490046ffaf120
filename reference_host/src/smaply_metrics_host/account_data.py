"""Deletes and exports accounts and people, in the host's database and in the framework's store."""

from __future__ import annotations

from contextlib import closing, suppress
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import Actor, MetricsHost, NotFound, Role, TempDirs
from smaply_metrics_host import downloads
from smaply_metrics_host.store import account_rows
from smaply_metrics_host.store.database import Database
from smaply_metrics_host.uploads import staged_uploads

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_host.settings import HostSettings

OPERATOR: Final = "operator"
"""The user that the audit trail names for these commands."""


def register_account(settings: HostSettings, account: str) -> None:
    """Store an account in the framework's store, so that ``smaply-metrics`` lists it."""
    with MetricsHost(settings.framework) as host:
        host.accounts.register(account)


def delete_account(settings: HostSettings, account: str) -> None:
    """Delete everything of an account; the host should be stopped.

    Raises:
        NotFound: if there is no such account.
        StoreError: if a store or a file cannot be changed. The deletion can be repeated.
    """
    with closing(Database(settings.home)) as database:
        found = account_rows.delete_account(database, account)
    try:
        with MetricsHost(settings.framework) as host:
            host.accounts.delete(_operator(account))
    except NotFound:
        if not found:
            raise
    # Files that a killed host left behind; those of a stopped one are deleted.
    for folder in (downloads.FOLDER, staged_uploads.FOLDER):
        TempDirs(settings.home / folder).close()


def erase_person(settings: HostSettings, account: str, name: str) -> None:
    """Delete a person, and replace their name in the framework's store.

    Raises:
        NotFound: if nothing that is stored for the account names the person.
    """
    with closing(Database(settings.home)) as database:
        found = account_rows.delete_person(database, account, name)
    with MetricsHost(settings.framework) as host:
        if not found:
            host.accounts.erase_user(_operator(account), name)
            return
        with suppress(NotFound):  # The person changed nothing.
            host.accounts.erase_user(_operator(account), name)


def export_account(settings: HostSettings, account: str, path: Path) -> None:
    """Write everything of an account into a ZIP file, without secrets and uploaded files.

    The file appears under its path only when it is complete.

    Raises:
        NotFound: if there is no such account.
        InputError: if the file exists or cannot be written.
    """
    with closing(Database(settings.home)) as database:
        rows = account_rows.read_account(database, account)
    with MetricsHost(settings.framework) as host:
        host.accounts.export(_operator(account), path.absolute(), rows)


def _operator(account: str) -> Actor:
    return Actor(account, OPERATOR, Role.ADMIN)
