"""Versions of questions: stored at each refresh, compared with the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import Choice, SourceUnavailable
from smaply_metrics_core.host import DateRange, GroupBy, MetricType, UncertaintyReason, Verdict
from smaply_metrics_core.host.store import question_versions
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, RESPONSES, VIEWER, load, on_both_stores
from tests.host.fake_source import CHOICES, stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost, Result
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="versions are compared after they are read")

DAY = 24 * 3600
COMPARISON = AVERAGE.model_copy(
    update={"type": MetricType.COMPARISON, "range": DateRange(preset="last_28_days")}
)
SERIES = AVERAGE.model_copy(
    update={
        "type": MetricType.SERIES,
        "group_by": GroupBy.parse("period:day"),
        "range": DateRange(preset="last_7_days"),
    }
)
REWORDED = "The question was changed between 1 and 2 Apr 2026: the wording changed."
RECODED = (*CHOICES[:-1], CHOICES[-1].model_copy(update={"value": 10.0}))


def refresh(world: World, host: MetricsHost) -> Result:
    """Load the only metric a day later and return its result."""
    world.clock.forward(DAY)
    (card,) = load(host)
    assert card.result is not None
    return card.result


def versions(world: World) -> list[tuple[str, str, str]]:
    """Return the stored question ids with the days on which a version was seen."""
    return [
        (question, str(first)[5:10], str(last)[5:10])
        for question, first, last in world.query(
            "SELECT question_id, first_seen, last_seen FROM question_versions "
            "ORDER BY question_id, first_seen"
        )
    ]


@on_both_stores
def test_each_refresh_stores_the_definition(world: World, connected: MetricsHost) -> None:
    """One row for each question that a metric measures, and no request more than before."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Number", RESPONSES)
    requested = list(world.shop.asked)
    load(connected)
    world.clock.forward(DAY)
    world.shop.wording = " How  many <b>{}</b>?"
    load(connected)
    assert versions(world) == [("stars", "04-01", "04-02")]
    world.clock.forward(DAY)
    world.shop.wording = "How few {}?"
    load(connected)
    assert versions(world) == [("stars", "04-01", "04-02"), ("stars", "04-03", "04-03")]
    assert world.shop.asked == requested


def test_a_comparison_across_a_change_is_not_judged(world: World, connected: MetricsHost) -> None:
    """Until both windows are after the change."""
    connected.metrics.add(EDITOR, "shop", "Stars", COMPARISON)
    load(connected)
    world.shop.answers["S1"] += [
        answer
        for day in (3, 30)
        for answer in stars(*"3454545345" * 2, at=world.clock.now().replace(month=3, day=day))
    ]
    world.shop.wording = "How few {}?"
    result = refresh(world, connected)
    assert [one.sentence for one in result.question_changes] == [REWORDED]
    change = result.change
    assert change is not None
    assert (change.verdict, change.verdict_reason) == (
        Verdict.NOT_JUDGED,
        UncertaintyReason.QUESTION_CHANGED,
    )
    assert (change.verdict_reason_text, change.interval) == (REWORDED, None)
    world.clock.forward(56 * DAY)
    assert refresh(world, connected).question_changes == ()


