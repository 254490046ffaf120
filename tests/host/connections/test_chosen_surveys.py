"""Chosen surveys: metrics of all others are neither offered, nor created, nor refreshed."""

from __future__ import annotations

from threading import Event
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import text

from smaply_metrics_core.errors import (
    EditConflict,
    InputError,
    NotFound,
    RoleRequired,
    StoreError,
    SurveyNotChosen,
    Unreachable,
)
from smaply_metrics_core.host import AuditAction, Freshness, RefreshDecisionKind
from smaply_metrics_core.host.metrics.survey_catalog import QuestionnaireCache
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.refresh_end import RefreshEnd
from smaply_metrics_core.host.refresh.survey_refresh import SurveyRefresh
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.chosen_surveys import lock
from tests.host.conftest import (
    ADMIN,
    AVERAGE,
    EDITOR,
    OTHER,
    TOKEN,
    VIEWER,
    load,
    on_both_stores,
    postgresql_only,
    sqlite_only,
    value_of,
)
from tests.host.fake_source import stars

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core.host import Actor, MetricsHost, SurveyChoice
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="the same choices on either store")


def chosen(choice: SurveyChoice) -> list[str]:
    """Return the ids of the chosen surveys."""
    return [one.id for one in choice.surveys if one.chosen]


@sqlite_only
def test_all_surveys_may_be_used_by_default(connected: MetricsHost) -> None:
    """Nothing is chosen, and the number of metrics of each survey is shown."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    choice = connected.chosen_surveys.show(ADMIN, "shop")
    assert (choice.restricted, choice.version, choice.problem) == (False, 1, None)
    assert [(one.id, one.name, one.chosen, one.listed, one.metrics) for one in choice.surveys] == [
        ("S1", "Survey S1", False, True, 1),
        ("S2", "Survey S2", False, True, 0),
    ]
    assert connected.connections.show(EDITOR, "shop").chosen_surveys is None


@sqlite_only
def test_only_chosen_surveys_are_offered(connected: MetricsHost) -> None:
    """Also to Admins, unless they list all surveys."""
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    for actor in (EDITOR, ADMIN):
        page = connected.catalog.surveys(actor, "shop")
        assert [survey.id for survey in page.surveys] == ["S2"]
        assert (page.total, page.matching, page.restricted) == (1, 1, True)
    every = connected.catalog.surveys(ADMIN, "shop", all_surveys=True)
    assert (every.total, every.restricted) == (2, False)
    with pytest.raises(RoleRequired):
        connected.catalog.surveys(EDITOR, "shop", all_surveys=True)
    assert connected.connections.show(EDITOR, "shop").chosen_surveys == 1


@sqlite_only
@pytest.mark.parametrize("actor", [EDITOR, ADMIN])
def test_other_surveys_are_refused(connected: MetricsHost, world: World, actor: Actor) -> None:
    """Before anything is requested, and also if the preview is in the cache."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.preview(EDITOR, "shop", AVERAGE)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    world.shop.asked.clear()
    world.shop.fetches.clear()
    changed = AVERAGE.model_copy(update={"question_id": "taste"})
    for call in (
        lambda: connected.metrics.add(actor, "shop", "More stars", AVERAGE),
        lambda: connected.metrics.preview(actor, "shop", AVERAGE),
        lambda: connected.metrics.edit(actor, metric.id, definition=changed),
        lambda: connected.catalog.questionnaire(actor, "shop", "S1"),
    ):
        with pytest.raises(SurveyNotChosen, match="is not one of them"):
            call()
    assert (world.shop.asked, world.shop.fetches) == ([], [])


