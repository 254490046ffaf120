"""Previews of a metric's form."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import TOKEN
from reference_host.tests.form_client import FormFiller
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

RELATIONSHIP = "SV_RelationshipA01"
START = f"/metrics/new?source=qualtrics&survey={RELATIONSHIP}"
PREVIEW = "/metrics/preview"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def connect(world: World) -> None:
    """Connect the sandbox and clear its log of requests."""
    world.connect()
    world.sandbox.state.clear_log()


def exports(world: World) -> int:
    """Return the number of exports that the sandbox started."""
    return sum(
        call["method"] == "POST" and call["path"].endswith("/export-responses")
        for call in world.sandbox.state.calls()
    )


def headline(form: FormFiller) -> str:
    """Return the main value of the preview."""
    found = re.search(r'class="card-value"[^>]*>([^<]*)', form.page)
    assert found is not None
    return found[1].strip()


def test_a_preview_shows_the_card_and_saves_nothing(world: World) -> None:
    """The page has the form and the card; no metric is stored."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)

    form.choose(question="QID1", heading="<i>Fans</i>")
    form.press(PREVIEW)

    assert re.fullmatch(r"\u2212?\d+", headline(form))
    assert re.search(r"n = (9\d\d|1,\d\d\d)\b", form.page)  # Depends on the time of the run.
    assert "all time" in form.page
    assert re.search(r"recorded; [^<]+ excluded", form.page)
    assert "Data from" in form.page
    assert "<i>Fans</i>" not in form.page
    assert form.fields["heading"] == ["<i>Fans</i>"]
    assert world.run(world.app_state.metrics.metrics.list(world.actor())) == ()


def test_a_gauge_has_its_interval_below(world: World) -> None:
    """The gauge itself shows only the value."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(question="QID1", chart="gauge")
    form.press(PREVIEW)
    assert re.search(r'aria-hidden="true">\(\S+ to \S+\)</p>', form.page)


def test_previews_share_one_download(world: World) -> None:
    """Another calculation, group by or type uses the cached data; Reload data does not."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(question="QID1")
    form.press(PREVIEW)
    nps = headline(form)
    assert exports(world) == 1

    form.choose(calculation="average")
    assert "Out of date. Update the preview." in form.page
    form.press(PREVIEW)
    assert headline(form) != nps
    assert "Out of date. Update the preview." not in form.page
    form.choose(type="series")
    form.choose(group_by="period:month")
    form.press(PREVIEW)
    assert exports(world) == 1

    form.press(PREVIEW, reload_data="1")
    assert exports(world) == 2


def test_the_display_changes_without_a_request(world: World) -> None:
    """Heading, suffix and chart type change the card without a request to the survey tool."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(type="series", question="QID1")
    form.press(PREVIEW, group_by="field:Region")
    before = len(world.sandbox.state.calls())

    form.choose(heading="By region", suffix=" pts", chart="table")

    assert "By region</h4>" in form.page
    assert headline(form).endswith(" pts")
    assert 'class="numbers"' in form.page
    assert "Out of date. Update the preview." not in form.page
    assert len(world.sandbox.state.calls()) == before


@pytest.mark.usefixtures("canned_charts")
def test_a_preview_has_images_for_browsers_without_scripts(world: World) -> None:
    """The page links an image of the current form in both themes; other people get 404."""
    connect(world)
    emil = world.client(Role.EDITOR)
    form = FormFiller(emil, START)
    form.choose(type="series", question="QID1")
    form.press(PREVIEW, group_by="field:Region")
    bars = re.search(r'src="(/metrics/drafts/[^"]+)"', form.page)
    form.choose(chart="horizontal_bar")
    lying = re.search(r'src="(/metrics/drafts/[^"]+)"', form.page)

    assert bars is not None
    assert lying is not None
    drawn = [emil.get(address[1]) for address in (bars, lying)]
    assert {answer.headers["content-type"] for answer in drawn} == {"image/svg+xml"}
    assert drawn[0].text != drawn[1].text
    assert emil.get(bars[1].replace("light", "dark")).text != drawn[0].text
    assert world.client(Role.ADMIN).get(bars[1]).status_code == 404


def test_an_incomplete_form_has_no_preview(world: World) -> None:
    """An incomplete form shows the missing field and starts no download."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)

    form.press(PREVIEW, type="series", question="QID1", calculation="nps", name="Kept")

    assert form.answer.status_code == 422
    assert "Choose a grouping." in form.page
    assert form.fields["name"] == ["Kept"]
    assert exports(world) == 0


def test_a_failed_preview_keeps_the_form(world: World) -> None:
    """The page shows the problem, the input and the last preview."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    form.choose(question="QID1", name="Kept")
    form.press(PREVIEW)
    shown = headline(form)
    world.sandbox.state.add_fault("export_progress", kind="failed", times=0)

    form.press(PREVIEW, reload_data="1", subheading="Kept too")

    assert "No preview" in form.page
    assert (form.fields["name"], form.fields["subheading"]) == (["Kept"], ["Kept too"])
    assert headline(form) == shown


def test_a_preview_is_cancelled(world: World) -> None:
    """Cancel stops the download and links to the form with its input."""
    connect(world)
    world.sandbox.state.set_exports(seconds=20)
    emil = world.client(Role.EDITOR)
    form = FormFiller(emil, START)
    sent = {**form.fields, "question": "QID1", "name": "Kept"}

    running = emil.post(PREVIEW, data=sent)
    assert running.url.path.startswith("/jobs/")
    token = {"csrf_token": form.fields["csrf_token"]}
    ended = emil.post(f"{running.url.path}/cancel", data=token)

    back = re.search(r'href="(/metrics/drafts/[^"]+)"', ended.text)
    assert "Cancelled" in ended.text
    assert back is not None
    form.take(emil.get(back[1]))
    assert (form.fields["name"], form.fields["question"]) == (["Kept"], ["QID1"])


def test_a_script_receives_the_card_as_a_fragment(world: World) -> None:
    """The result of the job is the card as a fragment."""
    connect(world)
    emil = world.client(Role.EDITOR)
    form = FormFiller(emil, START)
    emil.headers.update({"x-fragment": "metric-form", "accept": "application/json"})

    begun = emil.post(PREVIEW, data={**form.fields, "question": "QID1"})
    events = emil.get(begun.json()["events"]).text

    assert begun.status_code == 202
    last = events.strip().splitlines()[-1]
    assert '"state":"done"' in last
    assert "card-value" in last
    assert "<html" not in last


def test_a_preview_expires_after_an_hour(world: World) -> None:
    """The form remains usable without it."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    form.press(PREVIEW)
    assert "Data from" in form.page

    world.clock.forward(timedelta(hours=1, seconds=1))
    form.choose(name="Later")

    assert "No preview yet." in form.page
    assert form.fields["name"] == ["Later"]


def test_a_revoked_token_is_reported(world: World) -> None:
    """The preview shows the problem, and works again with a valid token."""
    connect(world)
    form = FormFiller(world.client(Role.EDITOR), START)
    world.sandbox.state.set_token(None)

    form.press(PREVIEW)
    assert "Still stuck?" in form.page
    assert "No preview" in form.page

    world.sandbox.state.set_token(TOKEN)
    form.press(PREVIEW)
    assert headline(form)


def test_a_viewer_cannot_preview(world: World) -> None:
    """Previews require the role Editor."""
    connect(world)
    vera = world.client(Role.VIEWER)

    assert vera.submit("/metrics", PREVIEW, {"survey": RELATIONSHIP}).status_code == 403
    assert exports(world) == 0
