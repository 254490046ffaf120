"""Entered values: typed or pasted by Editors, shown with who entered them."""

from __future__ import annotations

import re
from html import unescape
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import NAMES
from reference_host.tests.form_client import FormFiller
from reference_host.tests.map_factories import add_map, measure, place
from reference_host.tests.test_share_links import share
from smaply_metrics_core.host import Definition, EditConflict, EnteredTable, Role

if TYPE_CHECKING:
    import httpx

    from reference_host.tests.app_fixture import Browser, World
    from smaply_metrics_core.host import Metric

VALUES = "/metrics/entered"
NEW = f"{VALUES}/new"
PASTED = "31.08.2026\t30,5\t1.200\n30.09.2026\t36\t\n31.10.2026\t43\t25"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def save(
    browser: Browser, page: str, rows: list[tuple[str, str, str, str]] | None = None, **fields: str
) -> httpx.Response:
    """Submit the form of a page with rows."""
    columns = dict(
        zip(
            ("day", "label", "value", "n"), map(list, zip(*(rows or []), strict=True)), strict=False
        )
    )
    address = VALUES if page == NEW else page
    return browser.submit(page, address, {"save": "1", **columns, **fields})


def tables(world: World) -> tuple[EnteredTable, ...]:
    """Return the stored tables."""
    return world.run(world.app_state.metrics.entered_values.list(world.actor()))


def made(world: World, browser: Browser, unit: str = "points", pasted: str = PASTED) -> str:
    """Store a table, and return the address of its page."""
    answer = save(browser, NEW, name="Call centre", unit=unit, pasted=pasted)
    assert answer.status_code == 200, answer.text
    (table,) = tables(world)
    return f"{VALUES}/{table.id}"


def measured(world: World) -> Metric:
    """Return a refreshed Number of the only table."""
    (table,) = tables(world)
    (connection,) = world.run(world.app_state.metrics.connections.list(world.actor()))
    definition = Definition(
        survey_id=table.id, question_id="value", calculation=table.unit.calculation
    )
    add = world.app_state.metrics.metrics.add
    metric = world.run(add(world.actor(), connection.id, "NPS", definition, workspace="w"))
    measure(world)
    return metric


def text_of(answer: httpx.Response) -> str:
    """Return the text of a page."""
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", answer.text)).split())


def test_pasted_values_become_a_card_that_names_who_entered_them(world: World) -> None:
    """A pasted table is stored, its metric shows the newest value, and a correction at once."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    (table,) = tables(world)
    assert [(str(row.day), row.value, row.n) for row in table.rows] == [
        ("2026-08-31", 30.5, 1200),
        ("2026-09-30", 36.0, None),
        ("2026-10-31", 43.0, 25),
    ]
    form = editor.submit(page, f"{page}/metric", {})
    assert form.url.path.startswith("/metrics/drafts/")
    assert "Call centre" in form.text

    metrics = world.app_state.metrics
    metric = measured(world)
    (connection,) = world.run(metrics.connections.list(world.actor()))
    assert (connection.source, connection.created_by) == ("entered_values", NAMES[Role.EDITOR])
    (card,) = world.run(metrics.cards.load(world.actor(), [metric.id], refresh=False))
    assert card.text == "43"

    rows = [("2026-10-31", "", "44", "25"), ("2026-09-30", "", "36", ""), ("", "", "", "")]
    answer = save(editor, page, rows, name="Call centre", version=str(table.version))
    assert "1 metric of this table is being updated." in text_of(answer)
    (card,) = world.run(metrics.cards.load(world.actor(), [metric.id], wait=60.0))
    assert card.text == "44"
    assert card.result is not None
    assert card.result.current.entered is not None
    assert card.result.current.entered.entered_by == NAMES[Role.EDITOR]
    (table,) = tables(world)
    assert len(table.rows) == 2  # The row that was missing is deleted.


@pytest.mark.parametrize(
    ("unit", "pasted", "problem"),
    [
        ("points", "03/10/2026\t4", "“03/10/2026” has two meanings. State whether the day"),
        ("number", "2026-10-31\t1,234", "“1,234” has two meanings. State whether the decimal"),
        ("percent", "2026-10-31\t101", "Row 1, value: “101” must be from 0 to 100."),
        ("count", "2026-10-31\t4.5", "Row 1, value: “4.5” must be a whole number of at least 0."),
        ("points", "2026-10-31\tgood\tfew", "Row 1, value: “few” is not a number"),
        ("points", "2026-10-31\t4\n2026-10-31\t5", "Row 2, date: Row 1 has the same date."),
        ("points", "2199-01-01\t4", "Row 1, date: “2199-01-01” is in the future"),
        ("points", "a\tb\tc\td\te", "The columns cannot be recognised."),
        ("", "2026-10-31\t4", "Choose a unit."),
    ],
)
def test_what_cannot_be_read_is_named_and_kept(
    world: World, unit: str, pasted: str, problem: str
) -> None:
    """A cell that cannot be read is named with what to enter, and nothing typed is lost."""
    typed = [("31.10.2026", "Wien", "3", "x7")]
    answer = save(world.client(Role.EDITOR), NEW, typed, name="Ratings", unit=unit, pasted=pasted)
    assert answer.status_code == 422
    assert problem in text_of(answer)
    for kept in ("Ratings", "31.10.2026", "Wien", "x7", pasted.split("\n", maxsplit=1)[0]):
        assert kept in unescape(answer.text)
    assert tables(world) == ()


def test_the_person_states_what_is_ambiguous(world: World) -> None:
    """Dates and numbers with two meanings are read as the person states."""
    save(
        world.client(Role.EDITOR),
        NEW,
        name="Calls",
        unit="number",
        pasted="03/10/2026\t1,234",
        dates="day_first",
        decimal=",",
    )
    ((row,),) = (table.rows for table in tables(world))
    assert (str(row.day), row.value) == ("2026-10-03", 1.234)


def test_two_editors_see_both_versions(world: World) -> None:
    """Who saves second sees the saved values next to their own, and can save theirs."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    first, second = ("2026-10-31", "", "50", ""), ("2026-10-31", "", "60", "")
    save(editor, page, [first], name="Call centre", version="1")

    answer = save(editor, page, [second], name="Call centre", version="1")
    assert answer.status_code == 409
    assert "Another user changed these values" in answer.text
    assert "2026-10-31 50 60" in text_of(answer)
    assert 'name="version" value="2"' in answer.text
    assert tables(world)[0].rows[0].value == 50

    save(editor, page, [second], name="Call centre", version="2")
    assert tables(world)[0].rows[0].value == 60


