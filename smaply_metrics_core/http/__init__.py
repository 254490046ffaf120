"""The HTTP client that a source is handed, and what helps a source to use it.

Importing this package loads the HTTP library; the rest of the contract does without.
"""

from __future__ import annotations

from smaply_metrics_core.http.answers import RemoteDetails, read_json, remote_details
from smaply_metrics_core.http.budget import RequestBudget
from smaply_metrics_core.http.client import build_client
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.paging import pages
from smaply_metrics_core.http.secrets import secret_auth

__all__ = [
    "Exchange",
    "RemoteDetails",
    "RequestBudget",
    "build_client",
    "pages",
    "read_json",
    "remote_details",
    "secret_auth",
]
