"""Engines that are too large for the tests of every change: see `__main__.py`."""
