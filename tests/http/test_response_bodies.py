"""The body of an answer: whole, bounded, in time."""

from __future__ import annotations

import gzip
import itertools
import random
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import Cancelled, DeadlineExceeded, ExportFailed, Unreachable
from smaply_metrics_core.http.response_body import GuardedBody
from smaply_metrics_core.http.transport import MOST_AT_ONCE

if TYPE_CHECKING:
    from .conftest import Clients, HandClock

NOISE = random.Random(1).randbytes(300_000)  # noqa: S311  # Only has to be hard to compress.


class Stream(httpx.SyncByteStream):
    """A body made of blocks, which knows whether it was closed."""

    def __init__(self, blocks: Iterator[bytes]) -> None:
        self._blocks = blocks
        self.closed = False

    def __iter__(self) -> Iterator[bytes]:
        """Give the blocks."""
        return self._blocks

    def close(self) -> None:
        """Remember it."""
        self.closed = True


def blocks(data: bytes, size: int) -> Iterator[bytes]:
    """Cut data into blocks."""
    return (data[at : at + size] for at in range(0, len(data), size))


def zipped(data: bytes, size: int = 1000) -> httpx.Response:
    """Make a compressed answer that comes in blocks."""
    packed = gzip.compress(data)
    headers = {"Content-Encoding": "gzip", "Content-Length": str(len(packed))}
    return httpx.Response(200, headers=headers, stream=Stream(blocks(packed, size)))


@pytest.mark.parametrize("data", [b"", b"short", NOISE, b"0" * 3_000_000], ids=len)
@pytest.mark.parametrize("size", [1, 1000, 10**7])
def test_a_compressed_answer_comes_out_whole(clients: Clients, data: bytes, size: int) -> None:
    """Whatever the blocks, what was compressed comes out, and no header says otherwise."""
    if size == 1:
        data = data[:20_000]
    answer = clients(lambda _: zipped(data, size)).get("/")

    assert answer.content == data
    assert "content-encoding" not in answer.headers
    assert "content-length" not in answer.headers


@pytest.mark.parametrize("extra", [0, 1, 258, 65_536])
def test_what_is_left_in_the_decompressor_comes_out_too(clients: Clients, extra: int) -> None:
    """A body whose last bytes expand beyond one piece is not taken for a broken one."""
    data = b"0" * (2**20 + extra)

    assert clients(lambda _: zipped(data, 10**7)).get("/").content == data


def test_several_compressed_parts_are_one_body(clients: Clients) -> None:
    """Parts compressed one by one, as servers that append do, come out one after the other."""
    packed = gzip.compress(b"one ") + gzip.compress(b"two ") + gzip.compress(b"three")

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Encoding": "gzip"}, content=packed)

    assert clients(answer).get("/").content == b"one two three"


@pytest.mark.parametrize(
    "packed",
    [gzip.compress(NOISE)[:-20], b"not compressed at all", gzip.compress(b"x") + b"garbage"],
    ids=["cut", "plain", "tail"],
)
def test_a_damaged_compressed_answer_is_no_answer(clients: Clients, packed: bytes) -> None:
    """Compressed data that ends early, or is none, is an error and not a shorter answer."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        return httpx.Response(200, headers=headers, stream=Stream(iter([packed])))

    with pytest.raises(Unreachable, match="incomplete or damaged"):
        clients(answer).get("/")


@pytest.mark.parametrize("announced", [3, 5])
def test_a_body_of_another_length_than_announced_is_no_answer(
    clients: Clients, announced: int
) -> None:
    """Bytes are counted against Content-Length, whatever lies below us."""

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Length": str(announced)}
        return httpx.Response(200, headers=headers, stream=Stream(iter([b"four"])))

    with pytest.raises(Unreachable, match="incomplete"):
        clients(answer).get("/")


def test_an_answer_without_a_body_may_announce_one(clients: Clients) -> None:
    """The length in the answer to a HEAD is that of the body which a GET would bring."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "99"}, stream=Stream(iter([])))

    assert clients(answer).head("/").headers["content-length"] == "99"


