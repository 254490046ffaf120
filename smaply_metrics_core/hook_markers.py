"""The hook markers, the entry point group and the version of the contract."""

from __future__ import annotations

from typing import Final

import pluggy

PROJECT: Final = "smaply_metrics"
ENTRY_POINT_GROUP: Final = "smaply_metrics.sources"
"""The group of the entry points of sources."""

CONTRACT_VERSION: Final = "0.1"
"""The version of the contract of this release: hooks, models and errors.

A source declares the version that it was written for in ``SourceDescription.contract``. While the
major version is 0, the minor versions must be equal. From 1.0 on, a source for an earlier minor
version of the same major version is compatible.
"""

hookspec = pluggy.HookspecMarker(PROJECT)
hookimpl = pluggy.HookimplMarker(PROJECT)
"""The decorator that marks a function as the implementation of a hook."""
