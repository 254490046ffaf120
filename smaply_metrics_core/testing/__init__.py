"""The contract tests for authors of sources, and their tools.

Subclass ``SourceContract`` in a test file. Recording and replaying cassettes requires the extra
``smaply-metrics-core[testing]``.
"""

from smaply_metrics_core.extras import require_extra
from smaply_metrics_core.public_names import lazy_exports

_load, __dir__, __all__ = lazy_exports(__name__, __file__)


def __getattr__(name: str) -> object:
    """Load a public name; recording needs the extra ``testing``."""
    if name == "record":
        require_extra("testing", "vcr", "pytest")
    return _load(name)
