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


class Server:
    """An API whose next answers to each kind of request can be replaced."""

    def __init__(self, **instead: list[httpx.Response | Exception]) -> None:
        self._instead = instead
        self.calls: list[str] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer a start, a progress request or a download."""
        call = "start" if request.method == "POST" else request.url.path.rpartition("/")[2]
        self.calls.append(call := "file" if call == "file" else call.replace("ES_1", "progress"))
        instead = self._instead.get(call)
        if instead:
            answer = instead.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        if call == "file":
            return httpx.Response(200, content=b"PK the file")
        result = {"progressId": "ES_1"} if call == "start" else COMPLETE
        return httpx.Response(200, json=envelope(result))

    def count(self) -> tuple[int, int, int]:
        """Return the number of starts, progress requests and downloads."""
        start, progress, file = (self.calls.count(one) for one in ("start", "progress", "file"))
        return start, progress, file


def failed(status: int, **headers: str) -> httpx.Response:
    """Return an error response."""
    return httpx.Response(status, json=envelope(status=f"{status} - No"), headers=headers)


def lost() -> httpx.Response:
    """Return the progress of an export that failed."""
    return httpx.Response(200, json=envelope({"status": "failed", "percentComplete": 100}))


@pytest.mark.parametrize("call", ["start", "progress", "file"])
@pytest.mark.parametrize(
    "failures",
    [
        [failed(500)],
        [failed(502), failed(503), failed(504)],
        [failed(429, **{"Retry-After": "3"})],
        [httpx.ReadTimeout("slow"), httpx.ConnectError("refused")],
        [httpx.RemoteProtocolError("dropped")],
    ],
    ids=["500", "three outages", "429", "timeout and refused", "dropped"],
)
def test_a_temporary_failure_does_not_fail_the_export(
    tmp_path: Path, call: str, failures: list[httpx.Response | Exception]
) -> None:
    """Every request of an export is repeated, the start included, which changes nothing."""
    server = Server(**{call: list(failures)})
    with api_answered_by(server, tmp_path) as (api, context, _):
        path = fetch_export(api, context, SURVEY, ExportRequest())
    assert path.read_bytes() == b"PK the file"
    assert sum(server.count()) == 3 + len(failures)


@pytest.mark.parametrize("failure", [failed(503), httpx.ReadTimeout("slow")], ids=["503", "slow"])
def test_starts_are_repeated_only_within_the_deadline(
    tmp_path: Path, failure: httpx.Response | Exception
) -> None:
    """An outage that lasts is reported as one, after four attempts or at the deadline."""
    server = Server(start=[failure] * 20)
    with (
        api_answered_by(server, tmp_path) as (api, context, _),
        pytest.raises(MetricsError) as raised,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert isinstance(raised.value, SourceUnavailable | Unreachable)
    assert server.count() == (4, 0, 0)


@pytest.mark.parametrize(
    ("instead", "expected"),
    [
        ({"progress": [lost()]}, (2, 2, 1)),
        ({"progress": [failed(404)]}, (2, 2, 1)),
        ({"progress": [failed(403)]}, (2, 2, 1)),
        ({"file": [failed(404)]}, (2, 2, 2)),
        ({"progress": [httpx.Response(200, json=envelope({"status": "complete"}))]}, (2, 2, 1)),
    ],
    ids=["failed", "404", "403", "expired", "no file"],
)
def test_an_export_that_is_lost_is_started_once_more(
    tmp_path: Path, instead: dict[str, Any], expected: tuple[int, int, int]
) -> None:
    """If Qualtrics fails to create an export or no longer has it, another one may succeed."""
    server = Server(**instead)
    with api_answered_by(server, tmp_path) as (api, context, _):
        path = fetch_export(api, context, SURVEY, ExportRequest())
    assert path.read_bytes() == b"PK the file"
    assert server.count() == expected


def test_a_second_lost_export_is_an_error(tmp_path: Path) -> None:
    """There is no third export."""
    server = Server(progress=[lost(), lost(), lost()])
    with (
        api_answered_by(server, tmp_path) as (api, context, _),
        pytest.raises(ExportFailed, match="failed to create"),
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert server.count() == (2, 2, 0)


def test_an_interrupted_download_is_repeated(tmp_path: Path) -> None:
    """The file is downloaded again from the beginning, not the export created again."""
    server = Server(file=[httpx.Response(200, stream=Broken()) for _ in range(3)])
    with api_answered_by(server, tmp_path) as (api, context, _):
        path = fetch_export(api, context, SURVEY, ExportRequest())
    assert path.read_bytes() == b"PK the file"
    assert server.count() == (1, 1, 4)


def test_an_interrupted_download_is_deleted(tmp_path: Path) -> None:
    """A partial file is not read."""
    server = Server(file=[httpx.Response(200, stream=Broken()) for _ in range(9)])
    with (
        api_answered_by(server, tmp_path) as (api, context, _),
        pytest.raises(Unreachable),
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert server.count() == (1, 1, 4)
    assert [one for one in tmp_path.rglob("*") if one.is_file()] == []


def test_an_export_that_no_longer_exists_has_failed(tmp_path: Path) -> None:
    """Qualtrics deletes exports; the error carries the request id."""
    gone = envelope(status="404 - Not Found", requestId="req-gone")
    server = Server(progress=[httpx.Response(404, json=gone) for _ in range(3)])
    with (
        api_answered_by(server, tmp_path) as (api, context, _),
        pytest.raises(ExportFailed) as raised,
    ):
        fetch_export(api, context, SURVEY, ExportRequest())
    assert raised.value.request_id == "req-gone"
    assert server.count() == (2, 2, 0)


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
        "https://iad1.qualtrics.com/API/v3/surveys?skipToken=" + "x" * 100_000,
        "https://iad1.qualtrics.com/API/v3/surveys?offset=\0",
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
