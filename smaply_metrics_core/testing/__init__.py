"""The contract tests for authors of sources, and their tools.

Subclass ``SourceContract`` in a test file. Recording and playing cassettes needs the extra
``testing`` of ``smaply-metrics-core``, which is imported only then.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
