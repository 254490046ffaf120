"""Metrics are validated before they are saved, and can be previewed without saving."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import (
    MetricsError,
    QueryInvalid,
    QuestionUnavailable,
)
from smaply_metrics_core.errors import EditConflict, InputError, NotFound, RoleRequired
from smaply_metrics_core.host import AccountSettings
from smaply_metrics_core.models.query import Calculation, DateRange, Definition, MetricType
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, VIEWER, load, value_of, values
from tests.host.fake_source import stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World


pytestmark = pytest.mark.postgresql_deep(reason="the rows are tested in store/")


def test_changing_the_time_zone_makes_cards_due(world: World, connected: MetricsHost) -> None:
    """Days and months depend on the account's zone, so another zone requires new values."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.accounts.edit(ADMIN, AccountSettings("Europe/Vienna", 1))
    assert values(connected) == [4.0]
    assert len(world.shop.fetches) == 2
    with pytest.raises(InputError):
        connected.accounts.edit(ADMIN, AccountSettings("Mars/Olympus", 1))
    with pytest.raises(InputError):
        connected.accounts.edit(ADMIN, AccountSettings("UTC", 8))


def test_a_concurrent_edit_is_a_conflict(connected: MetricsHost) -> None:
    """The second Editor to save gets an error, and no change is lost."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.edit(EDITOR, metric.id, name="First", version=1)
    with pytest.raises(EditConflict) as refused:
        connected.metrics.edit(EDITOR, metric.id, name="Second", version=1)
    assert "not saved" in refused.value.message
    assert connected.metrics.show(VIEWER, metric.id).name == "First"


@pytest.mark.parametrize("name", ["", "   ", "n" * 301])
def test_a_name_has_1_to_300_characters(connected: MetricsHost, name: str) -> None:
    """The name of a metric must fit a card."""
    with pytest.raises(InputError):
        connected.metrics.add(EDITOR, "shop", name, AVERAGE)


def test_a_comparison_comes_from_one_download(world: World, connected: MetricsHost) -> None:
    """Both windows of a Comparison come from one download, with the change."""
    march = datetime(2026, 3, 10, tzinfo=UTC)
    world.shop.answers["S1"] = stars("4", "4", at=march) + stars("5", at=march - timedelta(days=28))
    definition = Definition(
        type=MetricType.COMPARISON,
        survey_id="S1",
        question_id="stars",
        calculation=Calculation.AVERAGE,
        range=DateRange(preset="last_month"),
    )
    connected.metrics.add(EDITOR, "shop", "Stars", definition)
    (card,) = load(connected)
    assert card.result is not None
    assert card.result.previous is not None
    assert card.result.change is not None
    assert (value_of(card), card.result.previous.value) == (4.0, 5.0)
    assert card.result.change.percent == pytest.approx(-20)
    assert len(world.shop.fetches) == 1


def test_an_invalid_definition_is_never_saved(connected: MetricsHost) -> None:
    """Incompatible parts are refused when the metric is created, with a remedy."""
    for update, error in (
        ({"calculation": "average", "question_id": None}, MetricsError),
        ({"type": "comparison"}, QueryInvalid),
        ({"question_id": "gone"}, QuestionUnavailable),
    ):
        definition = Definition(**{**AVERAGE.model_dump(), **update})
        with pytest.raises(error) as refused:
            connected.metrics.add(EDITOR, "shop", "Wrong", definition)
        assert refused.value.remedy
    assert connected.metrics.list(VIEWER) == ()


def test_metrics_are_listed_by_workspace(connected: MetricsHost) -> None:
    """The list of a workspace contains only its own metrics."""
    here = connected.metrics.add(EDITOR, "shop", "Here", AVERAGE, workspace="north")
    there = connected.metrics.add(EDITOR, "shop", "There", AVERAGE, workspace="south")
    assert connected.metrics.list(VIEWER, "north") == (here,)
    assert connected.metrics.list(VIEWER, workspace="west") == ()
    assert {metric.id for metric in connected.metrics.list(VIEWER)} == {here.id, there.id}


def test_an_unknown_metric_is_not_found(connected: MetricsHost) -> None:
    """Loading an unknown metric raises an error that names it."""
    with pytest.raises(NotFound, match="met_gone"):
        connected.cards.load(VIEWER, ["met_gone"])


def test_preview_saves_nothing(world: World, connected: MetricsHost) -> None:
    """A preview returns the value that the metric would have, and stores nothing."""
    result = connected.metrics.preview(EDITOR, "shop", AVERAGE)
    assert result.current.value == 4.0
    assert result.current.unanswered == {"not_answered": 1}
    assert connected.metrics.list(VIEWER) == ()
    with pytest.raises(RoleRequired):
        connected.metrics.preview(VIEWER, "shop", AVERAGE)
