"""Smaply Metrics: customer-experience numbers from survey tools, correct and fresh.

This module is the contract, for authors of sources: models, errors, the context of a call, the
hook marker and the debug bundle. It is light to import. A plugin may also import
``smaply_metrics_core.http`` (HTTP), ``smaply_metrics_core.calculations`` (counting rows) and
``smaply_metrics_core.charts``; its tests import ``smaply_metrics_core.testing``. Host apps import
``smaply_metrics_core.host``. Every other module is private.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
