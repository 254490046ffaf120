"""The coverage of intervals: how often they contain the true value, computed exactly.

Run ``python -m tests.uncertainty.interval_coverage`` to write the tables of docs/uncertainty.md.
For continuous answers, which cannot be enumerated, the coverage is simulated with a fixed seed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from smaply_metrics_core.calculations.catalog import FEWEST_DIFFERENT, LOW_SAMPLE_BELOW
from smaply_metrics_core.uncertainty.changes import nps_change, share_change
from smaply_metrics_core.uncertainty.distributions import median_rank, t_quantile
from smaply_metrics_core.uncertainty.intervals import nps_interval, share_interval
from smaply_metrics_core.uncertainty.samples import NpsSample, ShareSample

LEVEL: Final = 95.0
LISTED_BELOW: Final = 90.0
SIMULATED: Final = 40_000
PAGE: Final = Path(__file__).parents[2] / "docs" / "uncertainty.md"

SHARES: Final = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 0.95, 0.99)
NPS_MIXES: Final = (
    (0.5, 0.3, 0.2),
    (0.4, 0.4, 0.2),
    (0.2, 0.6, 0.2),
    (0.7, 0.2, 0.1),
    (0.2, 0.3, 0.5),
    (0.05, 0.9, 0.05),
    (0.9, 0.08, 0.02),
    (0.98, 0.01, 0.01),
)
"""Shares of promoters, passives and detractors."""

SCALES: Final[Mapping[str, tuple[float, ...]]] = {
    "even": (0.2, 0.2, 0.2, 0.2, 0.2),
    "bell": (0.05, 0.2, 0.5, 0.2, 0.05),
    "high": (0.05, 0.05, 0.1, 0.3, 0.5),
    "two camps": (0.45, 0.05, 0.0, 0.05, 0.45),
    "80 % answer 5": (0.05, 0.03, 0.02, 0.1, 0.8),
    "90 % answer 5": (0.025, 0.025, 0.025, 0.025, 0.9),
    "97 % answer 5": (0.01, 0.0, 0.0, 0.02, 0.97),
}
"""Shares of the answers 1 to 5."""

Array = NDArray[np.float64]
Draw = Callable[[np.random.Generator, tuple[int, int]], Array]

CONTINUOUS: Final[Mapping[str, tuple[Draw, float]]] = {
    "normal": (lambda rng, size: rng.normal(0, 1, size), 0.0),
    "uniform": (lambda rng, size: rng.uniform(0, 1, size), 0.5),
    "exponential": (lambda rng, size: rng.exponential(1, size), 1.0),
    "log-normal, sigma = 0.5": (
        lambda rng, size: rng.lognormal(0, 0.5, size),
        float(np.exp(0.125)),
    ),
    "log-normal, sigma = 1": (lambda rng, size: rng.lognormal(0, 1, size), float(np.exp(0.5))),
}
"""Distributions with their means."""


class Cell(NamedTuple):
    """The coverage of one method for one size and distribution, in percent."""

    method: str
    n: str
    distribution: str
    coverage: float


def cells() -> Iterator[Cell]:
    """Yield every cell."""
    yield from _share_cells()
    yield from _nps_cells()
    yield from _scale_cells()
    yield from _continuous_cells()
    yield from _median_cells()
    yield from _share_change_cells()
    yield from _nps_change_cells()


def _share_cells(sizes: Sequence[int] = (5, 10, 20, 30, 50, 100, 300, 1000)) -> Iterator[Cell]:
    for n in sizes:
        bounds = np.array([share_interval(ShareSample(n, part), LEVEL) for part in range(n + 1)])
        for share in SHARES:
            chance = stats.binom.pmf(np.arange(n + 1), n, share)
            yield Cell("Wilson", str(n), f"p = {share:g}", _covered(chance, bounds, 100 * share))


def _nps_cells(sizes: Sequence[int] = (5, 10, 20, 30, 50, 100, 300)) -> Iterator[Cell]:
    for n in sizes:
        kinds = _mixes_of(n)
        bounds = np.array([nps_interval(NpsSample(n, *kind), LEVEL) for kind in kinds])
        for mix in NPS_MIXES:
            true = 100 * (mix[0] - mix[2])
            yield Cell(
                "adjusted Wald", str(n), _mix_text(mix), _covered(_chances(n, mix), bounds, true)
            )


def _scale_cells(sizes: Sequence[int] = (5, 10, 20, 30, 50, 100)) -> Iterator[Cell]:
    for n in sizes:
        for name, shares in SCALES.items():
            chance, sums, squares = _sums(n, shares)
            mean = sums / n
            variance = (squares - n * mean**2) / (n - 1)
            half = t_quantile(LEVEL, n - 1) * np.sqrt(np.maximum(variance, 0) / n)
            true = sum(value * share for value, share in enumerate(shares, 1))
            # All answers equal: there is no interval, which does not count as covered.
            inside = (np.abs(mean - true) <= half) & (variance > 1e-12)
            yield Cell("Student t, scale 1 to 5", str(n), name, 100 * float(chance[inside].sum()))


def _continuous_cells(sizes: Sequence[int] = (10, 30, 100, 300)) -> Iterator[Cell]:
    for n in sizes:
        for name, (draw, true) in CONTINUOUS.items():
            answers = draw(np.random.default_rng(16), (SIMULATED, n))
            half = t_quantile(LEVEL, n - 1) * answers.std(axis=1, ddof=1) / np.sqrt(n)
            inside = np.abs(answers.mean(axis=1) - true) <= half
            size = "n ≥ 30" if n >= 30 else "n < 30"
            yield Cell(f"Student t, continuous, {size}", str(n), name, 100 * float(inside.mean()))


def _median_cells(sizes: Sequence[int] = (6, 10, 20, 30, 50, 100, 300)) -> Iterator[Cell]:
    for n in sizes:
        rank = median_rank(LEVEL, n)
        for name, at_most, below in (
            ("continuous", 0.5, 0.5),
            *((name, *_around_median(shares)) for name, shares in SCALES.items()),
        ):
            missed = stats.binom.cdf(rank - 1, n, at_most) + stats.binom.sf(n - rank, n, below)
            yield Cell("order statistics", str(n), name, 100 * (1 - float(missed)))


def _share_change_cells(
    sizes: Sequence[tuple[int, int]] = ((10, 10), (20, 20), (30, 10), (50, 50), (200, 100)),
) -> Iterator[Cell]:
    for n, before in sizes:
        bounds = np.array(
            [
                share_change(ShareSample(n, part), ShareSample(before, other), LEVEL).bounds
                for part in range(n + 1)
                for other in range(before + 1)
            ]
        )
        for now, then in ((0.5, 0.5), (0.6, 0.45), (0.9, 0.8), (0.1, 0.1), (0.02, 0.02)):
            chance = np.outer(
                stats.binom.pmf(np.arange(n + 1), n, now),
                stats.binom.pmf(np.arange(before + 1), before, then),
            ).ravel()
            yield Cell(
                "Newcombe",
                f"{n} and {before}",
                f"p = {now:g} and {then:g}",
                _covered(chance, bounds, 100 * (now - then)),
            )


def _nps_change_cells(sizes: Sequence[tuple[int, int]] = ((10, 10), (20, 10))) -> Iterator[Cell]:
    for n, before in sizes:
        bounds = np.array(
            [
                nps_change(NpsSample(n, *kind), NpsSample(before, *other), LEVEL).bounds
                for kind in _mixes_of(n)
                for other in _mixes_of(before)
            ]
        )
        for mix, other in ((NPS_MIXES[0], NPS_MIXES[1]), (NPS_MIXES[3],) * 2, (NPS_MIXES[6],) * 2):
            chance = np.outer(_chances(n, mix), _chances(before, other)).ravel()
            true = 100 * (mix[0] - mix[2] - other[0] + other[2])
            yield Cell(
                "adjusted Wald, change",
                f"{n} and {before}",
                f"{_mix_text(mix)} and {_mix_text(other)}",
                _covered(chance, bounds, true),
            )


def _covered(chance: Array, bounds: Array, true: float) -> float:
    # A rounding error at the end of an interval must not decide.
    inside = (bounds[:, 0] <= true + 1e-9) & (bounds[:, 1] >= true - 1e-9)
    return 100 * float(chance[inside].sum())


@cache
def _mixes_of(n: int) -> list[tuple[int, int]]:
    return [(p, d) for p in range(n + 1) for d in range(n - p + 1)]


def _chances(n: int, mix: tuple[float, float, float]) -> Array:
    kinds = np.array([(p, n - p - d, d) for p, d in _mixes_of(n)])
    return np.asarray(stats.multinomial.pmf(kinds, n, mix))


def _mix_text(mix: tuple[float, float, float]) -> str:
    return "/".join(f"{100 * share:g}" for share in mix)


def _sums(n: int, shares: Sequence[float]) -> tuple[Array, Array, Array]:
    """Return the chance of each pair of a sum and a sum of squares of n answers."""
    chance = np.zeros((5 * n + 1, 25 * n + 1))
    chance[0, 0] = 1.0
    for _ in range(n):
        following = np.zeros_like(chance)
        for value, share in enumerate(shares, 1):
            following[value:, value**2 :] += share * chance[:-value, : -(value**2)]
        chance = following
    sums, squares = np.nonzero(chance)
    return chance[sums, squares], sums.astype(float), squares.astype(float)


def _around_median(shares: Sequence[float]) -> tuple[float, float]:
    """Return the shares of answers that are at most, and below, the median."""
    passed = 0.0
    for share in shares:
        if passed + share >= 0.5 - 1e-12:
            return passed + share, passed
        passed += share
    raise AssertionError


def tables() -> str:
    """Return the tables of the page: the mean of each method, and every low cell."""
    found = list(cells())
    lines = ["| Method | Cells | Mean | Lowest | Highest |", "| --- | --- | --- | --- | --- |"]
    for method in dict.fromkeys(cell.method for cell in found):
        values = [cell.coverage for cell in found if cell.method == method]
        mean = sum(values) / len(values)
        lines.append(
            f"| {method} | {len(values)} | {mean:.1f} % "
            f"| {min(values):.1f} % | {max(values):.1f} % |"
        )
    lines += [
        "",
        f"Every cell below {LISTED_BELOW:g} %:",
        "",
        "| Method | n | Distribution | Coverage | On the card |",
        "| --- | --- | --- | --- | --- |",
    ]
    lines += (
        f"| {cell.method} | {cell.n} | {cell.distribution} | {cell.coverage:.1f} % "
        f"| {_on_the_card(cell)} |"
        for cell in found
        if cell.coverage < LISTED_BELOW
    )
    return "\n".join(lines)


def _on_the_card(cell: Cell) -> str:
    smallest = min(int(n) for n in cell.n.split(" and "))
    if smallest < LOW_SAMPLE_BELOW:
        return "“Low sample”"
    if cell.distribution not in SCALES or not cell.method.startswith("Student t"):
        return "no mark"
    marked = _marked(smallest, SCALES[cell.distribution])
    return f"“Low sample” or no range in {marked:.0f} % of samples"


def _marked(n: int, shares: Sequence[float]) -> float:
    """Return how often fewer than ten answers differ from the most frequent one, in percent.

    One answer holds more than half of the answers, so no other is the most frequent.
    """
    return 100 * float(stats.binom.cdf(FEWEST_DIFFERENT - 1, n, 1 - max(shares)))


def replaced(page: str, made: str) -> str:
    """Return the page with its tables replaced."""
    beginning, end = "<!-- coverage -->\n", "<!-- end of coverage -->"
    pattern = re.compile(f"{beginning}.*?{end}", re.DOTALL)
    return pattern.sub(lambda _: f"{beginning}\n{made}\n\n{end}", page)


def main() -> None:
    """Write the tables."""
    PAGE.write_text(replaced(PAGE.read_text(encoding="utf-8"), tables()), encoding="utf-8")


if __name__ == "__main__":
    main()
