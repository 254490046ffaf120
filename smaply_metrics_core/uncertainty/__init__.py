"""Uncertainty of the values of surveys: intervals, p-values, verdicts and targets.

Pure functions over summaries of samples (``samples``), with the standard library alone:

- ``intervals``: the interval of one value;
- ``changes``: the interval and the p-value of a change, and the smallest change that is likely to
  be seen;
- ``verdicts``: what may be said about a change or a target, with the adjustment of Holm;
- ``distributions``: the quantiles and tails that these need.

Formulas, sources and assumptions are in ``docs/uncertainty.md``.
"""
