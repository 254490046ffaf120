"""The markers of the contract's hooks, the entry point group and the version of the contract."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "smaply_metrics"
ENTRY_POINT_GROUP: Final = "smaply_metrics.sources"

CONTRACT_VERSION: Final = "0.1"
"""The version of the contract that this release offers: hooks, models and errors.

A source declares the version it was written for in ``SourceDescription.contract``. While the major
number is 0, every minor version is a contract of its own; from 1.0 on, a source written for an
earlier minor version of the same major version fits.
"""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
