"""HTTP for authors of sources: authentication, pagination and reading responses.

Importing this module loads httpx; the contract in ``smaply_metrics_core`` does not.
"""

from __future__ import annotations

from smaply_metrics_core.http.auth import header_auth
from smaply_metrics_core.http.client import build_client
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.pagination import pages
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.responses import RemoteDetails, read_json, remote_details
from smaply_metrics_core.public_names import set_public_module

__all__ = [
    "Exchange",
    "RateLimiter",
    "RemoteDetails",
    "build_client",
    "header_auth",
    "pages",
    "read_json",
    "remote_details",
]

set_public_module(__name__, [globals()[name] for name in __all__])
