"""Editing a metric: unavailable source, deleted question, concurrent edits."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from reference_host.tests.app_fixture import TOKEN
from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import NPS, RELATIONSHIP, make, saved
from smaply_metrics_core.host import Calculation, Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World


def test_a_metric_can_be_edited_while_its_source_does_not_answer(own_account: World) -> None:
    """The definition is unchanged; name and display can be saved."""
    own_account.connect()
    metric = make(own_account)
    own_account.sandbox.state.set_token(None)
    form = FormFiller(own_account.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert "How likely are you to recommend" in form.page
    assert "Qualtrics could not be read" in form.page
    assert "An Admin can fix it." in form.page

    form.send(f"/metrics/{metric.id}/edit", name="NPS now", heading="Fans")

    (after,) = saved(own_account)
    assert (after.name, after.display.heading) == ("NPS now", "Fans")
    assert after.definition == NPS
    own_account.sandbox.state.set_token(TOKEN)


def test_a_metric_of_a_deleted_connection_shows_names(own_account: World) -> None:
    """The form and the list show titles, not the ids of the source and the calculation."""
    connection = own_account.connect()
    metric = make(own_account)
    own_account.run(
        own_account.app_state.metrics.connections.delete(own_account.actor(), connection)
    )
    emil = own_account.client(Role.EDITOR)

    page = emil.get(f"/metrics/{metric.id}/edit").text

    assert "This account is not connected to Qualtrics." in page
    assert "<dd>NPS</dd>" in page
    assert "<bdi>Qualtrics</bdi></td>" in emil.get("/metrics").text


def test_changing_the_definition_warns_about_the_value(own_account: World) -> None:
    """The form warns before a new calculation deletes the value; a new name keeps it."""
    own_account.connect()
    metric = make(own_account)
    form = FormFiller(own_account.client(Role.EDITOR), f"/metrics/{metric.id}/edit")

    form.choose(name="Another name")
    assert "The definition has changed" not in form.page
    form.choose(calculation="average")
    assert "The definition has changed" in form.page
    answer = form.send(f"/metrics/{metric.id}/edit")

    assert "Saved “<bdi>Another name</bdi>”" in answer.text
    assert saved(own_account)[0].definition.calculation is Calculation.AVERAGE


def test_a_deleted_question_is_named_with_its_successor(world: World) -> None:
    """The form suggests the successor of a deleted question."""
    world.connect()
    metric = make(world)
    world.sandbox.state.delete_question(RELATIONSHIP, "QID1")
    world.sandbox.state.restore_question(RELATIONSHIP, "QID1", "QID77")
    form = FormFiller(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert "(deleted)" in form.page
    assert "was deleted from the survey" in form.page
    assert form.fields["question"] == ["QID1"]

    form.choose(use_question="QID77")
    assert form.fields["question"] == ["QID77"]
    assert form.fields["calculation"] == ["nps"]
    form.send(f"/metrics/{metric.id}/edit")

    assert saved(world)[0].definition.question_id == "QID77"


def test_a_conflicting_edit_keeps_the_input(own_account: World) -> None:
    """The page shows both values; the form keeps the input, which can overwrite the other edit."""
    own_account.connect()
    metric = make(own_account)
    address = f"/metrics/{metric.id}/edit"
    slow = FormFiller(own_account.client(Role.EDITOR), address)
    FormFiller(own_account.client(Role.ADMIN), address).send(address, name="Theirs", target="40")

    slow.press(address, name="Mine", heading="Ours")

    assert slow.answer.status_code == 409
    assert "Another user changed this metric" in slow.page
    rows = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>", slow.page)
    assert rows == [
        ("Name", "Theirs", "Mine"),
        ("Heading", "none", "Ours"),
        ("Target", "40", "none"),
    ]
    assert (slow.fields["name"], slow.fields["heading"]) == (["Mine"], ["Ours"])
    assert saved(own_account)[0].name == "Theirs"

    again = slow.send(address)  # Refused again without confirmation.
    assert again.status_code == 409
    theirs = re.search(r'name="over" value="(\d+)"', slow.page)
    assert theirs is not None
    slow.send(address, over=theirs[1])
    (after,) = saved(own_account)
    assert (after.name, after.display.heading, after.display.target) == ("Mine", "Ours", None)
