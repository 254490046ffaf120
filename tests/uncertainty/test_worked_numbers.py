"""Intervals, changes and verdicts: the worked numbers of the documentation."""

from __future__ import annotations

import math

import pytest

from smaply_metrics_core.models.uncertainty import TargetVerdict, Verdict
from smaply_metrics_core.uncertainty.changes import mean_change, nps_change, share_change
from smaply_metrics_core.uncertainty.distributions import median_rank
from smaply_metrics_core.uncertainty.intervals import (
    Bounds,
    mean_interval,
    median_interval,
    nps_interval,
    share_interval,
)
from smaply_metrics_core.uncertainty.samples import (
    MeanSample,
    Moments,
    NpsSample,
    OrderedSample,
    SampleWeight,
    ShareSample,
    total_weight,
)
from smaply_metrics_core.uncertainty.verdicts import holm, judge, judge_target

SATISFACTION = (5, 5, 5, 5, 4, 4, 3, 2, 1, 1)
BEFORE = (5, 5, 5, 5, 5, 5, 4, 4, 4, 3)


def nps(promoters: int, passives: int, detractors: int) -> NpsSample:
    """Return the sample of an unweighted NPS."""
    return NpsSample(promoters + passives + detractors, promoters, detractors)


def mean(answers: tuple[int, ...], low: float = 1, high: float = 5) -> MeanSample:
    """Return the sample of answers, each with a weight of 1."""
    return MeanSample.of([(value, SampleWeight.of(1)) for value in answers], low, high)


@pytest.mark.parametrize(
    ("sample", "low", "high"),
    [
        (nps(4, 2, 2), -29.42, 65.78),
        (nps(19, 12, 5), 13.16, 58.64),
        (nps(18, 11, 2), 25.51, 68.61),
        (nps(250, 675, 75), 14.09, 20.81),
        (nps(15, 0, 0), 61.56, 100),
    ],
)
def test_nps_intervals(sample: NpsSample, low: float, high: float) -> None:
    """The adjusted Wald interval, clipped to the scale."""
    assert nps_interval(sample, 95) == pytest.approx((low, high), abs=0.005)


def test_one_answer_has_no_nps_interval() -> None:
    """It would exclude its own value."""
    assert nps_interval(nps(1, 0, 0), 95) is None


@pytest.mark.parametrize(
    ("part", "n", "low", "high"),
    [
        (81, 263, 25.53, 36.62),
        (4, 10, 16.82, 68.73),
        (3, 10, 10.78, 60.32),
        (0, 20, 0, 16.11),
        (0, 30, 0, 11.35),
        (30, 30, 88.65, 100),
    ],
)
def test_share_intervals(part: int, n: int, low: float, high: float) -> None:
    """The score interval."""
    assert share_interval(ShareSample(n, part), 95) == pytest.approx((low, high), abs=0.005)


def test_an_average_has_a_t_interval() -> None:
    """The standard error and the interval of ten answers, and the interval clipped to a scale."""
    sample = mean(SATISFACTION)
    assert (sample.mean, sample.error) == pytest.approx((3.5, 0.521749), abs=5e-7)
    assert mean_interval(sample, 95) == pytest.approx((2.3197, 4.6803), abs=5e-5)
    assert mean_interval(mean((5, 5, 5, 4)), 95) == pytest.approx((3.9544, 5), abs=5e-5)


@pytest.mark.parametrize("answers", [(3,), (3, 3), (5,) * 40])
def test_equal_answers_have_no_t_interval(answers: tuple[int, ...]) -> None:
    """One answer, or all equal: nothing is known about how much they vary."""
    assert mean_interval(mean(answers), 95) is None


def test_a_median_has_the_interval_of_its_order_statistics() -> None:
    """Ranks 2 and 9 of ten answers; none for five."""
    assert median_rank(95, 10) == 2
    assert median_interval(OrderedSample(((1, 2), (2, 1), (3, 1), (4, 2), (5, 4))), 95) == (1, 5)
    assert median_interval(OrderedSample(((1, 2), (3, 3))), 95) is None
    assert median_interval(OrderedSample(((1, 2), (3, 4))), 95) == (1, 3)


