"""Asking for an export, waiting for it, and fetching it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest

from plugins.qualtrics.tests.connector.support import (
    SURVEY,
    JumpingClock,
    api_answered_by,
    envelope,
)
from smaply_metrics_core import (
    DeadlineExceeded,
    ExportFailed,
    MetricsError,
    RateLimited,
    SourceUnavailable,
    Unreachable,
    Window,
)
from smaply_metrics_qualtrics.api.exports import ExportRequest, fetch_export, span

RUNNING = {"percentComplete": 12.5, "status": "inProgress"}
COMPLETE = {"percentComplete": 100.0, "status": "complete", "fileId": "file-def"}


def run(
    folder: Path, answers: list[dict[str, Any]], *, file: bytes = b"PK", seconds: float = 600
) -> tuple[Path, JumpingClock]:
    """Run an export whose progress gives these answers, one after the other; the last one stays."""
    left = iter(answers)
    last: list[dict[str, Any]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=envelope({"progressId": "ES_1", **RUNNING}))
        if request.url.path.endswith("/file"):
            return httpx.Response(200, content=file)
        last[:] = [next(left, last[0] if last else {})]
        return httpx.Response(200, json=envelope(last[0], requestId="req-progress"))

    with api_answered_by(answer, folder, seconds=seconds) as (api, context, clock):
        return fetch_export(api, context, SURVEY, ExportRequest()), clock


def test_progress_is_asked_for_ever_less_often(tmp_path: Path) -> None:
    """From one second apart, growing, to fifteen at most."""
    path, clock = run(tmp_path, [RUNNING] * 12 + [COMPLETE], file=b"the file")
    assert path.read_bytes() == b"the file"
    assert clock.waits[0] == 1
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[-1] == 15
    assert len(clock.waits) == 13


def test_only_the_status_decides(tmp_path: Path) -> None:
    """A hundred percent in progress is still in progress, and a failed one may say it as well."""
    _, clock = run(tmp_path, [{"percentComplete": 100, "status": "inProgress"}, COMPLETE])
    assert len(clock.waits) == 2
    with pytest.raises(ExportFailed) as failed:
        run(tmp_path, [{"percentComplete": 100, "status": "failed"}])
    assert failed.value.request_id == "req-progress"


@pytest.mark.parametrize(
    "answer",
    [
        {"percentComplete": 100, "status": "complete"},
        {"percentComplete": 100, "status": "complete", "fileId": None},
        {"percentComplete": "x", "status": "cancelled"},
        {},
    ],
)
def test_an_end_without_a_file_is_a_failed_export(tmp_path: Path, answer: dict[str, Any]) -> None:
    """Complete without a file, and a status that nobody knows, are not waited for."""
    with pytest.raises(ExportFailed):
        run(tmp_path, [answer])


def test_an_export_that_never_ends_ends_at_the_deadline(tmp_path: Path) -> None:
    """A stuck export is given up when the time allowed is over, and never later."""
    with pytest.raises(DeadlineExceeded, match="12 %"):
        run(tmp_path, [RUNNING], seconds=100)


def test_a_request_says_only_what_is_meant() -> None:
    """Kinds of columns that are not filtered, and options that are not needed, are left out."""
    assert ExportRequest(questions=("QID1",)).body() == {
        "format": "csv",
        "breakoutSets": True,
        "timeZone": "UTC",
        "questionIds": ["QID1"],
        "embeddedDataIds": [],
        "surveyMetadataIds": ["status", "finished", "recordedDate"],
    }
    everything = ExportRequest(questions=None, fields=None, seen=-9, limit=1).body()
    assert "questionIds" not in everything
    assert "embeddedDataIds" not in everything
    assert (everything["seenUnansweredRecode"], everything["limit"]) == (-9, 1)


def test_dates_are_sent_as_whole_seconds_of_utc() -> None:
    """Another offset is converted; the exclusive end is never before what was meant."""
    start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    end = datetime(2026, 2, 1, 0, 0, 0, 1, tzinfo=UTC)
    body = ExportRequest(start=start, end=end).body()
    assert body["startDate"] == "2025-12-31T22:00:00Z"
    assert body["endDate"] == "2026-02-01T00:00:01Z"


def day(number: int) -> datetime:
    """Give a midnight in January."""
    return datetime(2026, 1, number, tzinfo=UTC)


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        ([Window()], (None, None)),
        ([Window(start=day(3), end=day(9)), Window(start=day(1), end=day(5))], (day(1), day(9))),
        ([Window(start=day(3)), Window(start=day(1), end=day(5))], (day(1), None)),
        ([Window(end=day(3)), Window(start=day(1), end=day(5))], (None, day(5))),
        ([Window(start=day(3), end=day(9)), Window()], (None, None)),
    ],
)
def test_the_span_holds_every_window(windows: list[Window], expected: tuple[Any, Any]) -> None:
    """One open side opens that side for all."""
    assert span(windows) == expected


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        (401, None, "credential_refused"),
        (404, None, "export_failed"),
        (503, None, "source_unavailable"),
        (429, {"Retry-After": "7200"}, "rate_limited"),
    ],
)
def test_a_file_that_is_not_given_is_no_export(
    tmp_path: Path, first: int, second: dict[str, str] | None, expected: str
) -> None:
    """Refusals of the file itself are errors of their own, not files."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=envelope({"progressId": "ES_1"}))
        if request.url.path.endswith("/file"):
            return httpx.Response(
                first, json=envelope(status=str(first), error={}), headers=second or {}
            )
        return httpx.Response(200, json=envelope(COMPLETE))

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(MetricsError) as raised,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert raised.value.kind == expected


