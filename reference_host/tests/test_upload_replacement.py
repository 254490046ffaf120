"""Uploaded files that replace others, and the mappings that are stored with them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.uploaded_files import GOOD, OTHER, UPLOAD, WRONG, files, stored_as
from smaply_metrics_core.host import Definition, GroupBy, RefreshDecisionKind, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def test_a_file_is_replaced_only_on_request(world: World) -> None:
    """Connect never replaces a file, and Replace only the file that the page named."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    for name in ("visits", "other"):
        form.upload(f"{name}.csv", GOOD)
        form = FormFiller(form.browser, UPLOAD)
    stored = files(world)

    form.choose_file("visits.csv", OTHER)
    assert "A file named “<bdi>visits</bdi>” exists" in form.page
    for button in ({"connect": "1"}, {"replace": "other"}):
        form.press(form.form.action, **button)
        assert form.answer.status_code == 409
        assert files(world) == stored
    form.store_file()
    assert files(world) == stored | {"uploads/visits.csv": stored_as(OTHER)}


def test_a_replaced_file_keeps_its_metrics(world: World) -> None:
    """The page counts them, and names the columns that the new file lacks; they are then due."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD, name="By store", type="series")
    form.choose(question="nps", group_by="field:store")
    form.press("/metrics/preview")
    form.send("/metrics")
    world.run(world.app_state.metrics.cards.load(world.actor(), wait=30))
    again = FormFiller(form.browser, UPLOAD)

    again.choose_file("visits.csv", OTHER)
    assert "If you replace it, its metric uses the new file at the next refresh." in again.page
    assert "Metrics use columns that this file does not have: <bdi>store</bdi>" in again.page
    again.store_file()

    again.choose(question="nps")
    again.press("/metrics/preview")
    assert "n = 2" in again.page
    (metric,) = world.run(world.app_state.metrics.metrics.list(world.actor()))
    explained = world.run(world.app_state.metrics.cards.explain(world.actor(), metric.id))
    assert (metric.name, explained.kind) == ("By store", RefreshDecisionKind.DUE)


def test_a_replacement_proposes_the_stored_mapping(world: World) -> None:
    """Roles and answers to open questions are proposed; the new file may have more columns."""
    first = "Datum;Ort;Note\n03/10/2026;Wien;4,5\n"
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("visits.csv", first.encode())
    form.update_preview(dates="day_first", **{"role-1": "field"})
    form.store_file()
    form = FormFiller(form.browser, UPLOAD)

    form.choose_file("visits.csv", b"Datum;Neu;Ort;Note\n04/10/2026;a;Graz;4,5\n")

    assert "The roles of the last upload of <bdi>visits</bdi> are proposed" in form.page
    assert "Automatic: Day first" in form.page
    assert [form.fields[f"role-{number}"] for number in range(4)] == [
        ["date"],
        ["question"],
        ["field"],
        ["question"],
    ]
    form.store_file()
    assert b"2026-10-04T00:00:00+00:00,,a,Graz,4.5" in files(world)["uploads/visits.csv"]


def test_an_invalid_replacement_keeps_the_file(world: World) -> None:
    """An invalid replacement does not change the existing file."""
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.upload("visits.csv", GOOD)
    form = FormFiller(form.browser, UPLOAD)

    form.choose_file("visits.csv", WRONG)
    form.press(form.form.action, replace="visits")

    assert "yesterday" in form.page
    assert files(world) == {"uploads/visits.csv": stored_as(GOOD)}


def test_the_mapping_gives_the_same_numbers_on_the_command_line(world: World) -> None:
    """The file with the mapping of the preview is read as the connected one is."""
    european = (
        "Datum;Filiale;Note;Extras;Name\n"
        "03/10/2026;Köln;4,5;a;Anna\n04/11/2026;Wien;1.234,5;b;Ben\n;Wien;2;;\n"
    ).encode("cp1252")
    form = FormFiller(world.client(Role.EDITOR), UPLOAD)
    form.choose_file("Visits.csv", european)
    roles = {"role-1": "field", "role-3": "multiple", "role-4": "ignore"}
    form.update_preview(dates="day_first", **roles)
    mapping = form.browser.get(f"{form.form.action}/mapping.json")
    assert mapping.headers["content-disposition"].endswith("Visits.mapping.json")
    form.store_file()

    folder = world.app_state.settings.files_of(world.account) / "by_hand"
    folder.mkdir()
    (folder / "Visits.csv").write_bytes(european)
    (folder / "Visits.mapping.json").write_bytes(mapping.content)
    metrics, admin = world.app_state.metrics, world.actor()
    by_hand = world.run(
        metrics.connections.connect(admin, "csv_example", {"folder": "by_hand"}, name="By hand")
    )
    read = [
        world.run(metrics.catalog.questionnaire(admin, connection, "Visits"))
        for connection in (form.fields["source"][0], by_hand.id)
    ]
    assert read[0] == read[1]
    for calculation, group_by in (("average", "field:Filiale"), ("sum", "period:month")):
        definition = Definition.model_validate(
            {
                "survey_id": "Visits",
                "type": "series",
                "question_id": "Note",
                "calculation": calculation,
                "group_by": GroupBy.parse(group_by),
            }
        )
        uploaded, read_by_hand = (
            world.run(metrics.metrics.preview(admin, connection, definition)).groups
            for connection in (form.fields["source"][0], by_hand.id)
        )
        assert uploaded == read_by_hand
        assert any(one.value for one in uploaded)
