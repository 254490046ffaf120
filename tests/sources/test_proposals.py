"""The values that sources propose for their forms, as a session returns them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import PluginError, SourceNotUsable
from smaply_metrics_core.hook_markers import hookimpl
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
        (Proposing("", RequiredProposal), "team is proposable, so it must have a defau"),
        (Proposing("", SecretProposal), "api_token is proposable, so it must have a d"),
        (Proposing("", AcmeCredentials), "propose_value would never be called"),
        (WithForm(ProposableCredentials), "but the hook propose_value is missing"),
    ],
)
def test_proposable_fields_fit_the_hook(registry_of: Registers, source: Acme, fault: str) -> None:
    """A field that is proposable can be omitted and shown, and there is a hook for it."""
    with pytest.raises(SourceNotUsable, match=fault):
        registry_of(source).get("acme")
