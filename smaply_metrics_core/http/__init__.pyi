from smaply_metrics_core.http.auth import header_auth
from smaply_metrics_core.http.client import build_client
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.pagination import pages
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.responses import RemoteDetails, read_json, remote_details

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
