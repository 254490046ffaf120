"""The declared steps of a credential check; apart from it, as they load no HTTP client."""

from __future__ import annotations

from typing import Final

from smaply_metrics_core import CheckStep

REACH: Final = CheckStep(name="reach", title="Qualtrics answers at the base URL", required=True)
AUTHENTICATE: Final = CheckStep(name="authenticate", title="The token is accepted", required=True)
LIST_SURVEYS: Final = CheckStep(name="list_surveys", title="Surveys can be seen", required=False)
EXPORT: Final = CheckStep(name="export", title="Results can be exported", required=False)
STEPS: Final = (REACH, AUTHENTICATE, LIST_SURVEYS, EXPORT)