@pytest.mark.parametrize(
    ("current", "previous", "bounds", "p_value"),
    [
        (nps(52, 28, 20), nps(40, 40, 20), (-9.30, 32.60), 0.276),
        (nps(520, 280, 200), nps(400, 400, 200), (5.25, 18.68), 0.00048),
        (nps(50, 31, 13), nps(50, 27, 10), (-26.62, 14.02), 0.543),
    ],
)
def test_nps_changes(
    current: NpsSample, previous: NpsSample, bounds: tuple[float, float], p_value: float
) -> None:
    """The adjusted Wald interval of the difference, and its p-value."""
    change = nps_change(current, previous, 95)
    assert change.bounds == pytest.approx(bounds, abs=0.005)
    assert change.p_value == pytest.approx(p_value, rel=0.002)


@pytest.mark.parametrize(
    ("current", "previous", "low", "high"),
    [
        (ShareSample(70, 56), ShareSample(80, 48), 5.24, 33.39),
        (ShareSample(100, 60), ShareSample(100, 45), 1.17, 28.04),
    ],
)
def test_share_changes(
    current: ShareSample, previous: ShareSample, low: float, high: float
) -> None:
    """Newcombe's hybrid score interval."""
    assert share_change(current, previous, 95).bounds == pytest.approx((low, high), abs=0.005)


def test_changes_of_averages() -> None:
    """Welch's t."""
    change = mean_change(mean(BEFORE), mean(SATISFACTION), 95)
    assert change is not None
    assert change.bounds == pytest.approx((-0.2346, 2.2346), abs=5e-5)
    assert change.p_value == pytest.approx(0.1031, abs=5e-5)
    assert mean_change(mean((3, 3)), mean(SATISFACTION), 95) is None


@pytest.mark.parametrize("level", [80.0, 95.0, 99.9])
@pytest.mark.parametrize(
    ("part", "n", "part_before", "n_before"),
    [(0, 20, 4, 20), (4, 20, 0, 20), (56, 70, 48, 80), (5, 10, 5, 10), (0, 10, 10, 10)],
)
def test_p_values_agree_with_intervals(
    level: float, part: int, n: int, part_before: int, n_before: int
) -> None:
    """The p-value is below 1 - level exactly when the interval excludes 0."""
    change = share_change(ShareSample(n, part), ShareSample(n_before, part_before), level)
    excludes = change.bounds.low > 0 or change.bounds.high < 0
    assert (change.p_value < 1 - level / 100) == excludes


@pytest.mark.parametrize(("n", "points"), [(50, 43), (100, 31), (400, 15), (1000, 10)])
def test_the_smallest_detectable_change(n: int, points: int) -> None:
    """An NPS with a variance of 0.6: about 35 % promoters, 25 % detractors and 40 % passives."""
    promoters, detractors = 0.355, 0.255
    sample = NpsSample(n, promoters * n, detractors * n)
    assert pytest.approx(promoters + detractors - (promoters - detractors) ** 2) == 0.6
    # The adjusted interval has three more answers.
    found = nps_change(sample, sample, 95).detectable
    assert round(found * math.sqrt((n + 3) / n)) == pytest.approx(points, abs=0.5)


