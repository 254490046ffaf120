"""The extras of the distribution, and the error for an extra that is not installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.problem import Audience

PURPOSES: Final[Mapping[str, str]] = {
    "charts": "Rendering charts",
    "cli": "The command smaply-metrics",
    "files": "Reading an Excel workbook or text that is not Unicode",
    "pandas": "A frame of pandas",
    "postgresql": "A store in PostgreSQL",
    "telemetry": "Recording spans and metrics",
    "testing": "Recording and replaying responses",
    "worker": "Refreshing in workers",
}
"""The subject of the error message of each extra."""


def require_extra(extra: str, *modules: str) -> None:
    """Import the modules that an extra installs.

    Args:
        extra: The extra's name, as in ``pip install "smaply-metrics-core[cli]"``.
        modules: The modules to import; a broken installation of one is reported as well.

    Raises:
        InputError: when a module cannot be imported; the remedy names the extra.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            raise InputError(
                f"{PURPOSES[extra]} requires the Python package {module}, which is not installed.",
                remedy=f'Run pip install "smaply-metrics-core[{extra}]".',
                audience=Audience.OPERATOR,
            ) from None
