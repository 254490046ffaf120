"""Several connections of one source: their pages, and metrics that are moved between them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN
from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import NPS, RELATIONSHIP, make, saved
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

LIST = "/settings/integrations"
QUALTRICS = f"{LIST}/qualtrics"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@pytest.fixture
def pair(world: World) -> tuple[str, str]:
    """The ids of two connections to the sandbox; the second one is named EU."""
    return world.connect(), world.connect(name="EU")


def test_another_connection_requires_a_name(world: World) -> None:
    """The form lists the existing names; a taken name is refused, and the input stays."""
    world.connect()
    ada = world.client(Role.ADMIN)
    new = re.search(r'href="([^"]+/new)">Add another connection', ada.get(LIST).text)
    assert new is not None
    form = ada.get(new[1]).text
    values = {"base_url": world.sandbox.host, "api_token": TOKEN}

    taken = ada.finish(new[1], new[1], {**values, "connection_name": "qualtrics"}).text
    added = ada.finish(new[1], new[1], {**values, "connection_name": " EU "}).text

    assert "Existing connections: <bdi>Qualtrics</bdi>." in form
    assert "already has a connection named “Qualtrics”" in taken
    assert 'value="qualtrics"' in taken
    assert TOKEN not in taken
    assert "<bdi>EU (Qualtrics)</bdi></h1>" in added
    listed = ada.get(LIST).text
    assert listed.count("Add another connection") == 1
    assert "<bdi>Qualtrics</bdi></a>" in listed
    assert "<bdi>EU (Qualtrics)</bdi></a>" in listed


def test_each_connection_has_a_page(world: World, pair: tuple[str, str]) -> None:
    """The address of an ambiguous source leads to the list; a page names its own metrics."""
    first, second = pair
    ada = world.client(Role.ADMIN)
    metric = make(world, connection=second)

    ambiguous = ada.get(QUALTRICS)
    assert str(ambiguous.url).endswith(LIST) or ambiguous.headers["location"] == LIST
    assert "No metrics yet" in ada.get(f"{LIST}/{first}").text
    assert "1 metric" in ada.get(f"{LIST}/{second}").text
    confirmation = ada.get(f"{LIST}/{second}/delete").text
    assert metric.name in confirmation
    assert "when a new connection to Qualtrics is added, or when an Editor chooses" in confirmation
    assert ada.get(f"{QUALTRICS}/edit").status_code == 409


def test_a_connection_is_renamed(world: World, pair: tuple[str, str]) -> None:
    """A taken name is refused with the reason; another account's connection is not found."""
    page = f"{LIST}/{pair[1]}"
    ada = world.client(Role.ADMIN)

    refused = ada.submit(page, f"{page}/rename", {"connection_name": "QUALTRICS"})
    ada.submit(page, f"{page}/rename", {"connection_name": "Europe"})

    assert refused.status_code == 409
    assert "already has a connection named" in refused.text
    assert "Europe (Qualtrics)" in ada.get(page).text
    theirs = world.connect(account="other")
    assert ada.get(f"{LIST}/{theirs}").status_code == 404


def test_a_source_is_set_up_although_a_connection_has_its_name(world: World) -> None:
    """Its link leads to its own form, not to the connection with that name."""
    world.connect(name="LimeSurvey")
    ada = world.client(Role.ADMIN)
    link = re.search(r'href="([^"]*limesurvey[^"]*)">Set up', ada.get(LIST).text)
    assert link is not None
    form = ada.get(link[1]).text
    assert f'action="{LIST}/limesurvey/new"' in form


def test_the_form_offers_connections_by_name(world: World, pair: tuple[str, str]) -> None:
    """A new metric belongs to the chosen one, and lists show its name."""
    first, second = pair
    form = FormFiller(world.client(Role.EDITOR))
    assert form.offered("source")[:3] == ["", first, second]
    assert ">EU (Qualtrics)</option>" in form.page

    form.choose(source=second)
    form.choose(survey=RELATIONSHIP)
    form.choose(question="QID1")
    form.send("/metrics", name="NPS of the EU")

    (metric,) = saved(world)
    assert metric.connection_id == second
    assert "<bdi>EU (Qualtrics)</bdi></td>" in world.client(Role.EDITOR).get("/metrics").text


def test_an_editor_moves_a_metric(world: World, pair: tuple[str, str]) -> None:
    """The survey and the question stay; the form warns that the value is discarded."""
    first, second = pair
    metric = make(world, connection=first)
    form = FormFiller(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert form.offered("source") == [first, second]

    form.choose(source=second)
    assert "Saving discards the current value" in form.page
    form.send(f"/metrics/{metric.id}/edit")

    (after,) = saved(world)
    assert (after.connection_id, after.definition) == (second, NPS)


def test_a_metric_of_a_deleted_connection_can_be_moved(world: World, pair: tuple[str, str]) -> None:
    """Its form offers the other connections of the source; other fields can be saved without."""
    first, second = pair
    metric = make(world, connection=first)
    world.run(world.app_state.metrics.connections.delete(world.actor(), first))
    form = FormFiller(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert "The connection of this metric was deleted." in form.page
    assert "Qualtrics (not connected)</option>" in form.page

    form.send(f"/metrics/{metric.id}/edit", name="NPS now")
    assert [(one.name, one.connection_id) for one in saved(world)] == [("NPS now", first)]
    form = FormFiller(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    form.choose(source=second)
    form.send(f"/metrics/{metric.id}/edit")
    assert [one.connection_id for one in saved(world)] == [second]
