"""The steps of the credential check, in a module that does not load the HTTP client."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core import CheckStep

REACH: Final = CheckStep(name="reach", title="Connect to Qualtrics", required=True)
AUTHENTICATE: Final = CheckStep(name="authenticate", title="Verify the API token", required=True)
LIST_SURVEYS: Final = CheckStep(name="list_surveys", title="List surveys", required=False)
EXPORT: Final = CheckStep(name="export", title="Export responses", required=False)
STEPS: Final = (REACH, AUTHENTICATE, LIST_SURVEYS, EXPORT)