def test_rows_are_added_and_removed_without_scripts(world: World) -> None:
    """Buttons of the form add blank rows and remove one, without saving."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    rows = [("2026-10-31", "", "43", ""), ("2026-09-30", "", "36", "")]
    more = save(editor, page, rows, name="Call centre", version="1", more="1")
    assert more.text.count('name="day"') == 12
    fewer = save(editor, page, rows, name="Call centre", version="1", remove="1")
    assert 'value="2026-10-31"' not in fewer.text
    assert 'value="2026-09-30"' in fewer.text
    assert len(tables(world)[0].rows) == 3


def test_a_table_without_metrics_can_be_deleted(world: World) -> None:
    """Deleting a table leaves the others."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    answer = editor.submit(page, f"{page}/delete", {})
    assert "Table deleted" in answer.text
    assert tables(world) == ()


def test_viewers_cannot_enter_values(world: World) -> None:
    """A Viewer has no page with entered values: small groups are hidden from them."""
    viewer = world.client(Role.VIEWER)
    for page in (VALUES, NEW):
        assert viewer.get(page).status_code == 403
    assert "Enter values" not in viewer.get("/metrics").text


def test_guests_do_not_see_who_entered_values(world: World) -> None:
    """A share link shows when a value was entered, and to people of the account also by whom."""
    editor = world.client(Role.EDITOR)
    made(world, editor)
    journey = add_map(world)
    place(world, journey, measured(world))
    name = NAMES[Role.EDITOR]
    assert f"Entered by {name} on" in world.client(Role.VIEWER).get(journey.path).text
    shared = world.client(None).get(share(world, journey)).text
    assert "Entered on" in shared
    assert name not in shared


def test_the_labels_are_offered_as_filters(world: World) -> None:
    """The form finds the labels of a table, which has no responses to count."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor, pasted="2026-10-31\tWien\t4\n2026-10-31\tGraz\t5")
    draft = editor.submit(page, f"{page}/metric", {}).url.path
    form = FormFiller(editor, draft)
    form.choose(add_filter="1")
    form.choose(filter__0__of="field:label")
    form.press("/metrics/values", find_values="0")
    assert {"Wien", "Graz"} <= {*form.offered("filter-0-value")}


def test_a_change_that_cannot_be_stored_is_shown_again(world: World) -> None:
    """A name that exists is refused, and what was typed is shown again."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    answer = save(editor, NEW, name="call CENTRE", unit="count", pasted="2026-10-31\t7")
    assert answer.status_code == 422
    assert "two tables have the same name" in text_of(answer)
    assert "2026-10-31\t7" in answer.text
    assert [table.name for table in tables(world)] == ["Call centre"]
    assert editor.submit(page, f"{page}/delete", {}).status_code == 200
    assert editor.get(page).status_code == 404


def test_values_typed_for_a_deleted_table_can_be_saved_as_a_new_one(world: World) -> None:
    """If another user deletes a table meanwhile, the form shows what was typed, with its unit."""
    editor = world.client(Role.EDITOR)
    page = made(world, editor)
    (before,) = tables(world)
    form = editor.get(page).text
    editor.submit(page, f"{page}/delete", {})
    typed = [("2026-10-31", "Wien", "51", "9")]
    day, label, value, n = zip(*typed, strict=True)
    sent = {"day": day, "label": label, "value": value, "n": n, "unit": before.unit}
    answer = editor.submit(VALUES, page, {"save": "1", "name": "Calls", "version": "1"} | sent)
    assert f'name="unit" value="{before.unit}"' in form
    assert answer.status_code == 404
    assert "This table was deleted, so your values were not saved." in text_of(answer)
    assert f'action="{VALUES}"' in answer.text
    assert f'<option value="{before.unit}" selected>' in answer.text
    assert 'value="Wien"' in answer.text
    assert tables(world) == ()


def test_a_new_table_that_conflicts_is_shown_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If other tables are stored at the same time again and again, nothing typed is lost."""

    async def conflict(*_: object) -> None:
        raise EditConflict("Other users changed entered values.", remedy="Save again.")

    monkeypatch.setattr(world.app_state.metrics.entered_values, "add", conflict)
    editor = world.client(Role.EDITOR)
    answer = save(editor, NEW, name="Calls", unit="count", pasted="2026-10-31\t7")
    assert answer.status_code == 409
    assert "2026-10-31\t7" in answer.text
