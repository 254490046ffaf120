"""Numbers of answers: all questions of a survey from one download, at most once an hour."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    LimitReached,
    QuestionUnavailable,
    RoleRequired,
    SurveyNotChosen,
    Unreachable,
)
from smaply_metrics_core.host import AccountSettings, Calculation, ConnectionStatus
from smaply_metrics_core.host.metrics import answer_counts
from tests.host.conftest import ADMIN, EDITOR, TOKEN, VIEWER
from tests.host.csv_host import about, opened
from tests.host.fake_source import Hold, Stoppable, stars

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import AnswerCounts, MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the counts are in memory")

HOUR = timedelta(hours=1).total_seconds()


def counted(host: MetricsHost, survey: str = "S1") -> AnswerCounts:
    """Count a survey as an Editor."""
    return host.catalog.count_answers(EDITOR, "shop", survey)


def known(host: MetricsHost, survey: str = "S1") -> AnswerCounts:
    """Return what is known about a survey."""
    questionnaire = host.catalog.questionnaire(EDITOR, "shop", survey)
    return host.catalog.answer_counts(EDITOR, "shop", questionnaire)


def test_one_download_counts_all_questions(world: World, connected: MetricsHost) -> None:
    """Before it, nothing is known and the source is not called."""
    before = known(connected)
    assert (before.counts, before.as_of, before.due) == ({}, None, True)
    assert world.shop.fetches == []
    after = counted(connected)
    assert after.counts == {"stars": 3, "taste": 3}
    assert (after.as_of, after.due, after.failed) == (world.clock.now(), False, False)
    assert world.shop.fetches == [("S1", ("stars", "taste"))]
    assert known(connected) == after


def test_a_count_equals_the_metric(tmp_path: Path) -> None:
    """For each kind of question, it is the value of the metric that counts the answered."""
    desk = opened(tmp_path)
    found = desk.host.catalog.count_answers(EDITOR, "csv_example", "visits")
    definitions = {
        name: about(name, calculation=Calculation.ANSWERED)
        for name in ("stars", "nps", "colours[]", "spent", "why")
    }
    assert found.counts == {
        name: desk.preview(definition, prefetch=False).current.value
        for name, definition in definitions.items()
    }
    assert len(set(found.counts.values())) > 3
    desk.host.close()


def test_a_survey_is_counted_at_most_once_an_hour(world: World, connected: MetricsHost) -> None:
    """Other surveys do not matter, nor other definitions; a longer pause counts again."""
    counted(connected)
    counted(connected, "S2")
    world.clock.forward(HOUR)
    assert counted(connected).counts["stars"] == 3
    assert len(world.shop.fetches) == 2
    world.shop.answers["S1"] = stars("5")
    world.clock.forward(1)
    assert known(connected).due
    assert counted(connected).counts["stars"] == 1
    assert len(world.shop.fetches) == 3


def test_a_clock_that_was_set_back_does_not_stop_the_count(
    world: World, connected: MetricsHost
) -> None:
    """Otherwise a wrong time could rule it out for years."""
    counted(connected)
    world.clock.forward(-5 * HOUR)
    assert known(connected).due


def test_a_failed_count_rests_and_keeps_the_last_numbers(
    world: World, connected: MetricsHost
) -> None:
    """The error is raised once; the numbers keep the time of their data."""
    first = counted(connected)
    world.clock.forward(2 * HOUR)
    world.shop.failure = Unreachable("The shop is down.")
    with pytest.raises(Unreachable):
        counted(connected)
    assert connected.connections.show(ADMIN, "shop").status is ConnectionStatus.ERROR
    world.shop.failure = None
    rested = counted(connected)
    assert rested == first.model_copy(update={"failed": True})
    assert len(world.shop.fetches) == 2
    world.clock.forward(HOUR + 1)
    assert not counted(connected).failed


def test_a_download_that_is_too_large_is_no_problem_of_the_connection(
    world: World, connected: MetricsHost
) -> None:
    """Metrics download only their own questions."""
    world.shop.failure = DeadlineExceeded("The shop did not answer in time.")
    with pytest.raises(DeadlineExceeded):
        counted(connected)
    assert connected.connections.show(ADMIN, "shop").status is not ConnectionStatus.ERROR


def test_a_question_that_cannot_be_counted_is_left_out(
    world: World, connected: MetricsHost
) -> None:
    """The other questions have their numbers."""
    assert [known(connected, survey).counts for survey in ("S1", "S2")] == [{}, {}]
    world.shop.questions.remove("taste")
    assert counted(connected).counts == {"stars": 3}
    world.shop.questions.clear()
    with pytest.raises(QuestionUnavailable):
        counted(connected, "S2")


def test_small_numbers_are_hidden(world: World, connected: MetricsHost) -> None:
    """Also if the minimum of the account changes after the count."""
    world.shop.answers["S1"] = stars(*"54321", None)
    assert counted(connected).few == frozenset()
    connected.accounts.edit(ADMIN, AccountSettings(minimum_group=6))
    hidden = known(connected)
    assert hidden.counts == {}
    assert hidden.few == frozenset({"stars", "taste"})
    connected.accounts.edit(ADMIN, AccountSettings(minimum_group=5))
    assert known(connected).counts == {"stars": 5, "taste": 5}


def test_only_editors_read_numbers_of_chosen_surveys(connected: MetricsHost) -> None:
    """As for previews."""
    questionnaire = connected.catalog.questionnaire(EDITOR, "shop", "S1")
    with pytest.raises(RoleRequired):
        connected.catalog.count_answers(VIEWER, "shop", "S1")
    with pytest.raises(RoleRequired):
        connected.catalog.answer_counts(VIEWER, "shop", questionnaire)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    with pytest.raises(SurveyNotChosen):
        connected.catalog.count_answers(EDITOR, "shop", "S1")
    with pytest.raises(SurveyNotChosen):
        connected.catalog.answer_counts(EDITOR, "shop", questionnaire)


def test_a_count_is_an_export_of_the_account(world: World) -> None:
    """A refused one is no attempt, so it is made as soon as the account has exports again."""
    world.options = {"account_max_exports_per_hour": 1}
    host = world.open()
    host.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    counted(host)
    with pytest.raises(LimitReached):
        counted(host, "S2")
    assert known(host, "S2").due
    world.clock.forward(HOUR)
    assert counted(host, "S2").counts == {"stars": 2, "taste": 2}


def test_concurrent_callers_share_one_download(world: World, connected: MetricsHost) -> None:
    """While it runs, others read what is known without waiting."""
    hold = world.shop.on_fetch = Hold()
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(counted, connected)
        hold.wait_until_started()
        second = threads.submit(counted, connected)
        running = known(connected)
        hold.release()
        assert first.result(60) == second.result(60)
    assert (running.due, running.failed) == (False, False)
    assert len(world.shop.fetches) == 1


def test_a_cancelled_count_is_an_attempt(world: World, connected: MetricsHost) -> None:
    """The survey tool has started its export."""
    stop = threading.Event()
    running = world.shop.on_fetch = Stoppable()
    with ThreadPoolExecutor(1) as threads:
        call = threads.submit(connected.catalog.count_answers, EDITOR, "shop", "S1", cancelled=stop)
        assert running.begun.wait(60)
        stop.set()
        with pytest.raises(Cancelled):
            call.result(60)
    assert not known(connected).due


def test_a_large_survey_is_not_counted(
    world: World, connected: MetricsHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each question is one more column to download."""
    monkeypatch.setattr(answer_counts, "MAX_QUESTIONS", 1)
    found = counted(connected)
    assert (found.counts, found.as_of, found.due) == ({}, None, False)
    assert world.shop.fetches == []


def test_new_credentials_see_no_numbers_of_others(world: World, connected: MetricsHost) -> None:
    """They may see other answers."""
    counted(connected)
    world.shop.tokens.add("another-token-0002")
    connected.connections.edit(ADMIN, "shop", {"api_token": "another-token-0002"})
    assert known(connected).counts == {}
