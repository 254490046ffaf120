"""How the metric form helps: values to filter by, previews, names, and settings with an effect."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import RELATIONSHIP, make, saved
from smaply_metrics_core.host import Filter, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def test_a_filter_lists_the_values_in_the_data(world: World) -> None:
    """The values are offered as checkboxes, with those that are already chosen."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(add_filter="1")
    form.choose(filter__0__of="field:Region", filter__0__typed="Atlantis")

    form.press("/metrics/values", find_values="0", filter__0__typed="Atlantis")
    found = form.offered("filter-0-value")
    assert {"Atlantis", "North", "South"} <= set(found)
    assert form.fields["filter-0-value"] == ["Atlantis"]
    assert "Atlantis (not found)" in form.page
    assert "List the values found" not in form.page

    form.choose(filter__0__value=["North"])
    assert form.offered("filter-0-value") == [one for one in found if one != "Atlantis"]
    form.send("/metrics", name="North only")
    (metric,) = saved(world)
    assert metric.definition.filters == (Filter(kind="field", of="Region", values=("North",)),)

    other = FormFiller(world.client(Role.EDITOR), START)
    assert other.send("/metrics/values", find_values="7").status_code == 422


def test_the_preview_knows_what_it_would_calculate(world: World) -> None:
    """A complete form has a digest, which changes with the definition and not with the display."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR))
    assert "data-due" not in form.page

    def due() -> str:
        found = re.search(r'data-due="(\w+)"', form.page)
        assert found is not None
        return found[1]

    form.choose(survey=RELATIONSHIP, question="QID1")
    first = due()
    form.choose(heading="Fans")
    assert due() == first
    form.choose(range="last_28_days")
    assert due() != first
    form.press("/metrics/preview")
    assert "data-due" not in form.page


def test_another_metric_with_the_name_is_pointed_out(world: World) -> None:
    """A new metric may have the name; a metric is not its own duplicate."""
    world.connect()
    metric = make(world, "NPS")
    said = "Another metric has this name."
    form = FormFiller(world.client(Role.EDITOR))

    assert said not in form.page
    form.choose(name="nps ", survey=RELATIONSHIP)
    assert said in form.page
    assert "Saved" in form.send("/metrics").text
    assert len(saved(world)) == 2

    own = FormFiller(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert said in own.page
    own.choose(name="NPS of all")
    assert said not in own.page


def test_settings_that_do_not_affect_the_chart_are_hidden(world: World) -> None:
    """Their values are kept, and shown again with a chart that they affect."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR))
    form.choose(name="NPS", survey=RELATIONSHIP, question="QID1")
    labels = ("Start values at zero", "Titles on right", "Ranges in the chart", "Latest value as")

    assert [label for label in labels if label in form.page] == []
    form.choose(type="series", question="QID1", group_by="period:month")
    form.choose(chart="line", start_at_zero="1")
    assert [label for label in labels if label in form.page] == list(labels)
    form.choose(chart="pie")
    form.choose(chart="bar")
    assert "Start values at zero" not in form.page
    assert form.fields["start_at_zero"] == ["1"]
