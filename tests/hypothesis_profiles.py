"""Pytest plugin that sets how many examples Hypothesis tries for each property.

`make test` tries the same sample in every run, so that a change is the only thing that can fail it.
`make deep`, which `make test-deep` runs, tries many, others in each run. A test whose examples are
expensive names its own numbers with `examples`.

Hypothesis also tries the numbers and texts that the code contains, which it reads from all loaded
modules. In the sample it does not: that takes a second or more in each worker, and the examples
would depend on the modules that other tests have loaded.
"""

from __future__ import annotations

from hypothesis import settings
from hypothesis.internal.conjecture import providers
from hypothesis.internal.constants_ast import Constants

settings.register_profile("sample", max_examples=25, deadline=None, derandomize=True)
settings.register_profile("thorough", max_examples=300, deadline=None)
settings.load_profile("sample")

_read_constants = providers._get_local_constants  # noqa: SLF001  # There is no setting for it.


def _constants() -> Constants:
    thorough = settings.get_current_profile_name() == "thorough"
    return _read_constants() if thorough else providers._local_constants  # noqa: SLF001


providers._get_local_constants = _constants  # noqa: SLF001


def examples(*, sample: int, thorough: int) -> settings:
    """Return settings with the number of examples that each profile tries."""
    profile = settings.get_current_profile_name()
    return settings(max_examples=thorough if profile == "thorough" else sample)
