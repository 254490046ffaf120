"""Response bodies: completeness, size limits and deadlines."""

from __future__ import annotations

import gzip
import itertools
import random
import threading
import zlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    ExportFailed,
    SourceUnavailable,
    Unreachable,
)
from smaply_metrics_core.http import large_response, read_json
from smaply_metrics_core.http.response_body import GuardedBody
from smaply_metrics_core.http.response_limit import MOST_AT_ONCE

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

NOISE = random.Random(1).randbytes(300_000)  # noqa: S311  # Only needs to be incompressible.


class Stream(httpx.SyncByteStream):
    """A body of blocks that records whether it was closed."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Return the blocks."""
        return self._blocks

    def close(self) -> None:
        """Record that it was closed."""
        self.closed = True


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    """Split data into blocks."""
    return (data[at : at + size] for at in range(0, len(data), size))


def counted(taken: list[int], block: bytes, times: int) -> Iterator[bytes]:
    """Yield a block several times, and note each time in a list."""
    for number in range(times):
        taken.append(number)
        yield block


def zipped(data: bytes, size: int = 1000) -> httpx.Response:
    """Return a compressed response that is sent in blocks."""
    packed = gzip.compress(data)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    return httpx.Response(200, headers=headers, stream=Stream(blocks(packed, size)))


@pytest.mark.parametrize("data", [b"", b"short", NOISE, b"0" * 3_000_000], ids=len)
@pytest.mark.parametrize("size", [1, 1000, 10**7])
def test_a_compressed_response_is_decompressed(clients: Clients, data: bytes, size: int) -> None:
    """The complete data is returned for any block size, without headers of the compression."""
    if size == 1:
        data = data[:20_000]
    answer = clients(lambda _: zipped(data, size)).get("/")

    assert answer.content == data
    assert "content-encoding" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("extra", [0, 1, 258, 65_536])
def test_the_rest_in_the_decompressor_is_returned(clients: Clients, extra: int) -> None:
    """A body whose last bytes expand to more than one chunk is complete."""
    data = b"0" * (2**20 + extra)

    assert clients(lambda _: zipped(data, 10**7)).get("/").content == data


def test_several_gzip_members_are_one_body(clients: Clients) -> None:
    """Concatenated gzip members are decompressed one after the other."""
    packed = gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"three")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)

    assert clients(answer).get("/").content == b"one two three"


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(NOISE)[:-20], b"not compressed at all", gzip.compress(b"x") + b"garbage"],
    ids=["cut", "plain", "tail"],
)
def test_a_damaged_compressed_response_is_an_error(clients: Clients, packed: bytes) -> None:
    """Truncated or invalid compressed data is an error and not a shorter response."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(200, headers=headers, stream=Stream(iter([packed])))

    with pytest.raises(Unreachable, match="incomplete or damaged"):
        clients(answer).get("/")


@pytest.mark.parametrize("announced", [3, 5])
def test_a_body_with_another_content_length_is_an_error(clients: Clients, announced: int) -> None:
    """The received bytes are compared with ``Content-Length`` for any transport."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Length": str(announced)}
        return httpx.Response(200, headers=headers, stream=Stream(iter([b"four"])))

    with pytest.raises(Unreachable, match="incomplete"):
        clients(answer).get("/")


def test_a_response_without_a_body_may_have_a_content_length(clients: Clients) -> None:
    """The ``Content-Length`` of a HEAD response is that of the body for a GET."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "99"}, stream=Stream(iter([])))

    assert clients(answer).head("/").headers["content-length"] == "99"


def test_the_limit_applies_to_the_content_length(clients: Clients) -> None:
    """A response whose ``Content-Length`` exceeds the limit is rejected before it is read."""
    stream = Stream(iter([b"never read"]))

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "1001"}, stream=stream)

    client = clients(answer, max_bytes=1000)
    with client.stream("GET", "/") as response, pytest.raises(ExportFailed, match="1,000 bytes"):
        response.read()
    assert stream.closed
    assert next(iter(stream)) == b"never read"


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_limit_applies_to_the_received_bytes(clients: Clients, size: int) -> None:
    """Without ``Content-Length``, exactly the limit is accepted, and one byte more is not."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stream(blocks(bytes(size), 100)))

    with clients(answer, max_bytes=1000).stream("GET", "/") as response:
        if size <= 1000:
            assert len(response.read()) == size
        else:
            with pytest.raises(ExportFailed):
                response.read()


