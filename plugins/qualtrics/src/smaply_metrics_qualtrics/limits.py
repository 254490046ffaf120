"""How often Qualtrics may be asked."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core.models.source import RequestLimit

_EXPORTS: Final = r"/API/v3/surveys/[^/]+/export-responses"
_SCHEMA: Final = r"/API/v3/surveys/[^/]+/response-schema"

LIMITS: Final = (
    RequestLimit(method="POST", path=_EXPORTS, per_minute=100),
    RequestLimit(method="GET", path=rf"{_EXPORTS}/[^/]+/file", per_minute=100),
    RequestLimit(method="GET", path=rf"{_EXPORTS}/[^/]+", per_minute=1000),
    RequestLimit(method="GET", path=_SCHEMA, per_minute=60),
    RequestLimit(method="GET", path=r"/API/v3/.*", per_minute=3000),
)
"""What Qualtrics documents for each endpoint; a brand shares 3,000 requests a minute."""
