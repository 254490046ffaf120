"""No error of a public call carries a secret: not in its frames, causes or attributes."""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr
from sqlalchemy.schema import SchemaItem

from smaply_metrics_core import CredentialRefused, PluginError
from smaply_metrics_core.bundle.writer import write_bundle
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host import MetricsHost
from smaply_metrics_core.host.connections.keys import KeySource, new_key
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER
from tests.host.fake_source import Shop
from tests.traceback_secrets import places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.host.conftest import World

pytestmark = [
    pytest.mark.usefixtures("own_statements"),
    pytest.mark.postgresql_deep(
        reason="the frames of the host are the same; walking them takes 7 s"
    ),
]

WRONG = "wrOng-token-9876"

FAILURES: dict[str, Callable[[], BaseException]] = {
    "unknown": lambda: ValueError(f"Bad token {TOKEN}"),
    "refused": lambda: CredentialRefused(f"No: {TOKEN.upper()}", request_id=TOKEN),
    "chained": lambda: _chained(KeyError(TOKEN)),
    "exit": lambda: SystemExit(TOKEN),
}


def _chained(error: Exception) -> Exception:
    error.__cause__ = RuntimeError(TOKEN)
    error.add_note(TOKEN)
    return error


def error_of(call: Callable[[], object]) -> BaseException:
    """Return the error that a call raises."""
    with pytest.raises((MetricsError, RuntimeError)) as caught:
        call()
    return caught.value


def expect_clean(error: BaseException) -> None:
    """Expect that an error carries neither token; the definitions of tables are constants."""
    assert places_of(error, WRONG, TOKEN, ignore=(Shop, SchemaItem)) == []


def connect(host: MetricsHost, token: str = WRONG, **others: Any) -> object:  # noqa: ANN401
    """Connect the shop."""
    return host.connections.connect(ADMIN, "shop", {"api_token": token, **others})


CONNECTS: dict[str, Callable[[MetricsHost], object]] = {
    "wrong token": connect,
    "unknown field": lambda host: connect(host, colour=WRONG),
    "blank field": lambda host: connect(host, base_url=""),
    "invalid token": lambda host: connect(host, token=f"{WRONG} with spaces"),
    "refused destination": lambda host: connect(host, base_url="127.0.0.1"),
    "unknown source": lambda host: host.connections.connect(ADMIN, "none", {"api_token": WRONG}),
    "wrong role": lambda host: host.connections.connect(VIEWER, "shop", {"api_token": WRONG}),
    "wrong name": lambda host: host.connections.connect(
        ADMIN, "shop", {"api_token": WRONG}, name="x" * 1000
    ),
}


def test_connecting(world: World) -> None:
    """Each way in which connecting fails leaves the token in no frame."""
    host = world.open()

    for call in CONNECTS.values():
        expect_clean(error_of(partial(call, host)))


def test_connecting_with_a_failing_plugin(world: World) -> None:
    """What a plugin raises is redacted before it reaches a frame of the host."""
    host = world.open()

    for failure in FAILURES.values():
        world.shop.failure = failure()
        expect_clean(error_of(lambda: connect(host, TOKEN)))


@pytest.mark.parametrize("role", [ADMIN, EDITOR], ids=["admin", "editor"])
@pytest.mark.parametrize("value", [WRONG, f"{WRONG} spaces"], ids=["wrong", "invalid"])
def test_editing(connected: MetricsHost, role: Any, value: str) -> None:  # noqa: ANN401
    """Neither the old nor the new token is in a frame."""
    expect_clean(error_of(lambda: connected.connections.edit(role, "shop", {"api_token": value})))


def test_editing_with_a_new_destination(connected: MetricsHost) -> None:
    """The stored token is not in a frame when it would go to a new host."""
    values = {"base_url": "other.example.com"}

    expect_clean(error_of(lambda: connected.connections.edit(ADMIN, "shop", values)))


