"""Counting responses and making numbers of the counts: one definition of each.

- ``meanings``: what each calculation is.
- ``definitions``: which questions allow it, and whether the parts of a metric go together.
- ``value``: a result from a tally.
- ``tally``: a tally from rows, with Polars, which is imported only there.
"""
