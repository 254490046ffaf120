"""Pytest plugin that spares tests the garbage collector's passes over all collected tests.

The modules and items of the whole suite live until the end: each full pass over them takes half a
second, and there were hundreds.
"""

from __future__ import annotations

import gc
from typing import Final

import pytest

_THRESHOLDS: Final = (20_000, 20, 20)
"""A pass for 20,000 new objects, instead of 700: tests create many and keep few."""

gc.disable()  # Until the end of the collection, which creates no garbage.


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Exclude the collected tests from later passes."""
    gc.freeze()
    gc.set_threshold(*_THRESHOLDS)
    gc.enable()
