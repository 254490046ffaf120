"""The steps of the connection check."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core import CheckStep

REACH: Final = CheckStep(name="reach", title="Connect to LimeSurvey", required=True)
AUTHENTICATE: Final = CheckStep(name="authenticate", title="Sign in", required=True)
LIST_SURVEYS: Final = CheckStep(name="surveys", title="List surveys", required=False)
EXPORT: Final = CheckStep(name="export", title="Export responses", required=False)
STEPS: Final = (REACH, AUTHENTICATE, LIST_SURVEYS, EXPORT)
