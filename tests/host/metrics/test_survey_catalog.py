"""The catalog: surveys and questionnaires are requested once, and then read from the cache."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.errors import (
    CredentialRefused,
    InputError,
    NotFound,
    QueryInvalid,
    RoleRequired,
    SurveyUnavailable,
)
from smaply_metrics_core.host import AccountSettings, DateRange
from smaply_metrics_core.host.metrics.survey_catalog import CacheEntry, SourceCache
from tests.host.conftest import ADMIN, EDITOR, TOKEN, VIEWER, SetClock
from tests.host.fake_source import Hold, stars

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost, SurveyPage
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the catalog is in memory")

NEWEST = datetime(2026, 3, 1, tzinfo=UTC)


def ids(page: SurveyPage) -> list[str]:
    """Return the ids of the surveys of a page."""
    return [survey.id for survey in page.surveys]


def test_the_most_recently_modified_survey_comes_first(
    world: World, connected: MetricsHost
) -> None:
    """Surveys without a modification time come last, by name."""
    world.shop.answers = {name: stars("1") for name in ("S1", "S2", "S3", "S4")}
    world.shop.modified = {"S2": NEWEST - timedelta(days=1), "S3": NEWEST}
    assert ids(connected.catalog.surveys(EDITOR, "shop")) == ["S3", "S2", "S1", "S4"]


def test_five_thousand_surveys_are_requested_once(world: World, connected: MetricsHost) -> None:
    """Pages and searches use one listing and have its time."""
    world.shop.answers = {f"S{number}": [] for number in range(5000)}
    page = connected.catalog.surveys(EDITOR, "shop", limit=20)
    assert (len(page.surveys), page.total, page.matching) == (20, 5000, 5000)
    assert page.listed_at == world.clock.now()
    second = connected.catalog.surveys(EDITOR, "shop", offset=20, limit=20)
    assert not set(ids(page)) & set(ids(second))
    found = connected.catalog.surveys(EDITOR, "shop", search=" sURVEY s499 ")
    assert ids(found) == ["S499"] + [f"S499{number}" for number in range(10)]
    assert (found.total, found.matching) == (5000, 11)
    assert world.shop.asked == ["surveys"]


def test_all_surveys_can_be_listed_at_once(world: World, connected: MetricsHost) -> None:
    """Without a limit, a page contains every survey from its offset on."""
    world.shop.answers = {f"S{number}": [] for number in range(60)}
    assert len(connected.catalog.surveys(EDITOR, "shop").surveys) == 50
    assert len(connected.catalog.surveys(EDITOR, "shop", limit=None).surveys) == 60
    assert len(connected.catalog.surveys(EDITOR, "shop", offset=1, limit=None).surveys) == 59


def test_a_survey_is_found_by_its_exact_id(world: World, connected: MetricsHost) -> None:
    """An id must match exactly; a part of it or another case finds nothing."""
    world.shop.answers = {"SV_abc": [], "SV_abd": []}
    world.shop.names = {"SV_abc": "Checkout", "SV_abd": "Returns"}
    for search, found in (("SV_abc", ["SV_abc"]), ("SV_ab", []), ("sv_abc", [])):
        assert ids(connected.catalog.surveys(EDITOR, "shop", search=search)) == found


@pytest.mark.parametrize(("offset", "limit"), [(-1, 10), (0, 0)])
def test_an_invalid_page_is_refused(connected: MetricsHost, offset: int, limit: int) -> None:
    """Pages start at the first survey or later and contain at least one."""
    with pytest.raises(InputError, match="page is not valid"):
        connected.catalog.surveys(EDITOR, "shop", offset=offset, limit=limit)


def test_listings_are_cached_for_ten_minutes(world: World, connected: MetricsHost) -> None:
    """Then they are requested again, and on a reload before that."""
    for seconds, asked in ((0, 1), (599, 1), (1, 2)):
        world.clock.forward(seconds)
        connected.catalog.surveys(EDITOR, "shop")
        connected.catalog.questionnaire(EDITOR, "shop", "S1")
        assert world.shop.asked == ["surveys", "S1"] * asked
    world.shop.answers["S3"] = []
    assert connected.catalog.surveys(EDITOR, "shop").total == 2
    assert connected.catalog.surveys(EDITOR, "shop", reload=True).total == 3
    assert connected.catalog.surveys(EDITOR, "shop").total == 3
    world.shop.questions.add("smell")
    told = connected.catalog.questionnaire(EDITOR, "shop", "S1", reload=True)
    assert [question.id for question in told.questions] == ["smell", "stars", "taste"]


def test_a_clock_that_is_set_back_extends_no_entry(world: World, connected: MetricsHost) -> None:
    """An entry with a time in the future is requested again."""
    connected.catalog.surveys(EDITOR, "shop")
    world.clock.forward(-1)
    connected.catalog.surveys(EDITOR, "shop")
    assert world.shop.asked == ["surveys", "surveys"]


def test_other_credentials_do_not_share_the_cache(world: World, connected: MetricsHost) -> None:
    """After an edit of the connection, nothing cached for the old credentials is shown."""
    connected.catalog.surveys(EDITOR, "shop")
    connected.connections.edit(ADMIN, "shop", {"nickname": "corner"})
    world.shop.unlisted = {"S1"}
    assert ids(connected.catalog.surveys(EDITOR, "shop")) == ["S2"]
    connected.connections.delete(ADMIN, "shop")
    with pytest.raises(NotFound):
        connected.catalog.surveys(EDITOR, "shop")


def test_a_failed_listing_is_not_cached(world: World, connected: MetricsHost) -> None:
    """The next call requests it again."""
    world.shop.tokens = set()
    with pytest.raises(CredentialRefused):
        connected.catalog.surveys(EDITOR, "shop")
    world.shop.tokens = {TOKEN}
    assert connected.catalog.surveys(EDITOR, "shop").total == 2


def test_concurrent_threads_share_one_listing(world: World, connected: MetricsHost) -> None:
    """When two Editors open the form at the same time, only one request is sent."""
    hold, started = Hold(), threading.Event()
    world.shop.on_list = hold

    def later() -> SurveyPage:
        started.set()
        return connected.catalog.surveys(EDITOR, "shop")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(connected.catalog.surveys, EDITOR, "shop")
        hold.wait_until_started()
        second = pool.submit(later)
        assert started.wait(180)
        hold.release()
        assert first.result(60) == second.result(60)
    assert world.shop.asked == ["surveys"]


def test_callers_that_wait_for_a_fetch_get_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A caller that joins a failed fetch, even to reload, does not call the source again."""
    cache = SourceCache[int](SetClock(), 1)
    begun, waiting = threading.Event(), threading.Event()
    asked: list[str] = []
    result = Future.result

    def fetch() -> int:
        asked.append("once")
        begun.set()
        waiting.wait(180)
        raise ZeroDivisionError

    def joined() -> CacheEntry[int]:
        return cache.get("key", fetch, reload=True)

    def watched(future: Future[Any], timeout: float | None = None) -> object:
        if threading.current_thread().name.startswith("joining"):
            waiting.set()
        return result(future, timeout)

    monkeypatch.setattr(Future, "result", watched)
    with ThreadPoolExecutor(1) as fetching, ThreadPoolExecutor(1, "joining") as joining:
        first = fetching.submit(cache.get, "key", fetch)
        assert begun.wait(180)
        second = joining.submit(joined)
        for one in (first, second):
            with pytest.raises(ZeroDivisionError):
                one.result(60)
    assert asked == ["once"]


