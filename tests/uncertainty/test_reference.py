"""Equality with SciPy and statsmodels."""

from __future__ import annotations

import random

import pytest

pytestmark = pytest.mark.deep(reason="imports SciPy and statsmodels, which takes seconds")


def test_random_tallies() -> None:
    """200 random tallies of each kind agree to 1e-9; ``make test-campaign`` compares 10,000."""
    from tests.uncertainty.reference import compare

    rng = random.Random(16)  # noqa: S311  # Not for secrets.
    for _ in range(200):
        for compared in compare(rng):
            assert compared.equal, compared


@pytest.mark.parametrize(
    "df", [0.5, 1, 1.7, 2, 5, 12.198, 29, 39.9, 40.1, 250, 4_999, 5_000, 1e6, 1e8]
)
def test_students_t(df: float) -> None:
    """Quantiles agree to 1e-12, tails to 1e-11, relative."""
    from scipy import stats

    from smaply_metrics_core.uncertainty.distributions import t_quantile, t_tails

    for level in (80.0, 90.0, 95.0, 99.0, 99.9):
        expected = -stats.t.ppf((1 - level / 100) / 2, df)
        assert t_quantile(level, df) == pytest.approx(expected, rel=1e-12)
    for t in (1e-5, 0.01, 0.5, 1, 1.96, 5, 12, 30):
        assert t_tails(t, df) == pytest.approx(2 * stats.t.sf(t, df), rel=1e-11)


@pytest.mark.parametrize("trials", [6, 37, 1_000, 1_001, 4_567, 100_000, 3_000_000])
def test_ranks_of_medians(trials: int) -> None:
    """The ranks are the quantiles of the binomial distribution."""
    from scipy import stats

    from smaply_metrics_core.uncertainty.distributions import median_rank

    for level in (80.0, 95.0, 99.9):
        assert median_rank(level, trials) == stats.binom.ppf((1 - level / 100) / 2, trials, 0.5)


def test_the_page_has_the_coverage() -> None:
    """The tables of docs/uncertainty.md are those that are computed now."""
    from tests.uncertainty.interval_coverage import PAGE, replaced, tables

    page = PAGE.read_text(encoding="utf-8")
    assert replaced(page, tables()) == page