class Broken(httpx.SyncByteStream):
    """A body whose connection breaks."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"PK\x03\x04"
        raise httpx.ReadError("reset")


def test_a_download_that_breaks_is_not_taken_for_a_file(tmp_path: Path) -> None:
    """Half a file raises; it is never read."""

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=envelope({"progressId": "ES_1"}))
        if request.url.path.endswith("/file"):
            return httpx.Response(200, stream=Broken())
        return httpx.Response(200, json=envelope(COMPLETE))

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(Unreachable),
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_an_export_that_vanished_is_a_failed_one(tmp_path: Path) -> None:
    """Qualtrics forgets exports: one that was in progress and is not there any more has failed."""
    asked: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=envelope({"progressId": "ES_1"}))
        asked.append(request.url.path)
        if len(asked) < 3:
            return httpx.Response(200, json=envelope(RUNNING))
        return httpx.Response(404, json=envelope(status="404 - Not Found", requestId="req-gone"))

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(ExportFailed) as gone,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert gone.value.request_id == "req-gone"
    assert len(asked) == 3


def pages_of(folder: Path, next_page: object) -> tuple[list[Any], list[str]]:
    """Read a list whose first page names ``next_page``; gives its elements and the URLs called."""
    called: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        called.append(str(request.url))
        first = len(called) == 1
        result = {"elements": [len(called)], "nextPage": next_page if first else None}
        return httpx.Response(200, json=envelope(result))

    with api_answered_by(answer, folder) as (api, _, _):
        elements = [element for page in api.survey_pages() for element in page]
    return elements, called


@pytest.mark.parametrize("nothing", [None, "", 0])
def test_a_list_ends_without_a_next_page(tmp_path: Path, nothing: object) -> None:
    """No next page, no further request."""
    assert pages_of(tmp_path, nothing)[0] == [1]


def test_a_next_page_on_another_host_is_asked_of_our_own(tmp_path: Path) -> None:
    """Through a proxy the server names the other host: its path and query count, not its host."""
    url = "https://az1.qualtrics.com/API/v3/surveys?offset=100&proxyInfo=%7B%22a%22%3A1%7D"
    elements, called = pages_of(tmp_path, url)
    assert elements == [1, 2]
    assert called[1] == (
        "https://iad1.qualtrics.com/API/v3/surveys?offset=100&proxyInfo=%7B%22a%22%3A1%7D"
    )


@pytest.mark.parametrize(
    "url",
    [
        "https://iad1.qualtrics.com/login?next=/API/v3/",
        "https://iad1.qualtrics.com/API/v3/../../x",
        "https://iad1.qualtrics.com/API/v3/%2e%2e/x",
        "https://[broken/API/v3/surveys",
        "surveys?offset=100",
        ["https://iad1.qualtrics.com/API/v3/surveys"],
    ],
)
def test_a_next_page_outside_of_the_api_is_refused(tmp_path: Path, url: object) -> None:
    """The list is not passed off as complete, and nothing else is asked."""
    with pytest.raises(SourceUnavailable):
        pages_of(tmp_path, url)


def test_a_list_that_leads_back_is_refused(tmp_path: Path) -> None:
    """A next page that was read already would go on for ever."""
    with pytest.raises(SourceUnavailable, match="already read"):
        pages_of(tmp_path, "https://iad1.qualtrics.com/API/v3/surveys")


def test_rate_limits_beyond_patience_say_when_to_come_back(tmp_path: Path) -> None:
    """A long Retry-After is not waited for."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "3600"})

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(RateLimited) as limited,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert limited.value.retry_at is not None
