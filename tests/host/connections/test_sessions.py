"""Sessions: all calls on one connection share its request limits, from the first check on."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest
from pydantic import SecretStr

from smaply_metrics_core import CheckNote, CheckStep, RequestLimit, SourceDescription, hookimpl
from smaply_metrics_core.host import (
    Actor,
    AllowedDestinations,
    CheckFailed,
    Deadlines,
    MetricsHost,
    Role,
    Settings,
)
from smaply_metrics_core.sources.registry import SourceRegistry
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, KEY, TOKEN, SetClock
from tests.host.fake_source import Shop, entry_point, stars

if TYPE_CHECKING:
    from collections.abc import Callable

    from smaply_metrics_core import (
        Questionnaire,
        SourceContext,
        Survey,
    )
    from tests.host.fake_source import ShopCredentials

PER_MINUTE = 2
LONG = 50
"""Seconds; a wait for the next request of a minute takes longer, any other one is shorter."""


class LimitedShop(Shop):
    """A shop that sends a request in most hooks and allows two a minute."""

    @hookimpl
    def describe_source(self) -> SourceDescription:
        """Add the limit."""
        limit = RequestLimit(method="GET", path="/ping", per_minute=PER_MINUTE)
        return super().describe_source().model_copy(update={"limits": (limit,)})

    @hookimpl
    def validate_credentials(
        self, credentials: ShopCredentials, context: SourceContext
    ) -> Iterator[CheckStep | CheckNote]:
        """Send a request first."""
        ping(context)
        yield from super().validate_credentials(credentials, context)

    @hookimpl
    def list_surveys(
        self, credentials: ShopCredentials, context: SourceContext
    ) -> Iterator[Survey]:
        """Send a request first."""
        ping(context)
        yield from super().list_surveys(credentials, context)

    @hookimpl
    def list_questions(
        self, credentials: ShopCredentials, context: SourceContext, survey_id: str
    ) -> Questionnaire:
        """Send a request first."""
        ping(context)
        return super().list_questions(credentials, context, survey_id)


def ping(context: SourceContext) -> None:
    """Send a request that the limit covers."""
    context.http.get("https://shop.example.com/ping")


@dataclass
class WaitingClock(SetClock):
    """A clock that records the waits."""

    waits: list[float] = field(default_factory=list)

    def wait(self, seconds: float, stop: threading.Event) -> bool:
        """Record the wait, and return at once."""
        self.waits.append(seconds)
        return super().wait(seconds, stop)

    def long_waits(self) -> int:
        """Return how often a request waited for the next minute."""
        return sum(seconds > LONG for seconds in self.waits)


@pytest.fixture
def waiting_clock() -> WaitingClock:
    """A clock at noon."""
    return WaitingClock()


@pytest.fixture
def limited(tmp_path: Path, waiting_clock: WaitingClock) -> Iterator[MetricsHost]:
    """A host over the limited shop."""
    shop = LimitedShop(answers={"S1": stars("5", "4")})
    registry = SourceRegistry(
        clock=waiting_clock,
        entry_points=lambda: [entry_point("shop", shop)],
        transport_factory=lambda: httpx.MockTransport(lambda _: httpx.Response(200)),
    )
    settings = Settings(
        home=tmp_path / "home",
        allowed=AllowedDestinations(store=tmp_path / "home" / "store.db"),
        deadlines=Deadlines(check=600, list=600, preview=600),
        encryption_keys=SecretStr(KEY),
    )
    with MetricsHost(settings, clock=waiting_clock, registry=registry) as host:
        yield host


@pytest.mark.parametrize(
    "call",
    [
        lambda host: host.connections.check(ADMIN, "shop"),
        lambda host: host.connections.edit(ADMIN, "shop", {"nickname": "Corner"}),
        lambda host: host.catalog.surveys(EDITOR, "shop", reload=True),
        lambda host: host.catalog.questionnaire(EDITOR, "shop", "S1"),
        lambda host: host.metrics.preview(EDITOR, "shop", AVERAGE),
    ],
    ids=["check", "edit", "surveys", "questionnaire", "preview"],
)
def test_all_calls_share_the_requests_of_the_check(
    limited: MetricsHost, waiting_clock: WaitingClock, call: Callable[[MetricsHost], object]
) -> None:
    """After two requests, the first of which was sent by the check, every call waits."""
    limited.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    limited.catalog.surveys(EDITOR, "shop")
    assert waiting_clock.long_waits() == 0
    call(limited)
    assert waiting_clock.long_waits() == 1


def test_an_edit_counts_as_well(limited: MetricsHost, waiting_clock: WaitingClock) -> None:
    """The requests of checking new credentials count for the calls that follow."""
    limited.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    limited.connections.edit(ADMIN, "shop", {"nickname": "Corner"})
    assert waiting_clock.long_waits() == 0
    limited.catalog.surveys(EDITOR, "shop")
    assert waiting_clock.long_waits() == 1


def test_connections_share_no_limits(limited: MetricsHost, waiting_clock: WaitingClock) -> None:
    """Another account's connection has its own limit."""
    limited.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    limited.catalog.surveys(EDITOR, "shop")
    rival = Actor("rival", "rita", Role.ADMIN)
    limited.connections.connect(rival, "shop", {"api_token": TOKEN})
    limited.catalog.surveys(rival, "shop")
    assert waiting_clock.long_waits() == 0


def test_a_connection_that_does_not_exist_has_no_rate_limiter(limited: MetricsHost) -> None:
    """Connections that were not stored or were deleted take up no memory."""
    limiters = limited._sessions._rate_limiters  # noqa: SLF001  # There is no public access.
    with pytest.raises(CheckFailed):
        limited.connections.connect(ADMIN, "shop", {"api_token": "wrong-token-99999"})
    assert limiters == {}
    view = limited.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert set(limiters) == {view.id}
    limited.connections.delete(ADMIN, "shop")
    assert limiters == {}
