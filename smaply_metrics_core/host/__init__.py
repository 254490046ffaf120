"""The API for host apps: connections, metrics and cards.

>>> settings = Settings.from_environment(home, account="acme")
>>> with MetricsHost(settings) as host:
...     cards = host.cards.load(Actor("acme", "vera", Role.VIEWER))

``AsyncMetricsHost`` is the same API for an event loop.

The names that host apps share with plugin authors (``Definition``, ``Survey``, ``Problem``, every
error …) are the same objects as in ``smaply_metrics_core``, so a host app imports all of them here.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