@sqlite_only
def test_a_metric_of_another_survey_may_be_renamed_and_moved(connected: MetricsHost) -> None:
    """An Editor can follow the remedy: choose another survey in the metric."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    assert connected.metrics.edit(EDITOR, metric.id, name="Old stars").name == "Old stars"
    connected.metrics.edit(EDITOR, metric.id, definition=OTHER)
    (card,) = load(connected)
    assert (card.freshness, value_of(card)) == (Freshness.FRESH, 1.5)


@on_both_stores
def test_other_metrics_keep_their_value_until_they_are_chosen_again(
    connected: MetricsHost, world: World
) -> None:
    """Nothing is exported for them, even on request; then the next load refreshes them."""
    ids = [connected.metrics.add(EDITOR, "shop", "Stars", each).id for each in (AVERAGE, OTHER)]
    load(connected)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    world.shop.answers["S1"] = stars("1")
    world.shop.fetches.clear()
    world.clock.forward(3601)
    stopped, other = connected.cards.load(EDITOR, ids, wait=60, force=True)
    assert [survey for survey, _ in world.shop.fetches] == ["S2"]
    assert (stopped.freshness, value_of(stopped)) == (Freshness.NOT_CHOSEN, 4.0)
    assert stopped.next_at is None
    assert (other.freshness, other.problem) == (Freshness.FRESH, None)
    explained = connected.cards.explain(VIEWER, stopped.metric_id)
    assert explained.kind is RefreshDecisionKind.NOT_CHOSEN
    assert explained.next_at is None
    assert explained.sentence.endswith("on the first load after an Admin has chosen its survey.")

    connected.chosen_surveys.edit(ADMIN, "shop", ["S1", "S2"])
    again, _ = connected.cards.load(VIEWER, ids, wait=60)
    assert (again.freshness, value_of(again)) == (Freshness.FRESH, 1.0)
    assert [survey for survey, _ in world.shop.fetches] == ["S2", "S1"]


def test_all_surveys_can_be_allowed_again_at_once(connected: MetricsHost, world: World) -> None:
    """Metrics that were stopped for a moment only are refreshed on the next load, too."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    assert connected.chosen_surveys.edit(ADMIN, "shop", None) == 3
    choice = connected.chosen_surveys.show(ADMIN, "shop")
    assert (choice.restricted, choice.version, chosen(choice)) == (False, 3, [])
    world.shop.fetches.clear()
    load(connected)
    load(connected)
    assert [survey for survey, _ in world.shop.fetches] == ["S1"]


@sqlite_only
def test_each_role_reads_why_a_metric_stopped(connected: MetricsHost) -> None:
    """Viewers get no instruction that they cannot follow."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    (viewer,), (editor,), (admin,) = map(connected.cards.load, (VIEWER, EDITOR, ADMIN))
    assert viewer.problem is not None
    assert viewer.problem.kind == "survey_not_chosen"
    assert viewer.problem.message == (
        "This metric is not refreshed, because an Admin restricted the connection to other surveys."
    )
    assert viewer.problem.remedy == "An Editor can fix it."
    assert editor.problem == admin.problem
    assert editor.problem is not None
    assert editor.problem.remedy.startswith("Choose another survey in the metric. An Admin can add")


def test_a_queued_refresh_is_not_made(connected: MetricsHost, world: World) -> None:
    """The choice is read again under the lease, also for refreshes of dead workers."""
    refresh = SurveyRefresh(connected._runtime, connected._sessions, lambda *_: None)  # noqa: SLF001
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    key, forced = SurveyKey("acme", metric.connection_id, "S1"), True
    assert refresh(key, forced, Event(), resumed=True) is RefreshEnd.NOTHING_DUE
    assert world.shop.fetches == []
    (card,) = connected.cards.load(VIEWER, refresh=False)
    assert card.freshness is Freshness.NOT_CHOSEN


@postgresql_only
def test_a_change_waits_for_refreshes_that_read_the_choice(
    connected: MetricsHost, world: World
) -> None:
    """So none of them starts after the change; with SQLite, all writing transactions wait."""
    connection_id = connected.connections.show(ADMIN, "shop").id
    store = Store(world.where)
    try:
        with store.writing() as refresh:
            row = connection_rows.find(refresh, "acme", connection_id, keep=True)
            with pytest.raises(StoreError), store.writing() as change:  # noqa: PT012  # The end of the block raises it.
                change.execute(text("SET LOCAL lock_timeout = '1ms'"))
                lock(change, row)
        with store.writing() as change:
            assert lock(change, row)
    finally:
        store.close()


@sqlite_only
def test_a_refresh_that_has_begun_ends(connected: MetricsHost, world: World) -> None:
    """Its value is stored, and the card shows that no other follows."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.shop.on_fetch = lambda _: connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    load(connected)
    world.shop.on_fetch = None
    world.clock.forward(3601)
    (card,) = load(connected)
    assert (card.freshness, value_of(card)) == (Freshness.NOT_CHOSEN, 4.0)
    assert len(world.shop.fetches) == 1


