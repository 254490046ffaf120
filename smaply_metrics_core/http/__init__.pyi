from smaply_metrics_core.http.auth import header_auth
from smaply_metrics_core.http.client import build_client
from smaply_metrics_core.http.downloads import download
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.pagination import pages
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.responses import RemoteDetails, read_json, remote_details
from smaply_metrics_core.http.retry import SAFE_TO_REPEAT

__all__ = [
    "SAFE_TO_REPEAT",
    "Exchange",
    "RateLimiter",
    "RemoteDetails",
    "build_client",
    "download",
    "header_auth",
    "pages",
    "read_json",
    "remote_details",
]
