"""Making and editing a metric: the form that each choice narrows, saved, and lost by nobody."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

from reference_host.tests.filling import Filling
from reference_host.tests.world import ACCOUNT, TOKEN
from smaply_metrics_core.host import (
    Calculation,
    Definition,
    Filter,
    GroupBy,
    Metric,
    MetricType,
    Role,
)
from smaply_metrics_host.pages import metric_form

if TYPE_CHECKING:
    import pytest

    from reference_host.tests.world import World

RELATIONSHIP = "SV_RelationshipA01"
TO = "\N{EN DASH}"
START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"
NPS = Definition(survey_id=RELATIONSHIP, question_id="QID1", calculation=Calculation.NPS)


def make(world: World, name: str = "NPS", definition: Definition = NPS) -> Metric:
    """Make a metric."""
    world.site.people.invite(ACCOUNT, "Ada", Role.ADMIN)
    workspace = world.site.people.workspaces(ACCOUNT)[0].id
    add = world.site.metrics.metrics.add(
        world.actor(), "qualtrics", name, definition, workspace=workspace
    )
    return world.run(add)


def be_slow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the list of surveys take longer than anybody waits for a page."""
    monkeypatch.setattr(metric_form, "PATIENCE_SECONDS", 0.2)
    world.sandbox.state.add_fault("surveys", kind="hang", seconds=0.6)


def saved(world: World) -> list[Metric]:
    """Give what is saved."""
    return list(world.run(world.site.metrics.metrics.list(world.actor())))


def test_a_metric_is_made_step_by_step(world: World) -> None:
    """Source, survey, question, group by, calculation: each list is narrowed by the others."""
    world.connect()
    form = Filling(world.client(Role.EDITOR))
    # The one connected source is chosen already, and its surveys are there.
    assert form.fields["source"] == ["qualtrics"]
    assert form.offered("survey")[0] == RELATIONSHIP

    form.choose(name="NPS by region", survey=RELATIONSHIP)
    assert "Relationship survey" in form.page
    assert form.fields["calculation"] == ["responses"]
    assert set(form.offered("calculation")) == {"responses"}
    assert "needs" in form.refused("calculation")["nps"]
    assert "group_by" not in form.fields

    form.choose(type="series", question="QID1")
    assert form.fields["calculation"] == ["nps"]
    assert {"period:month", "question:QID3", "field:Region"} < set(form.offered("group_by"))

    form.choose(group_by="field:Region")
    answer = form.send("/metrics", heading="Fans", target="30", suffix=" pts")

    (metric,) = saved(world)
    assert "Saved “<bdi>NPS by region</bdi>”" in answer.text
    assert metric.name == "NPS by region"
    assert metric.definition == NPS.model_copy(
        update={"type": MetricType.SERIES, "group_by": GroupBy.parse("field:Region")}
    )
    assert (metric.display.heading, metric.display.target) == ("Fans", 30)
    assert metric.display.suffix == " pts"
    assert metric.workspace == world.site.people.workspaces(ACCOUNT)[0].id


def test_rows_of_a_matrix_stand_under_their_question(world: World) -> None:
    """A matrix is a heading; its rows are what is measured. What cannot be chosen says why."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    assert '<optgroup label="How much do you agree with these statements?">' in form.page
    assert "QID4_1" in form.offered("question")
    assert ">All rows: How much do you agree" in form.page


def test_a_comparison_shows_the_dates_before(world: World) -> None:
    """A Comparison takes a range with a time before it, and says which dates both cover."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    form.choose(type="comparison")
    assert form.fields["range"] == ["last_28_days"]
    assert "all_time" in form.refused("range")
    assert "Changed, as it does not go with the rest: Date range." in form.page

    form.choose(range="custom", first="2026-10-01", last="2026-10-31")
    assert f"Covers 1 Oct {TO} 31 Oct 2026, compared with 31 Aug {TO} 30 Sep 2026." in form.page


def test_a_share_asks_for_its_answers(world: World) -> None:
    """A share offers the question's answers; one that counts as none cannot be chosen."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    form.choose(question="QID2", calculation="share")
    assert form.offered("answers") == ["1", "2", "3", "4", "5"]
    assert "99" in form.refused("answers")
    form.press("/metrics", name="Happy")
    assert "Choose the answers that the share counts." in form.page

    form.send("/metrics", answers=["4", "5"])
    (metric,) = saved(world)
    assert metric.definition.answers == ("4", "5")


def test_a_box_may_be_of_a_reversed_scale(world: World) -> None:
    """Whether the scale runs the other way is asked where it means something."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    form.choose(question="QID2", calculation="average")
    assert "reverse_scale" not in form.offered("reverse_scale")
    assert "The scale is reversed" not in form.page
    form.choose(calculation="top_box")
    form.send("/metrics", name="Worst", reverse_scale="1")

    assert saved(world)[0].definition.reverse_scale


