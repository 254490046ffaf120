"""Downloads are complete files, whatever happens on the way."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core import SourceContext
from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import MetricsError, SourceUnavailable, Unreachable
from smaply_metrics_core.http import download, header_auth

if TYPE_CHECKING:
    from .conftest import Clients, HandClock


class Cut(httpx.SyncByteStream):
    """A body whose connection breaks after some bytes."""

    def __iter__(self) -> Iterator[bytes]:
        yield b"half"
        raise httpx.ReadError("reset")


def cut() -> httpx.Response:
    """Return a response that breaks."""
    return httpx.Response(200, stream=Cut())


def whole() -> httpx.Response:
    """Return a complete response."""
    return httpx.Response(200, stream=httpx.ByteStream(b"whole"))


Download = Callable[..., tuple[httpx.Response, int]]


@pytest.fixture
def run(clients: Clients, clock: HandClock, tmp_path: Path) -> Download:
    """Download a file from a server with these answers; return the response and the requests."""

    def run(*answers: httpx.Response, seconds: float = 600) -> tuple[httpx.Response, int]:
        left, sent = list(answers), []

        def wire(request: httpx.Request) -> httpx.Response:
            sent.append(request.headers["X-API-TOKEN"])
            return left.pop(0)

        deadline = Deadline.after(seconds, clock)
        context = SourceContext(
            http=clients(wire, deadline=deadline),
            deadline=deadline,
            destinations=(),
            folder=tmp_path,
            clock=clock,
        )
        auth = header_auth("X-API-TOKEN", SecretStr("token-token"))
        return download(context, "/file", tmp_path / "file", auth=auth), len(sent)

    return run


def test_a_file_is_downloaded(run: Download, tmp_path: Path) -> None:
    """It is readable by its owner only."""
    response, requests = run(whole())
    assert (response.status_code, requests) == (200, 1)
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600


def test_an_interrupted_download_begins_again(
    run: Download, clock: HandClock, tmp_path: Path
) -> None:
    """The file has the bytes of one complete response, after waits as for other requests."""
    _, requests = run(cut(), cut(), cut(), whole())
    assert requests == 4
    assert (tmp_path / "file").read_bytes() == b"whole"
    assert len(clock.waits) == 3


@pytest.mark.parametrize(("seconds", "requests"), [(600, 4), (0.0001, 1)])
def test_no_part_of_a_file_is_left(
    run: Download, tmp_path: Path, seconds: float, requests: int
) -> None:
    """The failure is raised after four attempts, or when no time is left for another one."""
    answers = [cut() for _ in range(requests)]
    with pytest.raises(Unreachable):
        run(*answers, seconds=seconds)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("code", [202, 204, 401, 404, 418])
def test_another_status_is_for_the_source(run: Download, tmp_path: Path, code: int) -> None:
    """Its body is read and is not written to the file."""
    response, requests = run(httpx.Response(code, content=b"" if code == 204 else b"why"))
    assert (response.status_code, requests) == (code, 1)
    assert response.content == (b"" if code == 204 else b"why")
    assert list(tmp_path.iterdir()) == []


def test_an_outage_is_left_to_the_client(run: Download, tmp_path: Path) -> None:
    """The client has already sent the request four times."""
    with pytest.raises(SourceUnavailable):
        run(*[httpx.Response(503) for _ in range(4)])
    assert list(tmp_path.iterdir()) == []


def test_another_failure_is_not_repeated(run: Download, tmp_path: Path) -> None:
    """A compression that was not requested does not change in another response."""
    answer = httpx.Response(200, headers={"content-encoding": "br"}, content=b"")
    with pytest.raises(MetricsError, match="compression"):
        run(answer)
    assert list(tmp_path.iterdir()) == []
