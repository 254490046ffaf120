"""Charts, tables and texts of results: plain data that any host can use.

``vega_lite`` returns a Vega-Lite specification, which a browser draws with the script from
``browser_bundle`` and the server with ``render_svg``. ``headline``, ``data_table`` and ``summary``
present the same result as text. Only ``render_svg``, ``render_png`` and ``browser_bundle``
require the extra ``[charts]``.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