def test_filters_take_answers_or_typed_values(world: World) -> None:
    """A question offers its answers to tick; of an embedded field the values are typed."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    form.choose(add_filter="1")
    form.choose(add_filter="1", filter__0__of="question:QID3")
    form.choose(filter__1__of="field:Region")
    assert "filter-0-value" in form.form.offered
    form.press("/metrics", name="Filtered")
    assert "Filter 1</a>: Choose at least one value" in form.page

    form.send(
        "/metrics",
        filter__0__value=["10", "20"],
        filter__1__mode="exclude",
        filter__1__typed="North\r\nSouth",
        include=["test", "spam"],
    )
    (metric,) = saved(world)
    assert metric.definition.filters == (
        Filter(kind="question", of="QID3", values=("10", "20")),
        Filter(kind="field", of="Region", values=("North", "South"), exclude=True),
    )
    assert metric.definition.include == {"test", "spam"}


def test_what_does_not_fit_is_said_at_its_field_and_nothing_is_lost(world: World) -> None:
    """A form that cannot be saved comes back as it was sent, with what to correct."""
    world.connect()
    form = Filling(world.client(Role.EDITOR), START)

    form.press("/metrics", name="", target="many", heading="<b>Fans</b>", prefix="€ ")

    assert form.answer.status_code == 422
    assert "Give it a name of 1 to 300 characters." in form.page
    assert "Enter a number, as in 4.5." in form.page
    assert form.page.count('aria-invalid="true"') == 2
    assert (form.fields["target"], form.fields["prefix"]) == (["many"], ["€ "])
    assert form.fields["heading"] == ["<b>Fans</b>"]
    assert "<b>Fans</b>" not in form.page
    assert saved(world) == []


def test_surveys_are_found_by_name_or_id_and_read_again(world: World) -> None:
    """The list is searched on the server; one that is not in it can be named by its id."""
    world.connect()
    world.sandbox.state.share("SV_SupportContactA", listed=False)
    form = Filling(world.client(Role.EDITOR))
    assert form.offered("survey") == [RELATIONSHIP, "SV_StorePilotDemoA"]

    form.choose(search="GRÜSS")
    assert form.offered("survey") == ["SV_StorePilotDemoA"]
    form.choose(search="no such")
    assert "survey" not in form.form.offered
    form.choose(search="SV_SupportContactA")
    form.choose(survey="SV_SupportContactA")
    assert "Support after-contact survey" in form.page

    form.choose(change_survey="1", search="")
    assert form.fields["survey"] == ["SV_SupportContactA"]
    form.choose(search="pilot")  # Looking for another one goes on until one is chosen.
    form.choose(survey="SV_StorePilotDemoA")
    assert "chosen-survey" in form.page

    world.sandbox.state.share("SV_SupportContactA", listed=True)
    form.choose(change_survey="1", search="")
    assert "SV_SupportContactA" not in form.offered("survey")
    form.choose(reload="1")
    assert "SV_SupportContactA" in form.offered("survey")


def test_an_unknown_survey_is_refused_in_words(world: World) -> None:
    """An id that leads nowhere says so, and the form goes on."""
    world.connect()
    form = Filling(world.client(Role.EDITOR))

    form.choose(name="Mine", survey="SV_nowhere")

    assert "Qualtrics does not answer" in form.page
    assert "SV_nowhere" in form.page
    assert form.fields["name"] == ["Mine"]


def test_a_list_that_takes_long_is_waited_for_as_a_job(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The form then is the outcome of a job, and what was entered is in it."""
    world.connect()
    be_slow(world, monkeypatch)

    form = Filling(world.client(Role.EDITOR), "/metrics/new?name=Patient")

    assert form.answer.url.path.startswith("/metrics/drafts/")
    assert form.fields["name"] == ["Patient"]
    assert RELATIONSHIP in form.offered("survey")


