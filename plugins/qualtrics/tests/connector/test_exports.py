"""Tests of requesting an export, waiting for it and downloading it, and of lists of surveys."""

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
    """Run an export whose progress requests receive these results; the last one repeats."""
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


def test_polling_intervals_increase(tmp_path: Path) -> None:
    """Intervals grow from 1 second to 15 seconds."""
    path, clock = run(tmp_path, [RUNNING] * 12 + [COMPLETE], file=b"the file")
    assert path.read_bytes() == b"the file"
    assert clock.waits[0] == 1
    assert clock.waits == sorted(clock.waits)
    assert clock.waits[-1] == 15
    assert len(clock.waits) == 13


def test_only_the_status_is_authoritative(tmp_path: Path) -> None:
    """An export at 100 percent can still be in progress, or have failed."""
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
    """A complete export without a file, and an unknown status, end the polling."""
    with pytest.raises(ExportFailed):
        run(tmp_path, [answer])


def test_a_stuck_export_ends_at_the_deadline(tmp_path: Path) -> None:
    """The error contains the progress."""
    with pytest.raises(DeadlineExceeded, match="12%"):
        run(tmp_path, [RUNNING], seconds=100)


def test_a_request_contains_only_the_needed_options() -> None:
    """Unfiltered kinds of columns and unused options are omitted."""
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
    """Other offsets are converted, and the exclusive end is rounded up."""
    start = datetime(2026, 1, 1, tzinfo=timezone(timedelta(hours=2)))
    end = datetime(2026, 2, 1, 0, 0, 0, 1, tzinfo=UTC)
    body = ExportRequest(start=start, end=end).body()
    assert body["startDate"] == "2025-12-31T22:00:00Z"
    assert body["endDate"] == "2026-02-01T00:00:01Z"


def day(number: int) -> datetime:
    """Return midnight of a day in January."""
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
def test_the_span_contains_every_window(windows: list[Window], expected: tuple[Any, Any]) -> None:
    """If a window is open on one side, so is the span."""
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
def test_a_failed_download_is_an_error(
    tmp_path: Path, first: int, second: dict[str, str] | None, expected: str
) -> None:
    """An error response is not saved as the exported file."""

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
    """A response body whose connection breaks."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"PK\x03\x04"
        raise httpx.ReadError("reset")


def test_an_interrupted_download_is_deleted(tmp_path: Path) -> None:
    """A partial file is not read."""

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


def test_an_export_that_no_longer_exists_has_failed(tmp_path: Path) -> None:
    """Qualtrics deletes exports; the error carries the request id."""
    polled: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        if request.method == "POST":
            return httpx.Response(200, json=envelope({"progressId": "ES_1"}))
        polled.append(request.url.path)
        if len(polled) < 3:
            return httpx.Response(200, json=envelope(RUNNING))
        return httpx.Response(404, json=envelope(status="404 - Not Found", requestId="req-gone"))

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(ExportFailed) as gone,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert gone.value.request_id == "req-gone"
    assert len(polled) == 3


def pages_of(folder: Path, next_page: object) -> tuple[list[Any], list[str]]:
    """Return the elements and URLs of a list whose first page names ``next_page``."""
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
    """No further request is sent."""
    assert pages_of(tmp_path, nothing)[0] == [1]


def test_a_next_page_on_another_host_is_requested_from_the_configured_host(tmp_path: Path) -> None:
    """Only the path and query of the URL are used."""
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
def test_a_next_page_outside_of_the_api_is_rejected(tmp_path: Path, url: object) -> None:
    """The partial list is not returned as complete."""
    with pytest.raises(SourceUnavailable):
        pages_of(tmp_path, url)


def test_a_cyclic_list_is_rejected(tmp_path: Path) -> None:
    """A next page that was already read is an error."""
    with pytest.raises(SourceUnavailable, match="links to an earlier page"):
        pages_of(tmp_path, "https://iad1.qualtrics.com/API/v3/surveys")


def test_a_long_retry_after_raises(tmp_path: Path) -> None:
    """The error carries the time of the next attempt."""

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(429, headers={"Retry-After": "3600"})

    with (
        api_answered_by(answer, tmp_path) as (api, context, _),
        pytest.raises(RateLimited) as limited,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert limited.value.retry_at is not None