CALLS: dict[str, Callable[[MetricsHost], object]] = {
    "surveys": lambda host: host.catalog.surveys(ADMIN, "shop"),
    "questionnaire": lambda host: host.catalog.questionnaire(ADMIN, "shop", "none"),
    "preview": lambda host: host.metrics.preview(EDITOR, "shop", AVERAGE),
    "check": lambda host: host.connections.check(EDITOR, "shop"),
}


def test_using_a_connection(connected: MetricsHost, shop: Shop) -> None:
    """The stored token is in no frame of a call that fails."""
    shop.tokens = set()

    for failure in FAILURES.values():
        for call in CALLS.values():
            shop.failure = failure()
            expect_clean(error_of(partial(call, connected)))


def test_a_survey_that_repeats_the_token(connected: MetricsHost, shop: Shop) -> None:
    """A survey with the token is rejected, and is in no frame of the error."""
    shop.names["S1"] = TOKEN

    error = error_of(lambda: connected.catalog.surveys(ADMIN, "shop"))

    assert isinstance(error, PluginError)
    expect_clean(error)


@pytest.mark.parametrize("where", ["connect", "edit"])
def test_a_failing_database(
    world: World, monkeypatch: pytest.MonkeyPatch, connected: MetricsHost, where: str
) -> None:
    """An error of the database has no token in a frame either."""

    @contextmanager
    def fail() -> Iterator[object]:
        raise RuntimeError("the database stopped")
        yield

    world.shop.tokens.add(WRONG)
    calls = {
        "connect": lambda: connected.connections.connect(ADMIN, "shop", {"api_token": WRONG}),
        "edit": lambda: connected.connections.edit(ADMIN, "shop", {"api_token": WRONG}),
    }
    if where == "connect":
        connected.connections.delete(ADMIN, "shop")
    monkeypatch.setattr(connected._runtime.store, "writing", fail)  # noqa: SLF001  # A fault.

    expect_clean(error_of(calls[where]))


@pytest.mark.parametrize("secret", [WRONG, SecretStr(WRONG)], ids=["text", "wrapped"])
def test_writing_a_bundle(tmp_path: Path, secret: Any) -> None:  # noqa: ANN401
    """A bundle that is refused or cannot be written has no secret in a frame."""
    for path in (tmp_path / "none" / "b.zip", tmp_path / "b.zip"):
        write = partial(write_bundle, path, [secret], include_personal=False, fill=_write_twice)
        expect_clean(error_of(write))


def _write_twice(bundle: Any) -> None:  # noqa: ANN401  # A BundleWriter.
    bundle.add_text("a.txt", "")
    bundle.add_text("a.txt", "")


@pytest.mark.parametrize("values", [{"api_token": WRONG}, {"api_token": f"{WRONG} spaces"}])
def test_the_async_host(world: World, values: dict[str, str]) -> None:
    """Neither the event loop's nor the thread's frames hold the token."""

    async def run() -> BaseException:
        async with world.asynchronous() as host:
            try:
                await host.connections.connect(ADMIN, "shop", values)
            except MetricsError as error:
                return error
        raise AssertionError

    expect_clean(asyncio.run(run()))


def test_a_plugin_that_is_closed_late(connected: MetricsHost, shop: Shop) -> None:
    """An iterator that fails in the middle leaves none of its items in a frame."""

    def stop(_: object) -> None:
        raise ValueError(TOKEN)

    shop.names["S1"] = TOKEN
    shop.on_list = stop

    expect_clean(error_of(lambda: connected.catalog.surveys(ADMIN, "shop")))


@pytest.mark.parametrize("setting", ["{key},short", "{key},{key}", "{key}x"])
def test_an_invalid_key(setting: str) -> None:
    """The valid keys next to an invalid one are in no frame."""
    key = new_key()

    error = error_of(
        lambda: KeySource(SecretStr(setting.format(key=key)), None).load(may_create=False)
    )

    assert places_of(error, key.rstrip("=")) == []