def test_a_metric_can_be_edited_while_its_source_does_not_answer(world: World) -> None:
    """What is measured stays as it is; how it is shown can be changed and saved."""
    world.connect()
    metric = make(world)
    world.sandbox.state.set_token(None)
    form = Filling(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert "How likely are you to recommend" in form.page
    assert "does not answer" in form.page

    form.send(f"/metrics/{metric.id}/edit", name="NPS now", heading="Fans")

    (after,) = saved(world)
    assert (after.name, after.display.heading) == ("NPS now", "Fans")
    assert after.definition == NPS
    world.sandbox.state.set_token(TOKEN)


def test_changing_what_is_measured_says_that_the_value_goes(world: World) -> None:
    """A new name keeps the value; another calculation discards it, and the form says so before."""
    world.connect()
    metric = make(world)
    form = Filling(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")

    form.choose(name="Another name")
    assert "What is measured has changed" not in form.page
    form.choose(calculation="average")
    assert "What is measured has changed" in form.page
    answer = form.send(f"/metrics/{metric.id}/edit")

    assert "Saved “<bdi>Another name</bdi>”" in answer.text
    assert saved(world)[0].definition.calculation is Calculation.AVERAGE


def test_a_deleted_question_is_named_with_its_successor(world: World) -> None:
    """The form of a metric whose question is gone says which one took its place."""
    world.connect()
    metric = make(world)
    world.sandbox.state.delete_question(RELATIONSHIP, "QID1")
    world.sandbox.state.restore_question(RELATIONSHIP, "QID1", "QID77")
    form = Filling(world.client(Role.EDITOR), f"/metrics/{metric.id}/edit")
    assert "(deleted)" in form.page
    assert "was deleted." in form.page
    assert form.fields["question"] == ["QID1"]

    form.choose(use_question="QID77")
    assert form.fields["question"] == ["QID77"]
    assert form.fields["calculation"] == ["nps"]
    form.send(f"/metrics/{metric.id}/edit")

    assert saved(world)[0].definition.question_id == "QID77"


def test_the_second_editor_is_told_and_loses_nothing(world: World) -> None:
    """Both values stand side by side; one's own stay in the form and can be saved over theirs."""
    world.connect()
    metric = make(world)
    address = f"/metrics/{metric.id}/edit"
    slow = Filling(world.client(Role.EDITOR), address)
    Filling(world.client(Role.ADMIN), address).send(address, name="Theirs", target="40")

    slow.press(address, name="Mine", heading="Ours")

    assert slow.answer.status_code == 409
    assert "Somebody else changed this metric meanwhile" in slow.page
    rows = re.findall(r"<th[^>]*>(.*?)</th><td[^>]*>(.*?)</td><td[^>]*>(.*?)</td>", slow.page)
    assert rows == [
        ("Name", "Theirs", "Mine"),
        ("Heading", "none", "Ours"),
        ("Target", "40", "none"),
    ]
    assert (slow.fields["name"], slow.fields["heading"]) == (["Mine"], ["Ours"])
    assert saved(world)[0].name == "Theirs"

    again = slow.send(address)  # Without having looked, it is refused again.
    assert again.status_code == 409
    theirs = re.search(r'name="over" value="(\d+)"', slow.page)
    assert theirs is not None
    slow.send(address, over=theirs[1])
    (after,) = saved(world)
    assert (after.name, after.display.heading, after.display.target) == ("Mine", "Ours", None)


def test_a_script_gets_the_form_alone_and_is_told_where_to_go(world: World) -> None:
    """The same routes answer a script with a fragment, and with an address for a redirect."""
    world.connect()
    emil = world.client(Role.EDITOR)
    form = Filling(emil, START)
    emil.headers.update({"x-fragment": "metric-form", "accept": "application/json"})

    form.choose(question="QID1", name="NPS")
    assert "<html" not in form.page
    answer = form.send("/metrics")

    (metric,) = saved(world)
    assert answer.json() == {"location": f"/metrics?saved={metric.id}"}


def test_a_metric_goes_to_the_workspace_that_was_chosen(world: World) -> None:
    """With several workspaces the form asks for one; one of another account is not there."""
    world.connect()
    emil = world.client(Role.EDITOR)
    other = world.site.people.add_workspace(ACCOUNT, "Shops")
    form = Filling(emil, START)
    assert other.id in form.offered("workspace")

    stranger = form.send("/metrics", name="NPS", workspace="wor_other")
    form.send("/metrics", name="NPS", workspace=other.id)

    assert "There is no such workspace." in stranger.text
    assert saved(world)[0].workspace == other.id


def test_without_an_integration_the_form_says_what_is_missing(world: World) -> None:
    """There is nothing to choose from, and the form does not break."""
    form = Filling(world.client(Role.EDITOR))

    form.press("/metrics", name="NPS")

    assert "Choose where the numbers come from." in form.page


def test_a_draft_is_its_makers_alone_and_for_an_hour(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody else finds a form that was put aside, and after an hour nobody does."""
    world.connect()
    be_slow(world, monkeypatch)
    emil = world.client(Role.EDITOR)
    address = Filling(emil, "/metrics/new?name=Mine").answer.url.path

    assert world.client(Role.ADMIN).get(address).status_code == 404
    assert emil.get(address).status_code == 200
    world.clock.forward(timedelta(hours=1, seconds=1))
    assert emil.get(address).status_code == 404


def test_a_viewer_makes_nothing(world: World) -> None:
    """Every address of the form is an Editor's; a Viewer reads whom to ask."""
    world.connect()
    metric = make(world)
    vera = world.client(Role.VIEWER)
    addresses = ["/metrics/new", f"/metrics/{metric.id}/edit", "/metrics/drafts/x"]

    answers = [vera.get(address) for address in addresses]
    answers += [
        vera.submit("/metrics", address, {"name": "NPS"})
        for address in ["/metrics", "/metrics/form", f"/metrics/{metric.id}/edit"]
    ]

    assert {answer.status_code for answer in answers} == {403}
    assert all("Ask an Editor or Admin" in answer.text for answer in answers)


def test_a_metric_of_another_account_is_not_there(world: World) -> None:
    """Ids of one account lead nowhere in another."""
    world.connect()
    metric = make(world)
    eve = world.client(Role.EDITOR, account="other")
    form = Filling(eve)

    assert eve.get(f"/metrics/{metric.id}/edit").status_code == 404
    assert form.send(f"/metrics/{metric.id}/edit", name="Stolen").status_code == 404
    assert saved(world)[0].name == "NPS"
