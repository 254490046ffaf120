"""Calculations for plugin authors: which are allowed, and tallies from rows.

- ``CALCULATIONS`` defines each calculation; ``allowed_calculations`` and ``check_definition`` are
  the rules of which questions allow which.
- ``answer_queries`` answers all queries of a survey from one data frame. ``TallyBuilder`` does the
  same in batches; ``tally`` and ``tally_all`` count a frame by explicit columns.
- ``calculate`` turns a tally into a result, as the framework does.

The names that need Polars are imported on first use, so that importing this module is light.
"""

from smaply_metrics_core.public_names import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(__name__, __file__)
