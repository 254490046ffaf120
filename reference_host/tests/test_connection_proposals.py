"""A proposed value fills the form of a connection, and is stored only by Save."""

from __future__ import annotations

import html
import re
import sqlite3
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.app_fixture import World

LIST = "/settings/integrations"
SQL = f"{LIST}/sql"
PROPOSE = f"{SQL}/new/propose"
DATABASE = "sqlite:shop/visits.sqlite"


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


def make_database(world: World, *tables: str) -> None:
    """Create a database in the folder of the account."""
    folder = world.app_state.settings.files_of(world.account) / "shop"
    folder.mkdir()
    connection = sqlite3.connect(folder / "visits.sqlite")
    for table in tables:
        connection.execute(f"CREATE TABLE {table}")
    connection.commit()
    connection.close()


def mapping_in(page: str) -> str:
    """Return the text of the field Mapping."""
    found = re.search(r'<textarea id="field-mapping".*?>\n(.*?)</textarea>', page, re.DOTALL)
    assert found is not None
    return html.unescape(found[1])


def test_a_proposal_is_edited_and_saved(world: World) -> None:
    """The form keeps what was typed but the secret, and has the proposal; Save stores it."""
    make_database(world, "visits (recorded_at timestamp, nps integer, [a<b] text)")
    ada = world.client(Role.ADMIN)
    secret = "typed-and-never-shown"
    typed = {"database": DATABASE, "user": "ada", "password": secret, "connection_name": "Shop"}

    page = ada.finish(SQL, PROPOSE, {**typed, "mapping": "not: [yet", "propose": "mapping"}).text

    assert "The field Mapping contains a proposal." in page
    assert "Enter the Password again" in page
    assert secret not in page
    assert all(f'value="{one}"' in page for one in (DATABASE, "ada", "Shop"))
    mapping = mapping_in(page)
    assert mapping.startswith("surveys:\n# Check: times in “recorded_at” without a zone")
    assert "\n- id: visits\n" in mapping
    assert "column: a<b" in mapping
    assert world.run(world.app_state.metrics.connections.list(world.actor())) == ()

    edited = mapping.replace("name: visits", "name: Visits of a shop")
    saved = ada.finish(SQL, SQL, {"database": DATABASE, "mapping": edited}).text
    assert "Connection established" in saved
    stored = ada.get(f"{SQL}/edit").text
    assert "name: Visits of a shop" in mapping_in(stored)

    again = ada.finish(f"{SQL}/edit", f"{SQL}/edit/propose", {"propose": "mapping"}).text
    assert mapping_in(again) == mapping
    assert "again, because" not in again
    assert "name: Visits of a shop" in mapping_in(ada.get(f"{SQL}/edit").text)


def test_why_nothing_was_proposed_is_shown(world: World) -> None:
    """An error names the field or the reason; the form keeps what was typed."""
    ada = world.client(Role.ADMIN)
    make_database(world, "prices (price integer)")

    def propose(**typed: str) -> str:
        return ada.finish(SQL, PROPOSE, {"propose": "mapping", "mapping": "mine", **typed}).text

    wrong = propose(database="visits.sqlite")
    gone = propose(database="sqlite:shop/gone.sqlite")
    none = propose(database=DATABASE)

    assert "Nothing proposed" in wrong
    assert "A database is written as postgresql://" in wrong
    assert 'aria-invalid="true"' in wrong
    assert "There is no file “gone.sqlite”" in gone
    assert "There is nothing to propose for Mapping." in none
    assert {mapping_in(page) for page in (wrong, gone, none)} == {"mine"}


def test_only_fields_with_proposals_have_the_button(world: World) -> None:
    """Save is the first button, so Enter presses it; other fields are refused."""
    ada = world.client(Role.ADMIN)

    form = ada.get(SQL).text
    assert re.findall(r'name="propose" value="(\w+)"', form) == ["mapping"]
    assert form.index(">Save</button>") < form.index('name="propose"')
    assert 'name="propose"' not in ada.get(f"{LIST}/qualtrics").text
    for field in ("user", "", "no_such_field"):
        refused = ada.submit(SQL, PROPOSE, {"database": DATABASE, "propose": field})
        assert refused.status_code == 422
        assert "no such field" in refused.text
