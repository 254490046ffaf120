"""A server that plays a recorded LimeSurvey, if the caller runs one: ``make demo`` does."""

from __future__ import annotations

import os
import re
from typing import Final

from smaply_metrics_core.host import InputError

LIMESURVEY_VARIABLE: Final = "SMAPLY_LIMESURVEY_RECORDING"
"""The variable with its address, as ``http://USER:PASSWORD@127.0.0.1:PORT``."""
_ADDRESS: Final = re.compile(
    r"http://(?P<user>[^:@/]+):(?P<password>[^@/]+)@(?P<place>127\.0\.0\.1:[0-9]+)"
)
ZONE: Final = "Europe/Vienna"
"""The time zone of the recorded server."""


def recorded_limesurvey() -> dict[str, str] | None:
    """Return the credentials for the server; ``None`` if none runs.

    Raises:
        InputError: The variable is not an address with a user and a password.
    """
    text = os.environ.get(LIMESURVEY_VARIABLE, "").strip()
    if not text:
        return None
    match = _ADDRESS.fullmatch(text)
    if match is None:
        raise InputError(
            f"{LIMESURVEY_VARIABLE} is not a valid address.",
            remedy="Set it to http://USER:PASSWORD@127.0.0.1:PORT, or unset it.",
        )
    return {
        "address": f"http://{match['place']}",
        "user": match["user"],
        "password": match["password"],
        "time_zone": ZONE,
    }
