"""HTTP for authors of sources: authentication, retries, pages, downloads and reading responses.

Importing this module imports httpx; importing ``smaply_metrics_core`` does not.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
