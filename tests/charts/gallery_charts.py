"""The pictures of the gallery and the tests: every chart with ordinary and edge-case data."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import NamedTuple

from smaply_metrics_core.models.metric import ChartType, Display
from smaply_metrics_core.models.query import Calculation, Period
from smaply_metrics_core.models.result import Result
from tests.charts.factories import (
    around,
    comparison,
    display,
    distribution,
    group,
    matrix,
    number,
    periods,
    series,
    shares,
)

SATISFACTION = {
    "Very satisfied": 412,
    "Satisfied": 301,
    "Neither satisfied nor dissatisfied": 120,
    "Dissatisfied": 64,
    "Very dissatisfied": 23,
}
LANGUAGES = {
    "Sehr unzufrieden mit der Rückerstattungsabwicklung": 40,
    "とても満足しています、また利用したいです": 210,
    "راضٍ جدًا عن الخدمة": 120,
    "שביעות רצון גבוהה": 66,
    "😀 Happy 👩‍👩‍👧": 90,
    "<b onclick=alert(1)>Bold</b> & “quoted”": 31,
}
LONG = {"word " * 60: 50, "W" * 300: 30, "short": 20}
SCALE = "1 = Very poor … 5 = Very good"

BAR, LYING, PIE = ChartType.BAR, ChartType.HORIZONTAL_BAR, ChartType.PIE
LINE, GAUGE, BOTH = ChartType.LINE, ChartType.GAUGE, ChartType.BAR_COMPARISON


class Picture(NamedTuple):
    """One chart to draw."""

    name: str
    result: Result
    display: Display


def pictures() -> list[Picture]:
    """Return every picture; the data is deterministic."""
    return [
        *_of_answers(),
        *_of_groups(),
        *_over_time(),
        *_gauges(),
        *_comparisons(),
        *_intervals(),
        *_matrices(),
    ]


def _of_answers() -> Iterator[Picture]:
    answers = distribution(SATISFACTION)
    for chart in (BAR, LYING, PIE):
        for name, result, options in (
            ("answers", answers, {}),
            ("titles right", answers, {"titles_on_right": True}),
            ("languages", distribution(LANGUAGES), {}),
            ("long labels", distribution(LONG), {}),
            ("one group", distribution({"Yes": 88}), {}),
            ("few answers", distribution({"Yes": 12, "No": 8, "Perhaps": 0}), {}),
        ):
            yield Picture(f"{chart}, {name}", result, display(chart, **options))
    reasons = {f"Reason {n}": 400 // (n + 1) for n in range(14)}
    yield Picture("pie, 14 answers", distribution(reasons), display(PIE))


def _matrices() -> Iterator[Picture]:
    scale = ["Very poor", "Poor", "Fair", "Good", "Very good"]
    rows = {
        "Delivery was on time": (4, 9, 21, 80, 60),
        "The staff was friendly and knew the answers to all of my questions": (0, 2, 11, 60, 101),
        "Price": (40, 50, 44, 30, 8),
        "Without answers": (0, 0, 0, 0, 0),
    }
    five = matrix({row: dict(zip(scale, given, strict=True)) for row, given in rows.items()})
    eleven = {f"Row {n}": {str(key): 1 + (key * n) % 13 for key in range(11)} for n in range(9)}
    many = {f"Row {n}": {"Yes": 10 + n, "No": 30} for n in range(120)}
    rtl = {label: dict.fromkeys(LANGUAGES, 7) for label in LANGUAGES}
    for name, result, options in (
        ("five answers", five, {}),
        ("titles right", five, {"titles_on_right": True}),
        ("eleven answers", matrix(eleven), {}),
        ("120 rows", matrix(many), {}),
        ("languages", matrix(rtl), {}),
    ):
        yield Picture(f"matrix, {name}", result, display(LYING, **options))


def _of_groups() -> Iterator[Picture]:
    noise = random.Random(7)  # noqa: S311  # A fixed seed.
    shops = [group(f"Shop {n}", noise.uniform(20, 90), 500 - n) for n in range(200)]
    few = [group("North", 40, 12), group("South", 72, 340), group("West", None, 0)]
    channels = [group("Web", 34), group("App", -12), group("Shop", 61), group("Phone", -48)]
    sums = [group("A", 1234567), group("B", 1034000)]
    for chart in (BAR, LYING):
        yield Picture(f"{chart}, 200 groups", series(shops), display(chart))
        yield Picture(f"{chart}, NPS", series(channels, Calculation.NPS), display(chart))
        yield Picture(
            f"{chart}, target, gap, few",
            series([*few, group("East", 55, 29)]),
            display(chart, target=50),
        )
        yield Picture(
            f"{chart}, large numbers", series(sums, Calculation.SUM), display(chart, prefix="€ ")
        )


def _over_time() -> Iterator[Picture]:
    noise = random.Random(7)  # noqa: S311  # A fixed seed.
    months = series(
        periods(
            Period.MONTH,
            "2025-12",
            [31, 34, 33, 38, 41, 40, 44, 43, 47, 52, 49, 55],
            running=True,
            answered=18,
        )
    )
    weeks = periods(
        Period.WEEK,
        "2026-08-31",
        [3.2, 3.4, None, 3.1, 3.6, None, 3.9, None, 3.8, 4.1, 4.0, 4.2],
    )
    weeks[0] = weeks[0].model_copy(update={"edge": True})
    weeks[3] = weeks[3].model_copy(update={"answered": 12, "low_sample": True})
    quarters = series(
        periods(Period.QUARTER, "2025-Q1", [-22, -14, -3, 4, 12, 9, -6, -11]), Calculation.NPS
    )
    values = [3.5 + noise.gauss(0, 0.25) + n / 600 for n in range(420)]
    days = series(periods(Period.DAY, "2025-10-02", values, running=True), Calculation.AVERAGE)
    years = series(periods(Period.YEAR, "2025", [40, 44], edge=True))
    gaps = series(weeks, Calculation.AVERAGE)
    for name, result, shown in (
        ("months", months, display(LINE)),
        ("months, right, target", months, display(LINE, titles_on_right=True, target=60)),
        ("months, from zero", months, display(LINE, start_at_zero=True)),
        ("weeks, gaps, cut", gaps, display(LINE)),
        ("NPS", quarters, display(LINE)),
        ("420 days", days, display(LINE)),
        ("one month", series(periods(Period.MONTH, "2026-11", [55.0])), display(LINE)),
        ("two years", years, display(LINE)),
        ("months", months, display(BAR)),
        ("months", months, display(LYING)),
        ("NPS, target", quarters, display(BAR, target=0)),
        ("420 days", days, display(BAR)),
    ):
        yield Picture(f"{shown.chart}, {name}", result, shown)


def _gauges() -> Iterator[Picture]:
    average = number(3.9, Calculation.AVERAGE, scale=SCALE)
    for name, result, target in (
        ("percent", number(57), None),
        ("reached", number(57), 50),
        ("missed", number(37), 50),
        ("NPS, missed", number(-34, Calculation.NPS), 10),
        ("NPS", number(41, Calculation.NPS), None),
        ("few", number(66, answered=12), None),
        ("scale", average, 4),
        ("count", number(1234, Calculation.RESPONSES), 2000),
        ("nothing", number(None), None),
    ):
        yield Picture(f"gauge, {name}", result, display(GAUGE, target=target))


def _comparisons() -> Iterator[Picture]:
    for name, result, target in (
        ("up", comparison(42.2, 38), None),
        ("NPS", comparison(-12, 20, Calculation.NPS), 30),
        ("nothing before", comparison(3.9, None, Calculation.AVERAGE), None),
        ("counts", comparison(1280, 1455, Calculation.RESPONSES), None),
    ):
        yield Picture(f"comparison, {name}", result, display(BOTH, target=target))


def _intervals() -> Iterator[Picture]:
    noise = random.Random(7)  # noqa: S311  # A fixed seed.
    mixed = {"Web": (160, 400), "App": (204, 340), "Phone": (3, 4), "Post": (0, 0), "Shop": (0, 20)}
    small = {"North": (4, 10), "South": (9, 12), "West": (1, 7)}
    many = {f"Shop {n}": (noise.randint(n // 4, n), n) for n in range(20, 80)}
    scores = [
        group("Web", 34, interval=around(21, 45)),
        group("App", -12, interval=around(-23, -1)),
        group("Shop", 25, 8, interval=around(-29.4, 65.8)),
        group("Phone", -48, 9, interval=around(-83, 12)),
    ]
    for chart in (BAR, LYING):
        for name, groups, calculation in (
            ("one small group", shares(mixed), Calculation.SHARE),
            ("small groups", shares(small), Calculation.SHARE),
            ("60 groups", shares(many), Calculation.SHARE),
            ("NPS", scores, Calculation.NPS),
        ):
            yield Picture(
                f"{chart}, intervals, {name}", series(groups, calculation), display(chart)
            )
        yield Picture(
            f"{chart}, intervals, target", series(shares(mixed)), display(chart, target=50)
        )
    for name, values, answered in (
        ("months", [31, 34, 33, 38, 41, 40, 44, 43, 47, 52, 49, 55], 80),
        ("gaps", [31, 34, None, 38, None, 40, 44, 43], 40),
        ("few in one month", [40, 42, 41, 43, 44, 90], 400),
    ):
        answers = {
            f"2026-{month:02}": (0, 0) if value is None else (answered * value // 100, answered)
            for month, value in enumerate(values, 1)
        }
        last = list(answers)[-1]
        answers[last] = (round(9 * (values[-1] or 0) / 100), 9)
        named = periods(Period.MONTH, "2026-01", values)
        groups = [
            one.model_copy(update={"key": before.key, "label": before.label})
            for one, before in zip(shares(answers), named, strict=True)
        ]
        for chart in (LINE, BAR):
            yield Picture(f"{chart}, intervals, {name}", series(groups), display(chart))
    compared = comparison(39.4, 46.0, Calculation.NPS)
    for name, now, before in (("wide", around(13, 59), around(20, 66)), ("none", None, None)):
        assert compared.previous is not None
        yield Picture(
            f"comparison, intervals, {name}",
            compared.model_copy(
                update={
                    "current": compared.current.model_copy(update={"interval": now}),
                    "previous": compared.previous.model_copy(update={"interval": before}),
                }
            ),
            display(BOTH, intervals="always"),
        )
