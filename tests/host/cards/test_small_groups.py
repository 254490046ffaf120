"""Accounts that hide small groups: cards, history and previews, also of stored values."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import Calculation, Filter, GroupBy, MetricType
from smaply_metrics_core.errors import InputError, SmallGroupRefused
from smaply_metrics_core.host import AccountSettings, Freshness, card_json
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, VIEWER, load, value_of
from tests.host.fake_source import Shop, stars

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from smaply_metrics_core import MetricQuery, Tally
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="groups are hidden after they are read")

HIDING = AccountSettings(minimum_group=5)
WITHOUT_ONES = AVERAGE.model_copy(
    update={"filters": (Filter(kind="question", of="stars", values=("1",), exclude=True),)}
)
BY_ANSWER = AVERAGE.model_copy(
    update={
        "type": MetricType.SERIES,
        "calculation": Calculation.DISTRIBUTION,
        "group_by": GroupBy(kind="answer"),
    }
)


class FilteringShop(Shop):
    """A shop with filters that exclude stars."""

    def _tally(
        self, answers: Sequence[tuple[datetime, str | None]], query: MetricQuery, as_of: datetime
    ) -> Tally:
        removed = {value for each in query.definition.filters for value in each.values}
        kept = [(at, star) for at, star in answers if star not in removed]
        return super()._tally(kept, query, as_of)


@pytest.fixture
def shop() -> Shop:
    """Return a shop with filters."""
    return FilteringShop()


def give(world: World, *given: str) -> None:
    """Replace the answers of survey S1."""
    world.shop.answers["S1"] = stars(*given)


def test_a_stored_value_of_few_is_hidden_at_once(world: World, connected: MetricsHost) -> None:
    """Without a refresh, and shown again when the account shows all groups."""
    give(world, "5", "4", "1")
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (before,) = load(connected)
    assert value_of(before) is not None
    fetched = list(world.shop.fetches)
    connected.accounts.edit(ADMIN, HIDING)
    (hidden,) = load(connected)
    assert (value_of(hidden), hidden.text, hidden.freshness) == (None, "—", Freshness.FRESH)
    assert hidden.problem is not None
    assert hidden.problem.kind == "small_group_refused"
    assert hidden.problem.message == "There are fewer than 5 answers."
    flat = card_json(hidden)
    assert [flat[name] for name in ("value", "answered", "responses", "recorded")] == [None] * 4
    assert flat["hidden"]
    (past,) = connected.metrics.history(VIEWER, metric.id)
    assert (past.value, past.answered, past.responses, past.hidden) == (None, None, None, True)
    assert past.interval is None
    connected.accounts.edit(ADMIN, AccountSettings())
    assert load(connected) == (before,)
    assert world.shop.fetches == fetched
    ((past),) = connected.metrics.history(VIEWER, metric.id)
    assert (past.answered, past.hidden) == (3, False)


def test_the_answers_of_few_are_hidden(world: World, connected: MetricsHost) -> None:
    """The stored value has all of them, so another minimum applies at once."""
    give(world, *"5" * 9, *"4" * 7, *"1" * 2)
    connected.metrics.add(EDITOR, "shop", "Stars", BY_ANSWER)
    connected.accounts.edit(ADMIN, HIDING)
    (card,) = load(connected)
    assert card.problem is None
    shown = {group["key"]: group["answered"] for group in card_json(card)["groups"]}
    assert (shown["5"], shown["4"], shown["1"]) == (9, None, None)
    connected.accounts.edit(ADMIN, AccountSettings(minimum_group=3))
    (card,) = load(connected)
    shown = {group["key"]: group["answered"] for group in card_json(card)["groups"]}
    assert (shown["5"], shown["4"], shown["1"]) == (9, None, None), "2 answers would be disclosed"
    preview = connected.metrics.preview(EDITOR, "shop", BY_ANSWER)
    assert preview.groups == (card.result.groups if card.result else None)


def test_a_narrow_filter_is_refused(world: World, connected: MetricsHost) -> None:
    """Its metric is fetched again with the number of removed answers, in the same export."""
    give(world, *"5" * 9, *"1" * 2)
    metric = connected.metrics.add(EDITOR, "shop", "Stars", WITHOUT_ONES)
    (before,) = load(connected)
    assert value_of(before) == 5
    connected.accounts.edit(ADMIN, HIDING)
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.result is None, "the removed answers are not known yet"
    assert connected.metrics.history(VIEWER, metric.id) == ()
    (card,) = load(connected)
    assert world.shop.fetches[-1] == ("S1", (metric.id, "unfiltered 0"))
    assert value_of(card) is None
    assert card.problem is not None
    assert "keep or remove fewer than 5 answers" in card.problem.message
    assert [past.hidden for past in connected.metrics.history(VIEWER, metric.id)] == [True]
    with pytest.raises(SmallGroupRefused, match="fewer than 5 answers"):
        connected.metrics.preview(EDITOR, "shop", WITHOUT_ONES)
    with pytest.raises(SmallGroupRefused):
        connected.metrics.preview(EDITOR, "shop", WITHOUT_ONES)  # From the cached download.
    give(world, *"5" * 9, *"1" * 6)
    assert connected.metrics.preview(EDITOR, "shop", WITHOUT_ONES, reload=True).current.value == 5
    world.clock.forward(3601)
    (card,) = load(connected)
    assert (value_of(card), card.problem) == (5, None)
    assert [past.hidden for past in connected.metrics.history(VIEWER, metric.id)] == [True, False]


def test_a_filter_that_changes_type_uses_the_download(world: World, connected: MetricsHost) -> None:
    """What the filters remove is cached with the tallies of a preview."""
    give(world, *"5" * 9, *"1" * 6)
    connected.accounts.edit(ADMIN, HIDING)
    connected.metrics.preview(EDITOR, "shop", WITHOUT_ONES)
    fetched = list(world.shop.fetches)
    nps = WITHOUT_ONES.model_copy(update={"calculation": Calculation.TOP_BOX})
    assert connected.metrics.preview(EDITOR, "shop", nps).current.filtered_out == 6
    assert world.shop.fetches == fetched


@pytest.mark.parametrize("minimum", [-1, 1, 2, 1001])
def test_the_minimum_is_validated(connected: MetricsHost, minimum: int) -> None:
    """0 shows all groups; 1 and 2 would disclose single respondents."""
    with pytest.raises(InputError, match="not a possible minimum"):
        connected.accounts.edit(ADMIN, AccountSettings(minimum_group=minimum))