def test_holm() -> None:
    """Each p-value is multiplied by the number of those not smaller; the order is kept."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx((0.03, 0.06, 0.06, 0.02))
    assert holm([0.6, 0.9]) == (1.0, 1.0)
    assert holm([]) == ()


@pytest.mark.parametrize(
    ("bounds", "p_value", "difference", "verdict"),
    [
        (Bounds(1, 3), 0.01, 2, Verdict.UP),
        (Bounds(-3, -1), 0.01, -2, Verdict.DOWN),
        (Bounds(-1, 3), 0.2, 1, Verdict.NO_CLEAR_CHANGE),
        # Adjusted for other groups.
        (Bounds(1, 3), 0.06, 2, Verdict.NO_CLEAR_CHANGE),
        # The difference that is shown has the other sign.
        (Bounds(1, 3), 0.01, -2, Verdict.NO_CLEAR_CHANGE),
    ],
)
def test_verdicts(bounds: Bounds, p_value: float, difference: float, verdict: Verdict) -> None:
    """Up and down only when the interval excludes 0, also after the adjustment."""
    assert judge(bounds, p_value, 95, difference) is verdict


def test_targets() -> None:
    """Clear only when the interval excludes the target."""
    assert judge_target(38, 47, 35) is TargetVerdict.ABOVE
    assert judge_target(38, 47, 38) is TargetVerdict.ABOUT
    assert judge_target(38, 47, 50) is TargetVerdict.BELOW


def test_weighted_nps() -> None:
    """Three kinds of answers with their weights: the value, its error and the effective n."""
    kinds = [
        (100.0, SampleWeight(4, 4.0, 5.0)),
        (0.0, SampleWeight(2, 2.0, 2.0)),
        (-100.0, SampleWeight(2, 2.0, 2.08)),
    ]
    sample = MeanSample.of(kinds)
    assert (sample.mean, sample.error) == pytest.approx((25.0, 33.2402), abs=5e-5)
    assert sample.n == pytest.approx(7.0485, abs=5e-5)
    whole = total_weight(weight for _, weight in kinds)
    assert NpsSample.of(kinds[0][1], kinds[2][1], whole).n == sample.n


@pytest.mark.parametrize("answers", [10**8, 10**9, 10**15])
def test_the_rank_of_any_number_of_answers_is_found(answers: int) -> None:
    """A sum over the binomial would take minutes, as for the tally of a damaged row."""
    nearly = answers // 2 - 1.959964 * math.sqrt(answers) / 2
    assert median_rank(95, answers) == pytest.approx(nearly, rel=1e-12, abs=2)


def test_the_effective_number_of_answers() -> None:
    """Kish: 0.5, 0.5, 1.5, 1.5 and 2 are worth four answers."""
    weights = (0.5, 0.5, 1.5, 1.5, 2)
    assert SampleWeight(5, sum(weights), sum(w * w for w in weights)).effective == 4.0
    assert SampleWeight.of(0).effective == 0


@pytest.mark.parametrize("factor", [0.25, 1.0, 8.0])
def test_equal_weights_change_nothing(factor: float) -> None:
    """Whatever the unit of the weights is."""

    def weight(answers: int) -> SampleWeight:
        return SampleWeight(answers, answers * factor, answers * factor**2)

    assert NpsSample.of(weight(4), weight(2), weight(8)) == nps(4, 2, 2)
    assert ShareSample.of(weight(4), weight(10)) == ShareSample(10, 4)
    weighted = MeanSample.of([(value, weight(1)) for value in SATISFACTION], 1, 5)
    assert mean_interval(weighted, 95) == pytest.approx(mean_interval(mean(SATISFACTION), 95))


def test_moments_are_enough_for_an_average() -> None:
    """Sums over the answers give the sample that the answers give."""
    answers = [
        (value, SampleWeight(1, w, w * w)) for value, w in zip(SATISFACTION, BEFORE, strict=True)
    ]
    moments = Moments(
        total_weight(weight for _, weight in answers),
        sum(weight.total * value for value, weight in answers),
        sum(weight.squares * value for value, weight in answers),
        sum(weight.squares * value**2 for value, weight in answers),
    )
    expected, found = MeanSample.of(answers), MeanSample.of_moments(moments)
    assert (found.mean, found.error) == pytest.approx((expected.mean, expected.error), rel=1e-12)
    equal = MeanSample.of_moments(Moments(SampleWeight.of(7), 0.7, 0.7, 7 * 0.1**2))
    assert equal.error == 0


@pytest.mark.parametrize("unit", [1e-300, 1e-160, 1e160, 3e307])
def test_sizes_of_answers_do_not_matter(unit: float) -> None:
    """Squares of very large and very small answers neither overflow nor vanish."""
    sample = MeanSample.of([(-unit, SampleWeight.of(8)), (unit, SampleWeight.of(8))])
    assert sample.error / unit == pytest.approx(math.sqrt(1 / 15))
    interval, change = mean_interval(sample, 95), mean_change(sample, sample, 95)
    assert interval is not None
    assert change is not None
    assert all(map(math.isfinite, (*interval, *change.bounds, change.detectable)))


def test_one_dominant_weight_gives_no_interval_of_an_average() -> None:
    """An effective n close to 1 has no degrees of freedom."""
    dominated = MeanSample.of([(1, SampleWeight(1, 1000.0, 1e6)), (5, SampleWeight(1, 4.0, 16.0))])

    assert 1 < dominated.n < 1.01
    assert mean_interval(dominated, 95) is None
