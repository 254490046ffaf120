"""Unexpected data of the server is reported as the server's fault."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest

from plugins.form_garden.tests.form_garden_server import FIRST, FORMS, HOST, KEY, QUESTIONS, server
from smaply_metrics_core import Blame, Deadline, MetricsError
from smaply_metrics_core.testing import AllowedDestinations, ManualClock, SourceRegistry

VALUES: list[Any] = [None, 7, "", "9" * 400, "\ud800", "\0", [], {}, [None], float("nan"), KEY]


def problems(path: str, body: object) -> list[MetricsError]:
    """Return the errors of both lists when the response to one path has this body."""

    def answer(request: httpx.Request) -> httpx.Response:
        usual = server(request)
        if request.url.path != path or usual.status_code != 200:
            return usual
        return httpx.Response(200, content=json.dumps(body))

    clock = ManualClock(FIRST)
    source = SourceRegistry(clock=clock, transport_factory=lambda: httpx.MockTransport(answer)).get(
        "form_garden"
    )
    found = []
    with source.session(
        source.parse({"server": f"https://{HOST}/", "key": KEY}),
        account="a",
        allowed=AllowedDestinations(),
        deadline=Deadline.after(60, clock),
    ) as session:
        for call in (session.surveys, lambda: session.questions("form-4")):
            try:
                call()
            except MetricsError as error:
                found.append(error)
    return found


@pytest.mark.parametrize("name", ["forms", "offset", "total"])
@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_a_list_with_unexpected_data_is_not_blamed_on_the_source(name: str, value: object) -> None:
    """Each value of the list may be anything."""
    body = {"offset": 0, "total": 4, "forms": FORMS[:2], name: value}
    assert all(one.blame is not Blame.PLUGIN for one in problems("/api/forms", body))


@pytest.mark.parametrize("name", ["name", "label", "options", "many"])
@pytest.mark.parametrize("value", VALUES, ids=ascii)
def test_a_form_with_unexpected_data_is_not_blamed_on_the_source(name: str, value: object) -> None:
    """Each value of a question may be anything."""
    body = {"form": FORMS[3], "questions": [{**QUESTIONS[0], name: value}]}
    assert all(one.blame is not Blame.PLUGIN for one in problems("/api/forms/form-4", body))


def test_repeated_forms_are_listed_once_and_repeated_questions_are_an_error() -> None:
    """Only the list of forms may change between two requests."""
    page = {"offset": 0, "total": 3, "forms": [FORMS[0], FORMS[0], FORMS[3]]}
    assert problems("/api/forms", page) == []
    form = {"form": FORMS[3], "questions": [QUESTIONS[0], QUESTIONS[0]]}
    assert [one.kind for one in problems("/api/forms/form-4", form)] == ["source_unavailable"]


def test_another_form_is_an_error() -> None:
    """The server may send a form that was not requested."""
    form = {"form": FORMS[0], "questions": QUESTIONS}
    assert [one.kind for one in problems("/api/forms/form-4", form)] == ["source_unavailable"]