def test_the_cache_is_bounded() -> None:
    """The least recently used entry is removed first, and an expired one in any case."""
    clock = SetClock()
    cache = SourceCache[int](clock, 2)
    for number in (1, 2):
        cache.add(number, CacheEntry(number, clock.now()))
    assert cache.find(1)
    cache.add(3, CacheEntry(3, clock.now()))
    assert [bool(cache.find(number)) for number in (1, 2, 3)] == [True, False, True]
    clock.forward(600)
    cache.add(4, CacheEntry(4, clock.now()))
    assert [bool(cache.find(number)) for number in (1, 3, 4)] == [False, False, True]


def test_an_entry_expires_ten_minutes_after_its_request() -> None:
    """A slow fetch does not extend the life of its entry."""
    clock = SetClock()
    cache = SourceCache[int](clock, 1)
    requested = clock.now()

    def slow() -> int:
        clock.forward(599)
        return 1

    assert cache.get("key", slow) == CacheEntry(1, requested)
    assert cache.find("key") == CacheEntry(1, requested)
    clock.forward(1)
    assert cache.find("key") is None


def test_an_entry_from_the_future_is_not_used_later() -> None:
    """After the clock was set back and has caught up, the entry is still removed."""
    clock = SetClock()
    cache = SourceCache[int](clock, 1)
    cache.add("key", CacheEntry(1, clock.now()))
    clock.forward(-3600)
    assert cache.find("key") is None
    clock.forward(3600)
    assert cache.find("key") is None


def test_an_unlisted_survey_can_be_read(world: World, connected: MetricsHost) -> None:
    """A survey can be read by its exact id even if it is not in the list."""
    world.shop.unlisted = {"S1"}
    assert ids(connected.catalog.surveys(EDITOR, "shop")) == ["S2"]
    assert connected.catalog.questionnaire(EDITOR, "shop", "S1").survey.id == "S1"
    with pytest.raises(SurveyUnavailable):
        connected.catalog.questionnaire(EDITOR, "shop", "S9")


def test_windows_are_those_of_the_account(world: World, connected: MetricsHost) -> None:
    """They are the days that a range covers now, and those that it is compared with."""
    connected.accounts.edit(ADMIN, AccountSettings("Europe/Vienna", 1))
    (window,) = connected.catalog.windows(EDITOR, DateRange(preset="last_month"))
    assert window.start == datetime(2026, 2, 28, 23, tzinfo=UTC)
    current, previous = connected.catalog.windows(
        EDITOR, DateRange(preset="last_month"), comparison=True
    )
    assert (current, previous.end, previous.name) == (window, window.start, "previous")
    with pytest.raises(QueryInvalid):
        connected.catalog.windows(EDITOR, DateRange(), comparison=True)


def test_viewers_choose_nothing(connected: MetricsHost) -> None:
    """Only people who create metrics can read what a connection offers."""
    for call in (
        lambda: connected.catalog.surveys(VIEWER, "shop"),
        lambda: connected.catalog.questionnaire(VIEWER, "shop", "S1"),
        lambda: connected.catalog.windows(VIEWER, DateRange()),
    ):
        with pytest.raises(RoleRequired):
            call()
