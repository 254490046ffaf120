"""Pytest plugin that sets how many examples Hypothesis tries for each property.

`make test` tries a sample; `make deep`, which `make test-deep` runs, tries many. A test that names
a number of its own, because its examples are expensive, always tries that number.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sample", max_examples=50, deadline=None)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("sample")
