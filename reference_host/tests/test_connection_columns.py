"""The columns of a table in the form of a connection: roles that are written to its mapping."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.test_connection_proposals import (
    DATABASE,
    SQL,
    make_database,
    mapping_in,
)
from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

COLUMNS = f"{SQL}/new/columns"
VISITS = "visits (id integer, recorded_at timestamp, nps integer, [a<b] text)"
Form = dict[str, str | list[str]]


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def columns_in(page: str) -> dict[str, list[str]]:
    """Return the fields of the columns in a page, with the selected roles."""
    found = {
        name: [html.unescape(one) for one in re.findall(pattern, page)]
        for name, pattern in {
            "columns_field": r'name="columns_field" value="(.*?)"',
            "columns_table": r'name="columns_table" value="(.*?)"',
            "column_id": r'name="column_id" value="(.*?)"',
            "column_label": r'name="column_label" value="(.*?)"',
        }.items()
    }
    selects = re.findall(r'<select id="column-\d+".*?</select>', page, re.DOTALL)
    found["column_role"] = [re.findall(r'value="(\w+)" selected', one)[0] for one in selects]
    return found


def submitted(page: str, **roles: str) -> Form:
    """Return the form of a page with other roles, by the name of the column."""
    fields = columns_in(page)
    chosen = [
        roles.get(one.partition(":")[2], role)
        for one, role in zip(fields["column_id"], fields["column_role"], strict=True)
    ]
    return {
        "database": DATABASE,
        "mapping": mapping_in(page),
        **fields,
        "column_role": chosen,
    }


def test_columns_are_edited_and_saved(world: World) -> None:
    """Save writes the roles to the mapping first; the text stays what is stored."""
    make_database(world, VISITS)
    ada = world.client(Role.ADMIN)
    typed = {"database": DATABASE, "password": "typed-and-never-shown", "columns": "mapping"}

    page = ada.finish(SQL, COLUMNS, typed).text

    assert columns_in(page)["column_role"] == ["response", "recorded_at", "nps", "field"]
    assert "name: visits" in mapping_in(page)
    assert "readonly" in page
    assert "Enter the Password again" in page
    assert "typed-and-never-shown" not in page
    assert "a&lt;b" in page

    form = submitted(page, **{"a<b": "ignored", "nps": "scale"})
    saved = ada.finish(SQL, SQL, form).text
    assert "Connection established" in saved
    stored = mapping_in(ada.get(f"{SQL}/edit").text)
    assert "type: scale" in stored
    assert "a<b" not in stored
    assert stored.startswith("surveys:\n# Check: times in")

    again = ada.finish(f"{SQL}/edit", f"{SQL}/edit/columns", {"columns": "mapping"}).text
    assert columns_in(again)["column_role"] == ["response", "recorded_at", "scale", "ignored"]


def test_another_table_is_shown_after_the_choices_are_written(world: World) -> None:
    """Nothing is lost when the table is changed, and “Done” closes the columns."""
    make_database(world, VISITS, "calls (at timestamp, csat integer)")
    ada = world.client(Role.ADMIN)
    page = ada.finish(SQL, COLUMNS, {"database": DATABASE, "columns": "mapping"}).text

    chosen = {**submitted(page, nps="number"), "columns": "mapping", "columns_show": "table:calls"}
    page = ada.finish(SQL, COLUMNS, chosen).text
    assert "type: number" in mapping_in(page)
    assert columns_in(page)["columns_table"] == ["table:calls"]

    done = {**submitted(page, at="recorded_at", csat="scale"), "columns_close": "mapping"}
    page = ada.finish(SQL, COLUMNS, done).text
    assert "- id: calls\n" in mapping_in(page)
    assert "readonly" not in page
    assert columns_in(page)["column_id"] == []
    assert "The field Mapping has what you chose. Save it." in page


def test_choices_that_cannot_be_written_are_shown_again(world: World) -> None:
    """Whatever button was pressed, with the reason."""
    make_database(world, VISITS)
    ada = world.client(Role.ADMIN)
    page = ada.finish(SQL, COLUMNS, {"database": DATABASE, "columns": "mapping"}).text
    wrong = submitted(page, recorded_at="ignored", nps="scale")

    for address, title in ((SQL, "Not saved"), (COLUMNS, "Columns not changed")):
        shown = ada.finish(SQL, address, {**wrong, "columns_close": "mapping"}).text
        assert title in shown
        assert "No column of “visits” has the role “Date of the response”." in shown
        assert columns_in(shown)["column_role"] == ["response", "ignored", "scale", "field"]
        assert "type: nps" in mapping_in(shown)
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()


def test_incomplete_and_unknown_columns_are_refused(world: World) -> None:
    """As of a page that was changed by hand; an error of the mapping is at its field."""
    make_database(world, VISITS)
    ada = world.client(Role.ADMIN)

    refused = ada.submit(SQL, COLUMNS, {"database": DATABASE, "columns": "user"})
    assert (refused.status_code, "no such field" in refused.text) == (422, True)
    part = {"database": DATABASE, "columns_field": "mapping", "column_id": "column:nps"}
    refused = ada.submit(SQL, COLUMNS, {**part, "columns": "mapping"})
    assert (refused.status_code, "not complete" in refused.text) == (422, True)
    page = ada.finish(SQL, COLUMNS, {"database": DATABASE, "columns": "mapping", "mapping": "a: b"})
    assert "Columns not changed" in page.text
    assert 'id="field-mapping-problem"' in page.text
