"""The connections of a demo: their credentials, and whether a connection is one of a demo."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.host import ConnectionView
from smaply_metrics_host.demo.visits import MAPPING

DATABASE_FILE: Final = "store_visits.sqlite"
LOOPBACK: Final = ("127.0.0.1:", "http://127.0.0.1:")
"""What the addresses of invented accounts begin with."""


def database_credentials(folder: str) -> dict[str, str]:
    """Return the values that connect the SQL source to the visits in a folder."""
    return {"database": f"sqlite:{folder}/{DATABASE_FILE}", "mapping": MAPPING}


def uses_only_invented_data(view: ConnectionView, folder: str) -> bool:
    """Whether a connection uses a sandbox, a recording or the demo's files.

    The host of a stopped sandbox is blank.
    """
    values = {field.name: field.value for field in view.fields if not field.secret}
    if values.get("database") == database_credentials(folder)["database"]:
        return True
    if values.get("address", "").startswith(LOOPBACK):
        return True
    return all(value.startswith(LOOPBACK) or value in {folder, ""} for value in values.values())
