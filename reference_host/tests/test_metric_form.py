"""Creating a metric with its form."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.form_client import FormFiller
from reference_host.tests.metric_factories import NPS, RELATIONSHIP, make, saved
from smaply_metrics_core.host import (
    Filter,
    GroupBy,
    MetricType,
    Role,
)
from smaply_metrics_host.routes import metric_form

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

TO = "\N{EN DASH}"
START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def be_slow(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the list of surveys slower than a page waits for it."""
    monkeypatch.setattr(metric_form, "PATIENCE_SECONDS", 0.2)
    world.sandbox.state.add_fault("surveys", kind="hang", seconds=0.6)


def test_a_metric_is_created_step_by_step(world: World) -> None:
    """Source, survey, question, group by, calculation: each choice narrows the others."""
    connection = world.connect()
    form = FormFiller(world.client(Role.EDITOR))
    # The only connected source is preselected, and its surveys are listed.
    assert form.fields["source"] == [connection]
    assert form.offered("survey")[0] == RELATIONSHIP

    form.choose(name="NPS by region", survey=RELATIONSHIP)
    assert "Relationship survey" in form.page
    assert form.fields["calculation"] == ["responses"]
    assert set(form.offered("calculation")) == {"responses"}
    assert "needs" in form.refused("calculation")["nps"]
    assert "group_by" not in form.fields
    form.choose(question="QID3")
    assert "(Needs " in form.refused("calculation")["nps"]
    assert not [text for text in form.refused("calculation").values() if "QID" in text]
    form.choose(question="")

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
    assert metric.workspace == world.app_state.people.workspaces(world.account)[0].id


def test_rows_of_a_matrix_are_grouped(world: World) -> None:
    """A matrix is a heading above its rows."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    assert "><bdi>How much do you agree with these statements?</bdi></p>" in form.page
    assert "QID4_1" in form.offered("question")
    assert "<bdi>All rows</bdi>" in form.page

    form.choose(type="series", question="QID4", calculation="distribution")
    assert form.fields["group_by"] == ["row"]
    assert "Changed to fit your other choices: Group by." in form.page
    form.choose(calculation="top_2_box")
    form.send("/metrics", name="Statements")
    (metric,) = saved(world)
    assert (metric.definition.question_id, str(metric.definition.group_by)) == ("QID4", "row")


def test_a_comparison_shows_both_date_ranges(world: World) -> None:
    """A Comparison requires a closed range and shows the dates of both periods."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    form.choose(type="comparison")
    assert form.fields["range"] == ["last_28_days"]
    assert "all_time" in form.refused("range")
    assert "Changed to fit your other choices: Date range." in form.page

    form.choose(range="custom", first="2026-10-01", last="2026-10-31")
    assert f"Covers 1 Oct {TO} 31 Oct 2026, compared with 31 Aug {TO} 30 Sep 2026." in form.page


def test_groups_are_compared_on_request(world: World) -> None:
    """The dates of both periods are shown; a Series by period has no such choice."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    form.choose(type="series", group_by="period:month")
    assert "Compare each group" not in form.page
    form.choose(group_by="field:Region")
    assert "Compare each group" in form.page
    assert "Compared with" not in form.page
    form.choose(compare_groups="1")
    assert form.fields["range"] == ["last_28_days"]
    form.choose(range="last_month", compare_with="same_period_last_year")
    assert ", compared with" in form.page
    form.send("/metrics", name="By region")
    (metric,) = saved(world)
    assert metric.definition.compare_groups
    assert metric.definition.compare_with == "same_period_last_year"


def test_a_share_requires_answers(world: World) -> None:
    """A share lists the question's answers; one that counts as missing is disabled."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    form.choose(question="QID2", calculation="share")
    assert form.offered("answers") == ["1", "2", "3", "4", "5"]
    assert "99" in form.refused("answers")
    form.press("/metrics", name="Happy")
    assert "Choose at least one answer to count." in form.page

    form.send("/metrics", answers=["4", "5"])
    (metric,) = saved(world)
    assert metric.definition.answers == ("4", "5")


def test_a_box_can_use_a_reversed_scale(world: World) -> None:
    """The option for a reversed scale is shown only for boxes."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    form.choose(question="QID2", calculation="average")
    assert "reverse_scale" not in form.offered("reverse_scale")
    assert "The scale is reversed" not in form.page
    form.choose(calculation="top_box")
    form.send("/metrics", name="Worst", reverse_scale="1")

    assert saved(world)[0].definition.reverse_scale


def test_filters_take_answers_or_typed_values(world: World) -> None:
    """A question has a list of answers; values of an embedded field are typed."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

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