@on_both_stores
def test_a_change_of_routing_breaks_the_history(world: World, connected: MetricsHost) -> None:
    """Once it is known what it was before: the first known routing is added to the version."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", COMPARISON)
    load(connected)
    for routing in ("", "", "member = yes", None):
        world.shop.routing = routing
        refresh(world, connected)
    world.shop.routing = "member = yes"
    (change,) = refresh(world, connected).question_changes
    assert change.sentence == (
        "The question was changed between 3 and 4 Apr 2026: the routing (which respondents see the "
        "question) changed."
    )
    assert not change.recode
    changes = [one.question_changes for one in connected.metrics.history(VIEWER, metric.id)]
    assert [len(one) for one in changes] == [0, 0, 0, 1, 0, 0]
    assert versions(world) == [("stars", "04-01", "04-03"), ("stars", "04-04", "04-06")]


def test_a_change_has_the_date_of_the_survey_tool(world: World, connected: MetricsHost) -> None:
    """That of the refresh that found the change; later edits of the survey do not move it."""
    connected.metrics.add(EDITOR, "shop", "Stars", COMPARISON)
    load(connected)
    world.clock.forward(7 * DAY)
    world.shop.wording = "How few {}?"
    world.shop.modified["S1"] = saved = world.clock.now() - timedelta(days=4)
    refresh(world, connected)
    world.shop.modified["S1"] = world.clock.now()
    (change,) = refresh(world, connected).question_changes
    assert change.saved_by == saved
    assert change.sentence == (
        "The question was changed between 1 and 9 Apr 2026 (saved by 4 Apr 2026): "
        "the wording changed."
    )
    assert change.until.day == 9


def test_a_series_marks_the_periods_of_a_change(world: World, connected: MetricsHost) -> None:
    """Both days, since the change may have been made on either."""
    connected.metrics.add(EDITOR, "shop", "Stars", SERIES)
    load(connected)
    world.shop.wording = "How few {}?"
    refresh(world, connected)
    world.clock.forward(DAY)
    result = refresh(world, connected)
    marked = [group.label for group in result.groups if group.question_changed]
    assert marked == ["1 Apr 2026", "2 Apr 2026"]


def test_a_recode_breaks_only_the_history(world: World, connected: MetricsHost) -> None:
    """A refresh counts all responses with the same values, but the last one used others."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", COMPARISON)
    load(connected)
    world.shop.choices = RECODED
    assert refresh(world, connected).question_changes == ()
    first, second = connected.metrics.history(VIEWER, metric.id)
    assert first.question_changes == ()
    (change,) = second.question_changes
    assert change.recode
    assert change.differences == ("the value of “5 stars” changed from 5 to 10",)
    refresh(world, connected)
    assert [len(one.question_changes) for one in connected.metrics.history(VIEWER, metric.id)] == [
        0,
        1,
        0,
    ]
    since = second.as_of
    assert connected.metrics.history(VIEWER, metric.id, since=since)[0].question_changes == ()


def test_a_failed_refresh_stores_nothing(world: World, connected: MetricsHost) -> None:
    """The change is between the two refreshes that read the question."""
    connected.metrics.add(EDITOR, "shop", "Stars", COMPARISON)
    load(connected)
    world.shop.wording = "How few {}?"
    world.shop.failure = SourceUnavailable("Closed.")
    world.clock.forward(DAY)
    load(connected)
    world.shop.failure = None
    (change,) = refresh(world, connected).question_changes
    assert (change.after.day, change.until.day) == (1, 3)


def test_a_new_metric_knows_earlier_changes(world: World, connected: MetricsHost) -> None:
    """They belong to the question; a preview knows them, too."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.choices = (*CHOICES, Choice(key="6", label="6 stars", value=6.0))
    refresh(world, connected)
    for _ in range(2):  # The second one uses the cached download.
        preview = connected.metrics.preview(EDITOR, "shop", COMPARISON)
        assert [one.differences for one in preview.question_changes] == [
            ("the choice “6 stars” was added",)
        ]


def test_a_preview_compares_with_the_last_refresh(world: World, connected: MetricsHost) -> None:
    """It stores nothing."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.clock.forward(DAY)
    world.shop.wording = "How few {}?"
    preview = connected.metrics.preview(EDITOR, "shop", COMPARISON)
    assert [one.sentence for one in preview.question_changes] == [REWORDED]
    assert versions(world) == [("stars", "04-01", "04-01")]


@on_both_stores
def test_a_deleted_connection_takes_the_versions_along(
    world: World, connected: MetricsHost
) -> None:
    """Another connection may lead to another survey with the same id."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.connections.delete(ADMIN, "shop")
    assert versions(world) == []


@on_both_stores
def test_a_clock_that_was_set_back_replaces_later_versions(
    world: World, connected: MetricsHost
) -> None:
    """So that versions stay in order."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.shop.wording = "How few {}?"
    world.clock.forward(-DAY)
    connected.cards.load(EDITOR, wait=60, force=True)
    assert versions(world) == [("stars", "03-31", "03-31")]


@on_both_stores
def test_the_number_of_versions_is_limited(
    world: World, connected: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """For a text that is different at each refresh."""
    monkeypatch.setattr(question_versions, "MOST_VERSIONS", 2)
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    for number in range(4):
        world.shop.wording = f"How many {{}} since {number}?"
        refresh(world, connected)
    assert [first for _, first, _ in versions(world)] == ["04-04", "04-05"]


def test_a_damaged_version_is_ignored(world: World, connected: MetricsHost) -> None:
    """The refresh stores the value, and the current definition."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    world.query("UPDATE question_versions SET definition = :text", text="{}")
    assert refresh(world, connected).question_changes == ()