def test_the_limit_applies_to_the_decompressed_bytes(clients: Clients) -> None:
    """A small response that expands to a huge one is stopped during decompression."""
    taken: list[int] = []
    client = clients(lambda _: zipped(bytes(50 * 2**20)), max_bytes=2**20)

    with client.stream("GET", "/") as answer, pytest.raises(ExportFailed):
        taken.extend(len(piece) for piece in answer.iter_raw())
    assert sum(taken) <= 2**20


def test_the_limit_applies_without_output(clients: Clients) -> None:
    """A compressed body whose header never ends has no output and is stopped as well."""
    with_name = b"\x1f\x8b\x08\x08" + bytes(6)

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        endless = itertools.chain([with_name], itertools.repeat(b"n" * 1000))
        return httpx.Response(200, headers=headers, stream=Stream(endless))

    with pytest.raises(ExportFailed):
        clients(answer, max_bytes=2**20).get("/")


def test_the_limit_of_responses_in_memory_is_lower(clients: Clients) -> None:
    """A response of more than 64 MiB must be streamed."""

    def answer(request: httpx.Request) -> httpx.Response:
        block = bytes(2**20)
        return httpx.Response(200, stream=Stream(block for _ in range(65)))

    client = clients(answer)
    with pytest.raises(ExportFailed, match="64 MiB"):
        client.get("/")
    with client.stream("GET", "/") as response:
        assert sum(map(len, response.iter_bytes())) == MOST_AT_ONCE + 2**20


@pytest.mark.deep(reason="1 s: four bodies of 65 MiB; every change tests the default limit")
def test_a_source_can_raise_the_limit_of_one_response(clients: Clients) -> None:
    """A request with a reason accepts more, as bytes and as JSON, but not without a limit."""
    size = 65

    def answer(request: httpx.Request) -> httpx.Response:
        blocks = [b'"', *(b"x" * 2**20 for _ in range(size)), b'"']
        return httpx.Response(200, stream=Stream(iter(blocks)))

    client = clients(answer)
    raised = large_response(66 * 2**20, reason="The export is one JSON text.")
    assert len(read_json(client.get("/", extensions=raised))) == size * 2**20
    with client.stream("GET", "/", extensions=raised) as response:
        assert len(read_json(response)) == size * 2**20
    with pytest.raises(ExportFailed, match="64 MiB"):
        client.get("/")

    size = 67
    with pytest.raises(ExportFailed, match="66 MiB"):
        client.get("/", extensions=raised)


@pytest.mark.parametrize(
    ("most_bytes", "reason"), [(64 * 2**20, "why"), (513 * 2**20, "why"), (128 * 2**20, " ")]
)
def test_an_invalid_limit_of_a_response_is_rejected(most_bytes: int, reason: str) -> None:
    """It lies between the default and what fits into memory, and has a reason."""
    with pytest.raises(ValueError, match="large response"):
        large_response(most_bytes, reason=reason)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500])
def test_a_large_body_of_an_error_is_ignored(clients: Clients, status: int) -> None:
    """The status says enough; at most 1 MiB of the body is read."""
    taken: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = counted(taken, b"x" * 1000, 100_000)
        return httpx.Response(status, stream=Stream(page), headers={"x-request-id": "r"})

    for streamed in (False, True):
        taken.clear()
        client = clients(answer)
        if status == 500:
            with pytest.raises(SourceUnavailable) as caught:
                client.get("/")
            assert caught.value.request_id == "r"
        elif streamed:
            with client.stream("GET", "/") as response:
                assert (response.status_code, response.read()) == (status, b"")
        else:
            response = client.get("/")
            assert (response.status_code, response.content) == (status, b"")
        assert len(taken) < 5_000  # Four attempts, in the case of 500.


@pytest.mark.parametrize("size", [500, 11_200_000])
def test_compressed_json_of_many_values_is_refused(clients: Clients, size: int) -> None:
    """33 kB of gzip are 34 MB of JSON, of which no value is created."""
    client = clients(lambda _: zipped(b"[" + b"{}," * size + b"{}]", 10**6))
    response = client.get("/")
    if size < 1000:
        assert read_json(response) == [{}] * (size + 1)
        return
    with pytest.raises(SourceUnavailable, match="more than 32 MiB of JSON"):
        read_json(response)


