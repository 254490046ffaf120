"""Random samples whose intervals and p-values are compared with SciPy and statsmodels.

Run ``python -m tests.uncertainty.reference --tallies 10000`` for the campaign.
"""

from __future__ import annotations

import argparse
import math
import random
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import numpy as np
from scipy import optimize, stats
from statsmodels.stats.proportion import confint_proportions_2indep, proportion_confint
from statsmodels.stats.weightstats import CompareMeans, DescrStatsW

from smaply_metrics_core.uncertainty.changes import mean_change, nps_change, share_change
from smaply_metrics_core.uncertainty.distributions import median_rank
from smaply_metrics_core.uncertainty.intervals import (
    mean_interval,
    median_interval,
    nps_interval,
    share_interval,
)
from smaply_metrics_core.uncertainty.samples import (
    MeanSample,
    NpsSample,
    OrderedSample,
    SampleWeight,
    ShareSample,
)

TOLERANCE: Final = 1e-9
LEVELS: Final = (80.0, 90.0, 95.0, 99.0, 99.9)
MOST_ANSWERS: Final = 3_000


class Compared(NamedTuple):
    """One number with the number of the reference library."""

    what: str
    found: float
    expected: float

    @property
    def equal(self) -> bool:
        """Whether the numbers differ by at most 1e-9, relative or absolute."""
        return math.isclose(self.found, self.expected, rel_tol=TOLERANCE, abs_tol=TOLERANCE)


def compare(rng: random.Random) -> Iterator[Compared]:
    """Yield the numbers of two random tallies of each kind."""
    level = rng.choice(LEVELS)
    yield from _shares(rng, level)
    yield from _nps(rng, level)
    yield from _means(rng, level)
    yield from _medians(rng, level)


def _size(rng: random.Random) -> int:
    return round(math.exp(rng.uniform(math.log(2), math.log(MOST_ANSWERS))))


def _shares(rng: random.Random, level: float) -> Iterator[Compared]:
    n, before = _size(rng), _size(rng)
    part, part_before = rng.randint(0, n), rng.randint(0, before)
    alpha = 1 - level / 100
    found = share_interval(ShareSample(n, part), level)
    expected = proportion_confint(part, n, alpha=alpha, method="wilson")
    yield from _both("share", found, [100 * end for end in expected])

    def newcombe(error: float) -> tuple[float, float]:
        low, high = confint_proportions_2indep(
            part, n, part_before, before, method="newcomb", compare="diff", alpha=error
        )
        return low, high

    change = share_change(ShareSample(n, part), ShareSample(before, part_before), level)
    yield from _both("change of share", change.bounds, [100 * end for end in newcombe(alpha)])
    if part * before == part_before * n:
        yield Compared("p-value of share", change.p_value, 1.0)
    elif change.p_value > 1e-12:
        # The end that is nearer to 0, as a function of z.
        near = 0 if part * before > part_before * n else 1
        z = optimize.brentq(lambda z: newcombe(2 * stats.norm.sf(z))[near], 1e-9, 8, xtol=1e-14)
        yield Compared("p-value of share", change.p_value, 2 * stats.norm.sf(z))


def _nps_answers(rng: random.Random) -> tuple[NpsSample, list[float]]:
    n = _size(rng)
    promoters = rng.randint(0, n)
    detractors = rng.randint(0, n - promoters)
    added = [*[1.0] * promoters, *[0.0] * (n - promoters - detractors), *[-1.0] * detractors]
    return NpsSample(n, promoters, detractors), added


def _nps(rng: random.Random, level: float) -> Iterator[Compared]:
    (current, answers), (previous, before) = _nps_answers(rng), _nps_answers(rng)
    now, then = (
        DescrStatsW(
            [*given, 1.0, 0.0, -1.0], weights=[*[1.0] * len(given), 0.75, 1.5, 0.75], ddof=0
        )
        for given in (answers, before)
    )
    low, high = now.zconfint_mean(alpha=1 - level / 100)
    # zconfint_mean divides by n - 1, the adjusted Wald interval by n.
    half = (high - low) / 2 * math.sqrt((now.nobs - 1) / now.nobs)
    expected = [100 * max(-1, now.mean - half), 100 * min(1, now.mean + half)]
    found = nps_interval(current, level)
    assert found is not None
    yield from _both("NPS", found, expected)
    change = nps_change(current, previous, level)
    error = math.sqrt(now.var / now.sum_weights + then.var / then.sum_weights)
    difference = now.mean - then.mean
    limits = stats.norm.interval(level / 100, difference, error)
    yield from _both("change of NPS", change.bounds, [100 * end for end in limits])
    yield Compared("p-value of NPS", change.p_value, 2 * stats.norm.sf(abs(difference) / error))


def _means(rng: random.Random, level: float) -> Iterator[Compared]:
    alpha = 1 - level / 100
    answers, before = ([_answer(rng) for _ in range(_size(rng))] for _ in range(2))
    current, previous = (
        MeanSample.of([(value, SampleWeight.of(1)) for value in given])
        for given in (answers, before)
    )
    if len(set(answers)) > 1:
        found = mean_interval(current, level)
        assert found is not None
        yield from _both("average", found, DescrStatsW(answers).tconfint_mean(alpha=alpha))
    if len(set(answers)) > 1 and len(set(before)) > 1:
        change = mean_change(current, previous, level)
        assert change is not None
        compared = CompareMeans(DescrStatsW(answers), DescrStatsW(before))
        limits = compared.tconfint_diff(alpha=alpha, usevar="unequal")
        yield from _both("change of average", change.bounds, limits)
        p_value = compared.ttest_ind(usevar="unequal")[1]
        yield Compared("p-value of average", change.p_value, float(p_value))


def _answer(rng: random.Random) -> float:
    return rng.choice((float(rng.randint(1, 5)), rng.lognormvariate(3, 1)))


def _medians(rng: random.Random, level: float) -> Iterator[Compared]:
    n = _size(rng)
    rank = int(stats.binom.ppf((1 - level / 100) / 2, n, 0.5))
    yield Compared("rank of median", median_rank(level, n), rank)
    values = np.sort([rng.randint(0, 100) for _ in range(n)])
    found = median_interval(OrderedSample(tuple((float(value), 1) for value in values)), level)
    if found is not None:
        yield from _both("median", found, (values[rank - 1], values[n - rank]))


def _both(what: str, found: tuple[float, float], expected: Sequence[float]) -> Iterator[Compared]:
    low, high = expected
    yield Compared(f"low end of {what}", found[0], float(low))
    yield Compared(f"high end of {what}", found[1], float(high))


def main() -> None:
    """Compare random tallies; exit with an error at the first difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tallies", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    rng = random.Random(given.seed)  # noqa: S311  # Not for secrets.
    numbers = 0
    for _ in range(given.tallies):
        for compared in compare(rng):
            numbers += 1
            if not compared.equal:
                raise SystemExit(f"{compared} (seed {given.seed})")
    print(f"{given.tallies:,} tallies, {numbers:,} numbers: all equal to {TOLERANCE:g}.")  # noqa: T201


if __name__ == "__main__":
    main()
