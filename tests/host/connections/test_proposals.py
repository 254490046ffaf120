"""Values that a source proposes for its form: only for Admins, and nothing is stored."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core import (
    AccountSettings,
    ColumnEdit,
    CredentialRefused,
    CredentialsInvalid,
    Unreachable,
)
from smaply_metrics_core.errors import Cancelled, DestinationRefused, InputError, RoleRequired
from tests.host.conftest import ADMIN, EDITOR, TOKEN

if TYPE_CHECKING:
    from smaply_metrics_core import SourceContext
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

FORM = {"api_token": TOKEN}


def test_a_value_is_proposed_before_anything_is_stored(host: MetricsHost) -> None:
    """The source receives the other values, and the default of the field itself."""
    values = {**FORM, "nickname": "typed"}
    found = host.connections.propose_value(ADMIN, "shop", "nickname", values)

    assert found == "shop.example.com, None"
    assert host.connections.list(ADMIN) == ()


def test_a_stored_connection_provides_what_is_not_entered(connected: MetricsHost) -> None:
    """The form of a stored connection has no secrets, and they are not sent elsewhere."""
    connections = connected.connections
    (before,) = connections.list(ADMIN)

    for given in ({}, {"api_token": "", "nickname": "typed"}):
        found = connections.propose_value(ADMIN, "shop", "nickname", given, connection_id=before.id)
        assert found == "shop.example.com, None"
    with pytest.raises(InputError, match="requires the API token again"):
        connections.propose_value(
            ADMIN, "shop", "nickname", {"base_url": "two.example.com"}, connection_id=before.id
        )
    assert connections.list(ADMIN) == (before,)


def test_proposals_are_for_admins(host: MetricsHost) -> None:
    """They read the survey tool with credentials."""
    with pytest.raises(RoleRequired):
        host.connections.propose_value(EDITOR, "shop", "nickname", FORM)


def test_only_proposable_fields_have_a_proposal(world: World, host: MetricsHost) -> None:
    """The error names those that have one; nothing is requested."""
    with pytest.raises(InputError, match="proposes no value for “base_url”") as caught:
        host.connections.propose_value(ADMIN, "shop", "base_url", FORM)
    assert caught.value.remedy == "Use one of these fields: nickname."
    assert world.shop.asked == []


def test_a_wrong_form_requests_nothing(world: World, host: MetricsHost) -> None:
    """Fields are validated, and destinations have to be allowed."""
    with pytest.raises(CredentialsInvalid) as caught:
        host.connections.propose_value(ADMIN, "shop", "nickname", {})
    assert [one.name for one in caught.value.fields] == ["api_token"]
    with pytest.raises(DestinationRefused):
        host.connections.propose_value(
            ADMIN, "shop", "nickname", {**FORM, "base_url": "intranet.local"}
        )
    assert world.shop.asked == []


def test_errors_of_the_source_are_raised(world: World, connected: MetricsHost) -> None:
    """They do not change the state of a stored connection, whose credentials may be others."""
    (before,) = connected.connections.list(ADMIN)
    with pytest.raises(CredentialRefused):
        connected.connections.propose_value(ADMIN, "shop", "nickname", {"api_token": "wrong-one"})
    world.shop.failure = Unreachable("Nothing answers.")
    with pytest.raises(Unreachable):
        connected.connections.propose_value(ADMIN, "shop", "nickname", {}, connection_id=before.id)
    assert connected.connections.list(ADMIN) == (before,)


def test_a_proposal_can_be_cancelled(world: World, host: MetricsHost) -> None:
    """The call of the hook ends, wherever it is."""
    cancelled = threading.Event()

    def cancel_and_wait(context: SourceContext) -> None:
        cancelled.set()
        context.pause(60)

    world.shop.on_list = cancel_and_wait
    with pytest.raises(Cancelled):
        host.connections.propose_value(ADMIN, "shop", "nickname", FORM, cancelled=cancelled)


def test_columns_are_shown_and_edited_before_anything_is_stored(host: MetricsHost) -> None:
    """The source receives the form with the field itself; values of few rows are left out."""
    values = {**FORM, "nickname": "typed"}
    shown = host.connections.edit_columns(ADMIN, "shop", "nickname", values)
    assert (shown.value, shown.table) == ("typed", "visits")
    assert [one.value for one in shown.columns[0].values] == ["often", "once"]

    host.accounts.edit(ADMIN, AccountSettings("UTC", minimum_group=5))
    edit = ColumnEdit(column="a", role="used")
    edited = host.connections.edit_columns(
        ADMIN, "shop", "nickname", values, table="visits", edits=[edit]
    )
    assert edited.value == "typed,used"
    assert [one.value for one in edited.columns[0].values] == ["often"]
    assert host.connections.list(ADMIN) == ()


def test_columns_of_a_stored_connection(connected: MetricsHost) -> None:
    """Missing values are the stored ones; nothing is requested for others than Admins."""
    connections = connected.connections
    (before,) = connections.list(ADMIN)

    assert (
        connections.edit_columns(ADMIN, "shop", "nickname", {}, connection_id=before.id).value
        == "none"
    )
    with pytest.raises(RoleRequired):
        connections.edit_columns(EDITOR, "shop", "nickname", {}, connection_id=before.id)
    with pytest.raises(InputError, match="has no columns for “base_url”") as caught:
        connections.edit_columns(ADMIN, "shop", "base_url", {}, connection_id=before.id)
    assert caught.value.remedy == "Use one of these fields: nickname."
    assert connections.list(ADMIN) == (before,)
