"""Calculations for authors of sources: which are allowed, and tallies from rows.

- ``CALCULATIONS`` defines each calculation; ``allowed_calculations`` and ``check_definition`` are
  the rules of which questions allow which.
- ``answer_queries`` answers all queries of a survey from one data frame. ``TallyBuilder`` does the
  same batch by batch, ``tally`` and ``tally_all`` from a frame and explicit columns.
- ``calculate`` makes the result of a tally, as the framework does.

The names that need Polars are imported on first use, so that importing this module is light.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
