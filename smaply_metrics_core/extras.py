"""The optional parts of the distribution, and the one error for a part that is not installed."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Final

from smaply_metrics_core.errors import InputError

PURPOSES: Final[Mapping[str, str]] = {
    "charts": "Drawing charts",
    "cli": "The command smaply-metrics",
    "postgresql": "A store in PostgreSQL",
    "testing": "Recording and replaying responses",
    "worker": "Refreshing in workers",
}
"""For each extra, the subject of the error message."""


def require_extra(extra: str, *modules: str) -> None:
    """Import the modules that an extra installs.

    Args:
        extra: The extra's name, as in ``pip install "smaply-metrics-core[cli]"``.
        modules: The modules; each is imported, so that a broken installation is reported too.

    Raises:
        InputError: when one of them cannot be imported; the remedy names the extra.
    """
    for module in modules:
        try:
            importlib.import_module(module)
        except ImportError:
            raise InputError(
                f"{PURPOSES[extra]} needs the Python package {module}, which is not installed.",
                remedy=f'Install it with pip install "smaply-metrics-core[{extra}]".',
            ) from None
