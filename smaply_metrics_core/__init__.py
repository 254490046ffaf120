"""The contract for authors of sources: models, errors, call context, hook marker, debug bundle.

Importing this module is cheap. A plugin may also import ``smaply_metrics_core.http``,
``smaply_metrics_core.calculations`` (counting rows) and ``smaply_metrics_core.charts``; its tests
import ``smaply_metrics_core.testing``. Host apps import ``smaply_metrics_core.host``. All other
modules are private.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
