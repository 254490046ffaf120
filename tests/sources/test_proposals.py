"""The values that sources propose for their forms, as a session returns them."""

from __future__ import annotations

from typing import Annotated

import pytest
from pydantic import SecretStr

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import PluginError
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.credentials import FormField
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.sources.allow_list import AllowedDestinations

from .conftest import TOKEN, Acme, AcmeCredentials, FakeClock, Gets


class ProposableCredentials(AcmeCredentials):
    """Credentials whose host can be proposed."""

    host: Annotated[str, FormField(label="Host", proposable=True)] = "api.acme.com"


class Proposing(Acme):
    """A source that proposes a value for the host."""

    def __init__(self, given: object) -> None:
        self._given = given

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Return a description whose form has a proposable field."""
        description = super().describe_source()
        return description.model_copy(update={"credentials": ProposableCredentials})

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