@sqlite_only
def test_a_preview_reads_the_choice_again_before_its_export(
    connected: MetricsHost, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An Admin may change it while the questions are read."""
    monkeypatch.setattr(
        QuestionnaireCache, "add", lambda *_: connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    )
    with pytest.raises(SurveyNotChosen):
        connected.metrics.preview(EDITOR, "shop", AVERAGE)
    assert world.shop.fetches == []


@sqlite_only
def test_only_admins_choose(connected: MetricsHost) -> None:
    """Neither Editors nor another account's Admins see or change the choice."""
    for actor, error in (
        (EDITOR, RoleRequired),
        (type(ADMIN)("rival", "rita", ADMIN.role), NotFound),
    ):
        with pytest.raises(error):
            connected.chosen_surveys.show(actor, "shop")
        with pytest.raises(error):
            connected.chosen_surveys.edit(actor, "shop", ["S1"])


@sqlite_only
def test_changes_are_recorded(connected: MetricsHost, world: World) -> None:
    """With the surveys, of which the entry names twenty at most."""
    world.shop.answers = {f"S{number}": [] for number in range(2_000)}
    connection = connected.connections.show(ADMIN, "shop").id
    connected.chosen_surveys.edit(ADMIN, "shop", ["S1", "S2"])
    connected.chosen_surveys.edit(ADMIN, "shop", None)
    connected.chosen_surveys.edit(ADMIN, "shop", world.shop.answers)
    entries = connected.audit.list(ADMIN, limit=3)
    assert {(one.user, one.action, one.subject) for one in entries} == {
        ("ada", AuditAction.CHOOSE_SURVEYS, connection)
    }
    many, every, two = (one.detail for one in entries)
    assert (two, every) == ("2 surveys: S1, S2", "all surveys")
    assert many.startswith("2,000 surveys: S0, S1, ")
    assert many.endswith("S19 and 1,980 more")


def test_a_change_of_an_old_version_is_refused(connected: MetricsHost) -> None:
    """Nothing is saved; an edit of the credentials is not a change of the choice."""
    version = connected.chosen_surveys.edit(ADMIN, "shop", ["S1"])
    connected.connections.edit(ADMIN, "shop", {"nickname": "Corner"})
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"], version=version)
    with pytest.raises(EditConflict):
        connected.chosen_surveys.edit(ADMIN, "shop", ["S1"], version=version)
    assert chosen(connected.chosen_surveys.show(ADMIN, "shop")) == ["S2"]


@on_both_stores
def test_a_change_during_another_is_refused(connected: MetricsHost, world: World) -> None:
    """The version is checked again in the transaction."""
    newer = "UPDATE connections SET choice_version = 2 WHERE account = 'acme'"
    world.shop.on_list = lambda _: world.query(newer)
    with pytest.raises(EditConflict):
        connected.chosen_surveys.edit(ADMIN, "shop", ["S1"])
    assert not connected.chosen_surveys.show(ADMIN, "shop").restricted


@sqlite_only
def test_a_choice_names_surveys_that_exist(connected: MetricsHost) -> None:
    """At least one and not too many."""
    with pytest.raises(InputError, match="No survey is chosen"):
        connected.chosen_surveys.edit(ADMIN, "shop", [])
    with pytest.raises(InputError, match="5,001 surveys"):
        connected.chosen_surveys.edit(ADMIN, "shop", map(str, range(5_001)))
    with pytest.raises(NotFound, match="S9"):
        connected.chosen_surveys.edit(ADMIN, "shop", ["S1", "S9"])
    assert not connected.chosen_surveys.show(ADMIN, "shop").restricted


@sqlite_only
def test_a_survey_that_is_no_longer_listed_stays_chosen(
    connected: MetricsHost, world: World
) -> None:
    """With its name at the time; one that is only used by a metric can be chosen."""
    connected.metrics.add(EDITOR, "shop", "Stars", OTHER)
    connected.chosen_surveys.edit(ADMIN, "shop", ["S1"])
    world.shop.answers = {"S3": []}
    choice = connected.chosen_surveys.show(ADMIN, "shop", reload=True)
    assert [(one.id, one.name, one.chosen, one.listed, one.metrics) for one in choice.surveys] == [
        ("S3", "Survey S3", False, True, 0),
        ("S2", "S2", False, False, 1),
        ("S1", "Survey S1", True, False, 0),
    ]
    connected.chosen_surveys.edit(ADMIN, "shop", ["S1", "S2"])
    assert chosen(connected.chosen_surveys.show(ADMIN, "shop")) == ["S2", "S1"]


@sqlite_only
def test_an_outage_shows_the_chosen_surveys(connected: MetricsHost, world: World) -> None:
    """And allows to remove them; others cannot be added."""
    connected.chosen_surveys.edit(ADMIN, "shop", ["S1", "S2"])
    connected.connections.edit(ADMIN, "shop", {"nickname": "Corner"})  # Drops the cached list.

    def fail(_: object) -> None:
        raise Unreachable("The shop cannot be reached.")

    world.shop.on_list = fail
    world.shop.answers["S3"] = []
    choice = connected.chosen_surveys.show(ADMIN, "shop")
    assert choice.problem is not None
    assert [(one.id, one.listed) for one in choice.surveys] == [("S1", None), ("S2", None)]
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    assert chosen(connected.chosen_surveys.show(ADMIN, "shop")) == ["S2"]
    with pytest.raises(Unreachable):
        connected.chosen_surveys.edit(ADMIN, "shop", ["S2", "S3"])


@sqlite_only
def test_the_metrics_that_a_choice_would_stop(connected: MetricsHost) -> None:
    """Those of surveys that may be used now, and not afterwards."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    everything = connected.chosen_surveys.show(ADMIN, "shop")
    assert [one.id for one in everything.stopped_by(["S2"])] == ["S1"]
    assert everything.stopped_by(["S1"]) == everything.stopped_by(None) == ()
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    restricted = connected.chosen_surveys.show(ADMIN, "shop")
    assert restricted.stopped_by([]) == ()


@sqlite_only
def test_debug_bundles_contain_any_survey(connected: MetricsHost, tmp_path: Path) -> None:
    """Debug Configuration is for Admins."""
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    bundle = connected.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "1.zip")
    assert bundle.problem is None


def test_a_new_connection_is_not_restricted(connected: MetricsHost, world: World) -> None:
    """The choice is deleted with its connection."""
    connected.chosen_surveys.edit(ADMIN, "shop", ["S2"])
    connected.connections.delete(ADMIN, "shop")
    connected.connections.connect(ADMIN, "shop", {"api_token": TOKEN})
    assert not connected.chosen_surveys.show(ADMIN, "shop").restricted
    assert world.query("SELECT count(*) FROM chosen_surveys WHERE account = 'acme'") == [(0,)]