def test_json_in_a_streamed_response_is_read_up_to_the_limit(clients: Clients) -> None:
    """A streamed response may have gigabytes, but not if it is read as JSON."""
    taken: list[int] = []

    def answer(request: httpx.Request) -> httpx.Response:
        page = counted(taken, b" " * 2**20, 1000)
        return httpx.Response(200, stream=Stream(itertools.chain([b"["], page)))

    with (
        clients(answer).stream("GET", "/") as response,
        pytest.raises(SourceUnavailable, match="more than 32 MiB of JSON"),
    ):
        read_json(response)
    assert len(taken) == 32


@pytest.mark.parametrize(
    "charset", ["zlib", "bz2", "punycode", "idna", "unicode_escape", "hex", "rot13", "uu", "\x00"]
)
def test_codecs_that_are_no_encodings_are_ignored(clients: Clients, charset: str) -> None:
    """Python would inflate the text with ``zlib``, to any size, and ``punycode`` never ends."""
    bomb = zlib.compress(bytes(10**6))
    headers = {"content-type": f"text/csv; charset={charset}"}
    client = clients(lambda _: httpx.Response(200, headers=headers, content=bomb))
    response = client.get("/")
    assert response.encoding == "utf-8"
    assert len(response.text) <= len(bomb)
    assert response.headers["content-type"] == "text/csv"


@pytest.mark.parametrize("charset", ["utf-8", "UTF8", "latin-1", "ISO-8859-1", "windows-1252"])
def test_encodings_of_texts_are_applied(clients: Clients, charset: str) -> None:
    """Servers that do not use UTF-8 are read as they declare."""
    headers = {"content-type": f"text/csv; charset={charset}"}
    client = clients(lambda _: httpx.Response(200, headers=headers, content="é".encode(charset)))
    assert client.get("/").text == "é"


def test_an_endless_body_ends_at_the_deadline(clients: Clients, clock: HandClock) -> None:
    """The deadline is checked before each block."""

    def slow() -> Iterator[bytes]:
        while True:
            clock.wait(1, threading.Event())
            yield b"x"

    client = clients(
        lambda _: httpx.Response(200, stream=Stream(slow())), deadline=Deadline.after(10, clock)
    )
    with pytest.raises(DeadlineExceeded):
        client.get("/")
    assert clock.monotonic() <= 11


def test_reading_a_body_can_be_cancelled(clients: Clients, clock: HandClock) -> None:
    """A cancellation is checked before each block."""
    stop = threading.Event()
    client = clients(
        lambda _: httpx.Response(200, stream=Stream(iter([b"a", b"b", b"c"]))),
        deadline=Deadline.after(10, clock, stop),
    )

    with client.stream("GET", "/") as response:
        pieces = response.iter_raw()
        assert next(pieces) == b"a"
        stop.set()
        with pytest.raises(Cancelled):
            next(pieces)


@pytest.mark.parametrize("failing", [False, True])
def test_the_connection_is_released(clients: Clients, *, failing: bool) -> None:
    """The connection is closed, whether the response is complete or not."""

    def body() -> Iterator[bytes]:
        yield b"one"
        if failing:
            raise httpx.ReadError("gone")

    made: list[Stream] = []

    def answer(request: httpx.Request) -> httpx.Response:
        made.append(Stream(body()))
        return httpx.Response(200, stream=made[-1])

    client = clients(answer)
    if failing:
        with pytest.raises(Unreachable):
            client.get("/")
    else:
        client.get("/")
    assert [stream.closed for stream in made] == [True] * (4 if failing else 1)


@given(data=st.binary(max_size=5000), cut=st.integers(min_value=1, max_value=5000))
def test_every_truncation_is_detected(data: bytes, cut: int) -> None:
    """A compressed body without any number of its last bytes is an error."""
    packed = gzip.compress(data)
    answer = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=Stream(iter([packed[:-cut] or b"\x1f"]))
    )

    class Still:
        """A clock that does not advance."""

        def monotonic(self) -> float:
            return 0.0

    body = GuardedBody(
        answer,
        host="host",
        proxied=False,
        has_body=True,
        limit=10**6,
        deadline=Deadline(Still(), 1.0),  # type: ignore[arg-type]  # No other method is called.
        finished=lambda *_: None,
    )
    with pytest.raises(Unreachable):
        b"".join(body)
