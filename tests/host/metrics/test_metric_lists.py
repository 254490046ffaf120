"""Many metrics: adding, pages, copies and workspaces."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import InputError, NotFound, QueryInvalid, RoleRequired
from smaply_metrics_core.host import Calculation, Definition, MetricInput
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    RESPONSES,
    TOKEN,
    VIEWER,
    load,
    sqlite_only,
    values,
)

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

INVALID = Definition(survey_id="S1", question_id="stars", calculation=Calculation.SHARE)


def named(*names: str, definition: Definition = AVERAGE) -> list[MetricInput]:
    """Return new metrics with these names."""
    return [MetricInput(name=name, definition=definition) for name in names]


def names(host: MetricsHost, **given: object) -> list[str]:
    """Return the names on a page of metrics."""
    return [metric.name for metric in host.metrics.page(VIEWER, **given).metrics]  # type: ignore[arg-type]


def test_many_metrics_are_added_in_one_call(connected: MetricsHost, world: World) -> None:
    """Each survey is read once, and each metric is in the audit trail."""
    world.shop.asked.clear()
    new = [*named("A", "B"), MetricInput(name="C", definition=OTHER, workspace="shops")]
    added = connected.metrics.add_many(EDITOR, "shop", new)
    assert world.shop.asked == ["S1", "S2"]
    assert connected.metrics.list(VIEWER) == added
    assert [metric.workspace for metric in added] == ["default", "default", "shops"]
    assert added[0].questions["stars"].text
    assert {entry.detail for entry in connected.audit.list(ADMIN)} >= {"A", "B", "C"}
    assert values(connected) == [4.0, 4.0, 1.5]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (named("Wrong", definition=INVALID), r"Metric 3 \(“Wrong”\): "),
        (named(""), "name of the metric"),
        ([MetricInput(name="Nowhere", definition=AVERAGE, workspace="")], "workspace"),
        ([MetricInput(name="Far", definition=AVERAGE, workspace="x" * 201)], "workspace"),
    ],
)
@sqlite_only
def test_all_metrics_are_added_or_none(
    connected: MetricsHost, wrong: list[MetricInput], message: str
) -> None:
    """The message names the metric that is not valid."""
    with pytest.raises((QueryInvalid, InputError), match=message):
        connected.metrics.add_many(EDITOR, "shop", [*named("A", "B"), *wrong, *named("D")])
    assert connected.metrics.list(VIEWER) == ()


@sqlite_only
def test_a_viewer_adds_moves_and_copies_nothing(connected: MetricsHost) -> None:
    """As with single metrics."""
    (metric,) = connected.metrics.add_many(EDITOR, "shop", named("A"))
    for call in (
        lambda: connected.metrics.add_many(VIEWER, "shop", named("B")),
        lambda: connected.metrics.duplicate(VIEWER, metric.id),
        lambda: connected.metrics.move(VIEWER, [metric.id], "shops"),
    ):
        with pytest.raises(RoleRequired):
            call()


def test_pages_and_searches_of_metrics(connected: MetricsHost, world: World) -> None:
    """A search ignores case, also of letters outside of ASCII, or finds an ID."""
    connected.metrics.add_many(EDITOR, "shop", named("Über stars", "Stars", "Taste"))
    world.clock.forward(1)
    connected.metrics.add_many(EDITOR, "shop", named("Elsewhere", definition=OTHER))
    assert names(connected) == ["Über stars", "Stars", "Taste", "Elsewhere"]
    assert names(connected, search=" STARS ") == ["Über stars", "Stars"]
    assert names(connected, search="über") == ["Über stars"]
    assert names(connected, offset=1, limit=2) == ["Stars", "Taste"]
    page = connected.metrics.page(VIEWER, search="s", offset=1, limit=1)
    assert (len(page.metrics), page.matching) == (1, 4)
    (first,) = connected.metrics.page(VIEWER, limit=1).metrics
    assert connected.metrics.page(VIEWER, search=first.id).metrics == (first,)


def test_the_metrics_of_a_survey_are_found(connected: MetricsHost, world: World) -> None:
    """By its ID, in one connection or in all."""
    connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name="Stores")
    connected.metrics.add_many(EDITOR, "The Shop", named("A", "B"))
    world.clock.forward(1)
    connected.metrics.add_many(EDITOR, "Stores", [*named("C"), *named("D", definition=OTHER)])
    assert names(connected, survey_id="S1") == ["A", "B", "C"]
    assert names(connected, survey_id="S1", connection_id="Stores") == ["C"]
    assert names(connected, survey_id="S9") == []
    with pytest.raises(NotFound):
        connected.metrics.page(VIEWER, connection_id="Elsewhere")


@pytest.mark.parametrize("page", [{"offset": -1}, {"limit": 0}])
@sqlite_only
def test_an_impossible_page_is_refused(connected: MetricsHost, page: dict[str, int]) -> None:
    """Of metrics and of connections."""
    with pytest.raises(InputError, match="page is not valid"):
        connected.metrics.page(VIEWER, **page)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="page is not valid"):
        connected.connections.list(VIEWER, **page)  # type: ignore[arg-type]


def test_pages_and_searches_of_connections(connected: MetricsHost, world: World) -> None:
    """By name or ID."""
    for name in ("Stores", "Online stores"):
        world.clock.forward(1)
        connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN}, name=name)
    found = connected.connections.list(VIEWER, search="STORES")
    assert [view.name for view in found] == ["Stores", "Online stores"]
    assert connected.connections.list(VIEWER, search=found[1].id) == (found[1],)
    (second,) = connected.connections.list(VIEWER, offset=1, limit=1)
    assert second.name == "Stores"


def test_a_copy_has_a_value_of_its_own(connected: MetricsHost) -> None:
    """It is calculated by the next refresh, from the same download."""
    metric = connected.metrics.add(EDITOR, "shop", "N" * 300, AVERAGE)
    load(connected)
    copied = connected.metrics.duplicate(EDITOR, metric.id)
    assert copied.name == f"{'N' * 280} (copy)"
    assert (copied.definition, copied.questions) == (metric.definition, metric.questions)
    other = connected.metrics.duplicate(EDITOR, metric.id, name="Other", workspace="shops")
    assert (other.name, other.workspace, other.version) == ("Other", "shops", 1)
    assert connected.metrics.history(VIEWER, other.id) == ()
    assert values(connected) == [4.0, 4.0, 4.0]
    connected.metrics.edit(EDITOR, other.id, definition=RESPONSES)
    assert connected.metrics.show(VIEWER, metric.id) == metric
    with pytest.raises(NotFound):
        connected.metrics.duplicate(EDITOR, "met_0")


def test_a_metric_keeps_its_value_in_another_workspace(connected: MetricsHost) -> None:
    """All metrics are moved, or none."""
    first, second = connected.metrics.add_many(EDITOR, "shop", named("A", "B"))
    load(connected)
    with pytest.raises(NotFound):
        connected.metrics.move(EDITOR, [first.id, "met_0"], "shops")
    assert names(connected, workspace="shops") == []
    (moved,) = connected.metrics.move(EDITOR, [first.id], "shops")
    assert (moved.workspace, moved.version) == ("shops", first.version + 1)
    assert names(connected, workspace="shops") == ["A"]
    assert names(connected, workspace="default") == ["B"]
    (card,) = connected.cards.load(VIEWER, [first.id], refresh=False)
    assert card.text == "4.0"
    assert len(connected.metrics.history(VIEWER, first.id)) == 1
    assert connected.metrics.show(VIEWER, second.id) == second
