from smaply_metrics_core.http.auth import basic_auth, bearer_auth, header_auth
from smaply_metrics_core.http.client import build_client
from smaply_metrics_core.http.downloads import download
from smaply_metrics_core.http.exchange import Exchange
from smaply_metrics_core.http.oauth import client_credentials
from smaply_metrics_core.http.pagination import pages
from smaply_metrics_core.http.rate_limit import RateLimiter
from smaply_metrics_core.http.response_limit import large_response
from smaply_metrics_core.http.responses import RemoteDetails, read_json, remote_details
from smaply_metrics_core.http.retry import SAFE_TO_REPEAT
from smaply_metrics_core.token_cache import AccessToken, TokenCache

__all__ = [
    "SAFE_TO_REPEAT",
    "AccessToken",
    "Exchange",
    "RateLimiter",
    "RemoteDetails",
    "TokenCache",
    "basic_auth",
    "bearer_auth",
    "build_client",
    "client_credentials",
    "download",
    "header_auth",
    "large_response",
    "pages",
    "read_json",
    "remote_details",
]