def test_the_limit_holds_for_what_is_announced(clients: Clients) -> None:
    """An answer that announces too much is refused before any of it is read."""
    stream = Stream(iter([b"never read"]))

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers={"Content-Length": "1001"}, stream=stream)

    client = clients(answer, max_bytes=1000)
    with client.stream("GET", "/") as response, pytest.raises(ExportFailed, match="1,000 bytes"):
        response.read()
    assert stream.closed
    assert next(iter(stream)) == b"never read"


@pytest.mark.parametrize("size", [999, 1000, 1001])
def test_the_limit_holds_for_what_comes(clients: Clients, size: int) -> None:
    """Exactly the limit may come, and not one byte more, though nothing was announced."""

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, stream=Stream(blocks(bytes(size), 100)))

    with clients(answer, max_bytes=1000).stream("GET", "/") as response:
        if size <= 1000:
            assert len(response.read()) == size
        else:
            with pytest.raises(ExportFailed):
                response.read()


def test_the_limit_holds_for_what_comes_out(clients: Clients) -> None:
    """A small answer that would unfold into a huge one is stopped while it unfolds."""
    taken: list[int] = []
    client = clients(lambda _: zipped(bytes(50 * 2**20)), max_bytes=2**20)

    with client.stream("GET", "/") as answer, pytest.raises(ExportFailed):
        taken.extend(len(piece) for piece in answer.iter_raw())
    assert sum(taken) <= 2**20


def test_the_limit_holds_for_what_comes_to_nothing(clients: Clients) -> None:
    """A compressed body whose header never ends gives no output, and is stopped all the same."""
    with_name = b"\x1f\x8b\x08\x08" + bytes(6)

    def answer(request: httpx.Request) -> httpx.Response:
        headers = {"Content-Encoding": "gzip"}
        endless = itertools.chain([with_name], itertools.repeat(b"n" * 1000))
        return httpx.Response(200, headers=headers, stream=Stream(endless))

    with pytest.raises(ExportFailed):
        clients(answer, max_bytes=2**20).get("/")


def test_an_answer_held_in_memory_is_smaller_than_a_streamed_one(clients: Clients) -> None:
    """More than 64 MiB has to be streamed: reading it at once is refused."""

    def answer(request: httpx.Request) -> httpx.Response:
        block = bytes(2**20)
        return httpx.Response(200, stream=Stream(block for _ in range(65)))

    client = clients(answer)
    with pytest.raises(ExportFailed, match="64 MiB"):
        client.get("/")
    with client.stream("GET", "/") as response:
        assert sum(map(len, response.iter_bytes())) == MOST_AT_ONCE + 2**20


def test_a_body_that_never_ends_ends_at_the_deadline(clients: Clients, clock: HandClock) -> None:
    """Each block is read only while there is time."""

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


def test_a_body_ends_when_the_caller_stops(clients: Clients, clock: HandClock) -> None:
    """Stopping is noticed between two blocks."""
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
def test_the_connection_is_given_back(clients: Clients, *, failing: bool) -> None:
    """Whether an answer is read to its end or breaks off, its connection does not stay open."""

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
def test_no_cut_goes_unnoticed(data: bytes, cut: int) -> None:
    """A compressed body that lost any number of its last bytes never passes as whole."""
    packed = gzip.compress(data)
    answer = httpx.Response(
        200, headers={"Content-Encoding": "gzip"}, stream=Stream(iter([packed[:-cut] or b"\x1f"]))
    )

    class Still:
        """A clock that stands still."""

        def monotonic(self) -> float:
            return 0.0

    body = GuardedBody(
        answer,
        host="host",
        proxied=False,
        has_body=True,
        limit=10**6,
        deadline=Deadline(Still(), 1.0),  # type: ignore[arg-type]  # Nothing else is asked of it.
        finished=lambda *_: None,
    )
    with pytest.raises(Unreachable):
        b"".join(body)
