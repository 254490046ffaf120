"""Pytest plugin that sets how many examples Hypothesis tries for each property.

`make test` tries the same sample in every run, so that a change is the only thing that can fail it.
`make deep`, which `make test-deep` runs, tries many, others in each run. A test whose examples are
expensive names its own numbers with `examples`.
"""

from __future__ import annotations

from hypothesis import settings

settings.register_profile("sample", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("sample")


def examples(*, sample: int, thorough: int) -> settings:
    """Return settings with the number of examples that each profile tries."""
    profile = settings.get_current_profile_name()
    return settings(max_examples=thorough if profile == "thorough" else sample)
