"""Exports in pages of ids: gaps, responses that come and go, and damaged answers."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Sequence
from typing import Any

import httpx
import pytest

from plugins.limesurvey.tests.replay_server import ReplayServer, interactions
from plugins.limesurvey.tests.support import count, problem_of, query
from smaply_metrics_core import ExportFailed, MetricsError, SourceContext, SourceUnavailable
from smaply_metrics_core.testing import ContextFactory
from smaply_metrics_limesurvey.client import JsonObject, Summary
from smaply_metrics_limesurvey.responses.export import export_pages, ids_per_page
from smaply_metrics_limesurvey.survey.columns import read_columns

NPS = query("910001", "nps", "nps")
MAP = json.loads(interactions("fieldmap.910005")[0].answer)["result"]
COLUMNS = [one for one in read_columns(MAP) if one.name in {"id", "submitdate"}]


class StoredResponses:
    """A survey whose responses change while they are exported.

    Args:
        ids: The ids of the responses, all complete.
        change: Called before each page with its number and the ids.
    """

    def __init__(
        self, ids: Sequence[int], change: Callable[[int, list[int]], object] = lambda *_: None
    ) -> None:
        self.ids = [*ids]
        self.pages: list[tuple[int, int | None]] = []
        self._change = change

    def summary(self, survey_id: str) -> Summary:
        """Return the number of responses."""
        return Summary(len(self.ids), len(self.ids))

    def export(
        self, survey_id: str, columns: Sequence[str], first: int, last: int | None
    ) -> list[JsonObject]:
        """Return the responses with some ids."""
        self._change(len(self.pages), self.ids)
        self.pages.append((first, last))
        return [
            {"id": one, "submitdate": "2026-01-01 00:00:00"}
            for one in self.ids
            if first <= one and (last is None or one <= last)
        ]


def exported(source_context: ContextFactory, stored: StoredResponses, page: int = 10) -> list[int]:
    """Return the ids of all pages."""
    context: SourceContext = source_context(lambda _: httpx.Response(500))
    pages = export_pages(stored, context, "1", COLUMNS, page)
    return [row["id"] for rows in pages for row in rows]


@pytest.mark.parametrize(
    "ids",
    [
        range(1, 26),
        [1],
        [10, 11],
        [*range(1, 5), *range(95, 99), 1_000],
        [5_000_001, 5_000_002, 7_000_000],
        [],
    ],
)
def test_every_response_comes_once(source_context: ContextFactory, ids: Sequence[int]) -> None:
    """Deleted ids are not used again: gaps of any size cost one more request each."""
    stored = StoredResponses(ids)
    assert exported(source_context, stored) == [*ids]
    assert len(stored.pages) <= 3 * (len(ids) // 10 + 3)


def test_responses_that_come_in_between_are_allowed(source_context: ContextFactory) -> None:
    """A survey that is answered while it is exported has at least the responses from before."""
    stored = StoredResponses(range(1, 26), lambda number, ids: ids.append(100 + number))
    assert [*range(1, 26)] == exported(source_context, stored)[:25]


def test_responses_that_are_deleted_in_between_are_allowed(source_context: ContextFactory) -> None:
    """A deleted response is missing, which the number afterwards explains."""

    def delete_the_last(number: int, ids: list[int]) -> None:
        if number == 1:
            ids.remove(25)

    stored = StoredResponses(range(1, 26), delete_the_last)
    assert exported(source_context, stored) == [*range(1, 25)]


def test_a_response_that_is_lost_is_an_error(source_context: ContextFactory) -> None:
    """LimeSurvey states 25 responses before and after, and sends 24."""
    stored = StoredResponses(range(1, 26))

    def lose(survey_id: str) -> Summary:
        return Summary(25, 25)

    stored.summary = lose  # type: ignore[method-assign]  # States another number than it sends.
    stored.ids.remove(12)
    with pytest.raises(ExportFailed, match="24 of 25"):
        exported(source_context, stored)


@pytest.mark.parametrize(("columns", "page"), [(3, 5_000), (100, 2_500), (2_000, 500), (0, 5_000)])
def test_pages_are_smaller_for_more_columns(columns: int, page: int) -> None:
    """The time of an export grows faster than its size."""
    assert ids_per_page(columns) == page


def _payload(rows: object) -> str:
    return base64.b64encode(json.dumps({"responses": rows}).encode()).decode()


ROW: dict[str, Any] = {"id": 1, "submitdate": "", "datestamp": "", "nps": "1"}


@pytest.mark.parametrize(
    "payload",
    [
        "not base64!",
        _payload([ROW])[:-8],
        base64.b64encode(b"no json").decode(),
        base64.b64encode(b"[]").decode(),
        base64.b64encode(b'{"responses": null}').decode(),
        _payload(["text"]),
        _payload([{**ROW, "id": 0}]),
        _payload([ROW, ROW]),
        _payload([{**ROW, "id": 2}, ROW]),
        _payload([{**ROW, "id": "x"}]),
        _payload([{**ROW, "id": 99_999}]),
        _payload([{"id": 1, "submitdate": "", "datestamp": ""}]),
        _payload([{"submitdate": "", "datestamp": "", "nps": "1"}]),
        _payload([]),
        7,
        ["text"],
    ],
)
def test_damaged_responses_are_refused(payload: object) -> None:
    """Damaged base64 or JSON, and other rows or columns than requested, are never counted."""
    lime = ReplayServer()

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        if b"export_responses" not in request.content:
            return response
        return httpx.Response(200, json={"id": 1, "result": payload, "error": None})

    error = problem_of(server, lambda opened: opened.fetch("910001", [NPS]))
    assert isinstance(error, ExportFailed | SourceUnavailable)
    assert not lime.open


def test_a_payload_of_too_many_values_is_refused() -> None:
    """A few megabytes of base64 would become a gigabyte of objects."""
    lime = ReplayServer()
    payload = base64.b64encode(b'{"responses":[' + b"{}," * 4_500_000 + b"{}]}").decode()

    def server(request: httpx.Request) -> httpx.Response:
        if b"export_responses" not in request.content:
            return lime.answer(request)
        return httpx.Response(200, json={"id": 1, "result": payload, "error": None})

    error = problem_of(server, lambda opened: opened.fetch("910001", [NPS]))
    assert isinstance(error, ExportFailed)


def test_numbers_may_be_texts() -> None:
    """Other versions and databases send numbers as texts."""
    lime = ReplayServer()

    def as_text(value: object) -> object:
        if isinstance(value, dict):
            return {name: as_text(one) for name, one in value.items()}
        if isinstance(value, list):
            return [as_text(one) for one in value]
        return str(value) if isinstance(value, int) else value

    def server(request: httpx.Request) -> httpx.Response:
        found = json.loads(lime.answer(request).read())
        if isinstance(found["result"], str) and len(found["result"]) > 32:
            rows = json.loads(base64.b64decode(found["result"]))["responses"]
            found["result"] = _payload(as_text(rows))
        return httpx.Response(200, json={**found, "result": as_text(found["result"])})

    assert count(server, NPS) == count(lime.answer, NPS)


@pytest.mark.parametrize("found", [None, [], "text", {"full_responses": None}, {"completed": 1}])
def test_a_summary_of_another_shape_is_refused(found: object) -> None:
    """Without the number of responses nothing can be checked, so nothing is counted."""
    lime = ReplayServer()

    def server(request: httpx.Request) -> httpx.Response:
        response = lime.answer(request)
        if b"get_summary" not in request.content:
            return response
        return httpx.Response(200, json={"id": 1, "result": found, "error": None})

    error = problem_of(server, lambda opened: opened.fetch("910001", [NPS]))
    assert isinstance(error, MetricsError)
    assert error.kind in {"source_unavailable", "results_unavailable"}