def test_invalid_input_is_reported_and_kept(world: World) -> None:
    """An invalid form keeps its input and shows an error at each field."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR), START)

    form.press("/metrics", name="", target="many", heading="<b>Fans</b>", prefix="€ ")

    assert form.answer.status_code == 422
    assert "Enter a name with 1 to 300 characters." in form.page
    assert "Enter a number, such as 4.5." in form.page
    assert form.page.count('aria-invalid="true"') == 2
    assert (form.fields["target"], form.fields["prefix"]) == (["many"], ["€ "])
    assert form.fields["heading"] == ["<b>Fans</b>"]
    assert "<b>Fans</b>" not in form.page
    assert saved(world) == []


def test_surveys_are_found_by_name_or_id_and_reloaded(world: World) -> None:
    """The server searches the list; an unlisted survey is found by its id."""
    world.connect()
    world.sandbox.state.share("SV_SupportContactA", listed=False)
    form = FormFiller(world.client(Role.EDITOR))
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
    form.choose(search="pilot")  # The list stays open until a survey is selected.
    form.choose(survey="SV_StorePilotDemoA")
    assert "chosen-survey" in form.page

    world.sandbox.state.share("SV_SupportContactA", listed=True)
    form.choose(change_survey="1", search="")
    assert "SV_SupportContactA" not in form.offered("survey")
    form.choose(reload="1")
    assert "SV_SupportContactA" in form.offered("survey")


def test_an_unknown_survey_is_reported(world: World) -> None:
    """An unknown survey id is reported, and the form keeps its input."""
    world.connect()
    form = FormFiller(world.client(Role.EDITOR))

    form.choose(name="Mine", survey="SV_nowhere")

    assert "Qualtrics could not be read" in form.page
    assert "SV_nowhere" in form.page
    assert form.fields["name"] == ["Mine"]


def test_a_slow_list_is_loaded_in_a_job(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form is the result of a job and keeps its input."""
    world.connect()
    be_slow(world, monkeypatch)

    form = FormFiller(world.client(Role.EDITOR), "/metrics/new?name=Patient")

    assert form.answer.url.path.startswith("/metrics/drafts/")
    assert form.fields["name"] == ["Patient"]
    assert RELATIONSHIP in form.offered("survey")


def test_a_script_receives_a_fragment_and_a_location(world: World) -> None:
    """The routes return a fragment to a script, and JSON instead of a redirect."""
    world.connect()
    emil = world.client(Role.EDITOR)
    form = FormFiller(emil, START)
    emil.headers.update({"x-fragment": "metric-form", "accept": "application/json"})

    form.choose(question="QID1", name="NPS")
    assert "<html" not in form.page
    answer = form.send("/metrics")

    (metric,) = saved(world)
    assert answer.json() == {"location": f"/metrics?saved={metric.id}"}


def test_a_metric_is_saved_in_the_selected_workspace(world: World) -> None:
    """A workspace of another account is not found."""
    world.connect()
    emil = world.client(Role.EDITOR)
    other = world.app_state.people.add_workspace(world.account, "Shops")
    form = FormFiller(emil, START)
    assert other.id in form.offered("workspace")

    stranger = form.send("/metrics", name="NPS", workspace="wor_other")
    form.send("/metrics", name="NPS", workspace=other.id)

    assert "This workspace does not exist." in stranger.text
    assert saved(world)[0].workspace == other.id


def test_without_an_integration_the_form_requests_a_source(world: World) -> None:
    """Without a source, the form shows an error."""
    form = FormFiller(world.client(Role.EDITOR))

    form.press("/metrics", name="NPS")

    assert "Choose a source." in form.page


def test_a_draft_is_private_and_expires(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other people cannot open a draft, and it expires after one hour."""
    world.connect()
    be_slow(world, monkeypatch)
    emil = world.client(Role.EDITOR)
    address = FormFiller(emil, "/metrics/new?name=Mine").answer.url.path

    assert world.client(Role.ADMIN).get(address).status_code == 404
    assert emil.get(address).status_code == 200
    world.clock.forward(timedelta(hours=1, seconds=1))
    assert emil.get(address).status_code == 404


def test_a_viewer_cannot_edit_metrics(world: World) -> None:
    """All pages of the form return 403 with whom to ask."""
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


def test_a_metric_of_another_account_is_not_found(world: World) -> None:
    """The form of another account's metric returns 404."""
    world.connect()
    metric = make(world)
    eve = world.client(Role.EDITOR, account="other")
    form = FormFiller(eve)

    assert eve.get(f"/metrics/{metric.id}/edit").status_code == 404
    assert form.send(f"/metrics/{metric.id}/edit", name="Stolen").status_code == 404
    assert saved(world)[0].name == "NPS"
