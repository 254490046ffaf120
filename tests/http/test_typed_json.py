"""JSON that does not match the API is the fault of the survey tool."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import BaseModel, FiniteFloat

from smaply_metrics_core.errors import SourceUnavailable
from smaply_metrics_core.http import read_json

if TYPE_CHECKING:
    from .conftest import Clients


class Page(BaseModel):
    """A page of a list."""

    items: list[int]
    share: FiniteFloat = 0.0


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"{}", "items: Field required"),
        (b'{"items": null}', "items: Input should be a valid list"),
        (b'{"items": [1, "x"]}', r"items\.1: Input should be a valid integer"),
        (b'{"items": [], "share": NaN}', "a number that is not finite"),
        (b'{"items": [], "share": ' + b"9" * 400 + b"}", "or too large"),
        (b"[]", "does not match"),
        (b"null", "does not match"),
        (b'{"items": ' + b"9" * 5000 + b"}", "invalid JSON"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_data_of_another_type_is_the_fault_of_the_survey_tool(
    clients: Clients, content: bytes, said: str
) -> None:
    """The error names the host and the first value that does not match the model."""
    answer = clients(lambda _: httpx.Response(200, content=content)).get("/")
    with pytest.raises(SourceUnavailable, match=said) as raised:
        read_json(answer, Page)
    assert raised.value.message.startswith("fra1.qualtrics.com sent ")
    assert len(raised.value.message) < 300


def test_data_is_returned_as_a_model(clients: Clients) -> None:
    """With a model, the source reads attributes of known types."""
    answer = clients(lambda _: httpx.Response(200, json={"items": [1], "more": 2})).get("/")
    assert read_json(answer, Page) == Page(items=[1])


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (rb'"\ud83d"', "\ufffd"),
        (rb'"\uDE00x\uD83D"', "\ufffdx\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'"\ud83d\ud83d\ude00"', "\ufffd\U0001f600"),
        (rb'"\\ud83d \"\ud83d"', r"\ud83d " + '"\ufffd'),
        (rb'"\\\ud83d"', "\\\ufffd"),
    ],
)
def test_half_a_character_is_replaced(clients: Clients, content: bytes, text: str) -> None:
    """Escapes of lone surrogates, which models and databases reject, become U+FFFD."""
    answer = clients(lambda _: httpx.Response(200, content=content)).get("/")
    assert read_json(answer) == text
