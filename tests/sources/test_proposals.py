"""The values that sources propose and write for their forms, as a session returns them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import PluginError, SourceNotUsable
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.columns import (
    ColumnEdit,
    ColumnSheet,
    RoleOption,
    SheetColumn,
    SheetTable,
    ValueCount,
)
from smaply_metrics_core.models.credentials import Credentials, FormField, Token
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.sources.allow_list import AllowedDestinations

from .conftest import TOKEN, Acme, AcmeCredentials, FakeClock, Gets, Registers


class ProposableCredentials(AcmeCredentials):
    """Credentials whose host can be proposed."""

    host: Annotated[str, FormField(label="Host", proposable=True)] = "api.acme.com"


class RequiredProposal(Credentials):
    """Credentials whose field has no default that the hook could receive."""

    team: Annotated[str, FormField(label="Team", proposable=True)]


class SecretProposal(Credentials):
    """Credentials whose secret is proposable."""

    api_token: Annotated[Token, FormField(label="Token", proposable=True)] = SecretStr("")


class WithForm(Acme):
    """A source with another form."""

    def __init__(self, form: type[Credentials]) -> None:
        self._form = form

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return a description with the form."""
        return super().describe_source().model_copy(update={"credentials": self._form})


class Proposing(WithForm):
    """A source that proposes a value."""

    def __init__(self, given: object, form: type[Credentials] = ProposableCredentials) -> None:
        super().__init__(form)
        self._given = given

    @hookimpl
    def propose_value(self, field: str) -> object:
        """Return what the test gave, with the name of the field."""
        return f"{field}: {self._given}" if isinstance(self._given, str) else self._given


class CredentialsWithColumns(AcmeCredentials):
    """Credentials with a field that is written as roles of columns."""

    roles: Annotated[str, FormField(label="Roles", columns=True)] = ""


class WithColumns(WithForm):
    """A source that returns a sheet."""

    def __init__(self, given: object, form: type[Credentials] = CredentialsWithColumns) -> None:
        super().__init__(form)
        self._given = given

    @hookimpl
    def edit_columns(self, table: str, edits: Sequence[ColumnEdit]) -> object:
        """Return what the test gave, with what it received as notes."""
        if not isinstance(self._given, ColumnSheet):
            return self._given
        notes = (table, *(one.column for one in edits))
        return self._given.model_copy(update={"notes": notes})


SHEET = ColumnSheet(
    value="a",
    tables=(SheetTable(id="t", label="T"),),
    table="t",
    roles=(RoleOption(id="used", label="Used"),),
    columns=(SheetColumn(id="c", name="C", role="used", values=(ValueCount(value="x", count=4),)),),
)


def edit_columns(get: Gets, given: object) -> ColumnSheet:
    """Return the sheet of a source."""
    with get(WithColumns(given)).session(
        CredentialsWithColumns(api_token=SecretStr(TOKEN)),
        account="acc",
        allowed=AllowedDestinations(environment={}),
        deadline=Deadline.after(30, FakeClock()),
    ) as session:
        return session.edit_columns("roles", "t", (ColumnEdit(column="c", role="used"),))


def test_a_sheet_is_returned_with_what_was_chosen(get: Gets) -> None:
    """The hook receives the table and the edits."""
    assert edit_columns(get, SHEET) == SHEET.model_copy(update={"notes": ("t", "c")})


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ("a", "edit_columns returned str instead of ColumnSheet."),
        (SHEET.model_copy(update={"value": TOKEN}), "a text of edit_columns contained a secret."),
        (SHEET.model_copy(update={"value": "x" * 200_001}), "more than 200,000 characters."),
        (SHEET.model_copy(update={"table": "u"}), "the table is not one of the tables"),
        (SHEET.model_copy(update={"roles": ()}), "the role of a column is not one of the roles"),
        (SHEET.model_copy(update={"columns": SHEET.columns * 2}), "two columns have the same id"),
        (SHEET.model_copy(update={"columns": SHEET.columns * 501}), "at most 500 items"),
    ],
)
def test_any_other_sheet_is_a_fault_of_the_source(get: Gets, given: object, fault: str) -> None:
    """Its texts are limited and without secrets, and its parts fit together."""
    with pytest.raises(PluginError) as caught:
        edit_columns(get, given)
    assert fault in caught.value.message
    assert TOKEN not in repr(caught.value.to_problem())


def propose(get: Gets, given: object) -> str:
    """Return what a source proposes."""
    with get(Proposing(given)).session(
        ProposableCredentials(api_token=SecretStr(TOKEN)),
        account="acc",
        allowed=AllowedDestinations(environment={}),
        deadline=Deadline.after(30, FakeClock()),
    ) as session:
        return session.propose_value("host")


def test_a_proposed_value_is_a_text(get: Gets) -> None:
    """It may have several lines."""
    assert propose(get, "a\nb") == "host: a\nb"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        (None, "propose_value returned NoneType instead of a text."),
        (["a"], "propose_value returned list instead of a text."),
        ("x" * 200_001, "propose_value returned a text of more than 200,000 characters."),
        (TOKEN, "a text of propose_value contained a secret."),
    ],
)
def test_any_other_proposal_is_a_fault_of_the_source(get: Gets, given: object, fault: str) -> None:
    """A secret never reaches a form."""
    with pytest.raises(PluginError) as caught:
        propose(get, given)
    assert fault in caught.value.message
    assert TOKEN not in repr(caught.value.to_problem())


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (Proposing("", RequiredProposal), "team has proposable=True, so it must have a default"),
        (Proposing("", SecretProposal), "api_token has proposable=True, so it must have a d"),
        (Proposing("", AcmeCredentials), "propose_value would never be called"),
        (WithForm(ProposableCredentials), "but the hook propose_value is missing"),
        (WithForm(CredentialsWithColumns), "but the hook edit_columns is missing"),
        (WithColumns(SHEET, AcmeCredentials), "edit_columns would never be called"),
    ],
)
def test_proposable_fields_fit_the_hook(registry_of: Registers, source: Acme, fault: str) -> None:
    """A field that is proposable can be omitted and shown, and there is a hook for it."""
    with pytest.raises(SourceNotUsable, match=fault):
        registry_of(source).get("acme")
