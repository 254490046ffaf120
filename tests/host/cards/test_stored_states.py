"""Cards show what is stored, however it is read: parsed at once, cached or damaged."""

from __future__ import annotations

import json
import random
import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from sqlalchemy import insert, select

from smaply_metrics_core import ChartType, Problem
from smaply_metrics_core.errors import NotFound, StoreError
from smaply_metrics_core.host import (
    AccountSettings,
    Card,
    Definition,
    Display,
    Freshness,
    Result,
    card_json,
)
from smaply_metrics_core.host.store import Store
from smaply_metrics_core.host.store.metric_states import MAX_RESULTS
from smaply_metrics_core.host.store.model_cache import ModelCache
from smaply_metrics_core.host.store.tables import attempts, connections, metric_values, metrics
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, VIEWER, load, on_both_stores, value_of

if TYPE_CHECKING:
    from smaply_metrics_core.host import MetricsHost
    from tests.host.conftest import World

pytestmark = pytest.mark.postgresql_deep(reason="results are cached in memory")

STATES: Final = 60
WORDS: Final = ("", "NPS", "Größe “x” 😀", '\\u0041\n\t"', "long " * 400)

Stored = tuple[Definition, Display, Result | None, Problem | None]


def any_definition(rng: random.Random) -> Definition:
    """Return a definition of any type."""
    kind = rng.choice(["number", "series", "comparison"])
    return Definition.model_validate(
        {
            "type": kind,
            "survey_id": "S1",
            "question_id": rng.choice([None, "stars"]),
            "calculation": rng.choice(["responses", "average", "share"]),
            "answers": rng.sample(["1", "2", "ä"], rng.randrange(3)),
            "group_by": {"kind": "period", "of": "month"} if kind == "series" else None,
            "range": {"preset": "custom", "start": "2026-01-01"},
            "filters": [
                {"kind": "field", "of": "Region", "values": [f"v{n}" for n in range(length)]}
                for length in rng.choice([[], [2], [900]])
            ],
            "include": rng.sample(["preview", "test", "spam"], rng.randrange(3)),
        }
    )


def any_window(rng: random.Random, name: str) -> dict[str, Any]:
    """Return one window of a result."""
    return {
        "window": {"name": name, "start": "2026-01-01T00:00:00Z", "end": None},
        "value": rng.choice([None, -46, 0.1 + 0.2, 1e300, rng.uniform(-100, 100)]),
        "reason": rng.choice(WORDS),
        "responses": rng.randrange(10**6),
        "answered": rng.randrange(2),
        "unanswered": {reason: rng.randrange(9) for reason in rng.sample(WORDS, 2)},
        "excluded": {"preview": rng.randrange(9)} if rng.random() < 0.5 else {},
        "recorded": rng.randrange(10**6),
        "low_sample": rng.random() < 0.5,
    }


def any_result(rng: random.Random, kind: str, as_of: datetime) -> Result:
    """Return a result of a type."""
    compared = kind == "comparison"
    return Result.model_validate(
        {
            "type": kind,
            "calculation": "average",
            "unit": rng.choice(["count", "score", "percent", "points"]),
            "current": any_window(rng, "current"),
            "previous": any_window(rng, "previous") if compared else None,
            "change": {"difference": rng.random(), "reason": rng.choice(WORDS)}
            if compared
            else None,
            "groups": [
                {
                    "key": str(n),
                    "label": rng.choice(WORDS),
                    "value": rng.choice([None, rng.random()]),
                    "responses": n,
                    "answered": n,
                    "low_sample": n < 30,
                }
                for n in range(rng.choice([0, 3, 40]) if kind == "series" else 0)
            ],
            "counted": rng.sample(WORDS, rng.randrange(3)),
            "notes": rng.sample(WORDS, rng.randrange(3)),
            "as_of": as_of,
        }
    )


def any_state(rng: random.Random, as_of: datetime) -> Stored:
    """Return a definition, a display, and what its last refresh may have stored."""
    definition = any_definition(rng)
    display = Display(
        chart=rng.choice([None, *ChartType]),
        heading=rng.choice(WORDS),
        target=rng.choice([None, 1.5]),
        reverse_colors=rng.random() < 0.5,
    )
    result = any_result(rng, definition.type, as_of) if rng.random() < 0.8 else None
    problem = Problem.model_validate(
        {
            "kind": "x",
            "message": rng.choice(WORDS),
            "remedy": rng.choice(WORDS),
            "blame": "source",
            "fields": [{"name": "survey_id", "message": rng.choice(WORDS)}],
        }
    )
    return definition, display, result, problem if rng.random() < 0.5 else None


def store_states(world: World, states: list[Stored], now: datetime) -> None:
    """Store one metric for each state, with an attempt that ended a minute ago."""
    store = Store(world.where)
    with store.writing() as db:
        (connection_id,) = db.execute(
            select(connections.c.id).where(connections.c.account == "acme")
        ).scalars()
        for number, (definition, display, result, problem) in enumerate(states):
            key = {"metric_id": f"met_{number:04}", "account": "acme"}
            stored = {**key, "fingerprint": AccountSettings().fingerprint(definition)}
            db.execute(
                insert(metrics).values(
                    id=key["metric_id"],
                    account="acme",
                    workspace="default",
                    name=f"Metric {number}",
                    source="shop",
                    connection_id=connection_id,
                    survey_id="S1",
                    definition=definition.model_dump(mode="json"),
                    display=display.model_dump(mode="json"),
                    version=1,
                    created_at=now,
                    created_by="ed",
                    updated_at=now,
                )
            )
            db.execute(
                insert(attempts).values(
                    **stored,
                    started_at=now - timedelta(minutes=2),
                    ended_at=now - timedelta(minutes=1),
                    failed=problem is not None,
                    problem=None if problem is None else problem.model_dump(mode="json"),
                )
            )
            if result is not None:
                dumped = result.model_dump(mode="json")
                db.execute(
                    insert(metric_values).values(
                        **stored, result=dumped, tally={}, as_of=result.as_of
                    )
                )
    store.close()


def assert_shows(card: Card, state: Stored) -> None:
    """The card has exactly what was stored."""
    definition, display, result, problem = state
    assert (card.type, card.display, card.result) == (definition.type, display, result)
    if problem is not None:
        assert card.problem == problem
    copy = None if result is None else Result.model_validate(result.model_dump())
    plain = card.model_copy(update={"result": copy})
    assert json.dumps(card_json(card)) == json.dumps(card_json(plain))


@on_both_stores
def test_cards_equal_their_stored_states(world: World, connected: MetricsHost) -> None:
    """Whatever the texts, numbers and lengths, and whether or not they are cached."""
    rng = random.Random(13)  # noqa: S311  # States for a test, not keys.
    now = world.clock.now()
    states = [any_state(rng, now - timedelta(seconds=n)) for n in range(STATES)]
    store_states(world, states, now)
    first = connected.cards.load(ADMIN)
    again = connected.cards.load(ADMIN)
    assert first == again
    for card, state in zip(first, states, strict=True):
        assert_shows(card, state)
        expected = Freshness.FRESH if state[3] is None else Freshness.FAILED
        assert card.freshness is expected


def test_equal_results_are_parsed_once(connected: MetricsHost) -> None:
    """Loads share the result and the display, which are immutable."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (first,) = load(connected)
    (again,) = load(connected)
    assert again.result is not None
    assert again.result is first.result
    assert again.display is first.display
    with pytest.raises(TypeError, match="cannot be changed"):
        again.result.current.excluded["preview"] = 1  # type: ignore[index]  # Not in its type.


def test_a_recalculated_result_is_shown_at_once(world: World, connected: MetricsHost) -> None:
    """A new value replaces a cached one, even one with the same instant and fingerprint."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    (card,) = load(connected)
    assert value_of(card) == 4.0
    ((stored,),) = world.query(
        "SELECT CAST(result AS TEXT) FROM metric_values WHERE account = 'acme'"
    )
    changed = json.loads(stored)
    changed["current"]["value"] = 2.5
    world.query(
        "UPDATE metric_values SET result = :result WHERE account = 'acme'",
        result=json.dumps(changed),
    )
    assert value_of(load(connected)[0]) == 2.5


@on_both_stores
def test_a_changed_definition_hides_the_cached_result(world: World, connected: MetricsHost) -> None:
    """Neither another definition nor another time zone shows the old value."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.accounts.edit(ADMIN, AccountSettings(zone="Asia/Tokyo"))
    assert connected.cards.load(VIEWER, refresh=False)[0].result is None
    connected.accounts.edit(ADMIN, AccountSettings())
    assert connected.cards.load(VIEWER, refresh=False)[0].result is not None
    world.query(
        "UPDATE metrics SET definition = :definition WHERE account = 'acme'",
        definition=AVERAGE.model_copy(update={"question_id": "taste"}).model_dump_json(),
    )
    assert connected.cards.load(VIEWER, [metric.id], refresh=False)[0].result is None


@on_both_stores
def test_a_deleted_metric_is_not_served_from_the_cache(connected: MetricsHost) -> None:
    """After a deletion, nothing of the metric is found."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    connected.metrics.delete(EDITOR, metric.id)
    assert load(connected) == ()
    with pytest.raises(NotFound):
        connected.cards.load(VIEWER, [metric.id])


def test_a_cached_result_is_not_shown_to_another_account(connected: MetricsHost) -> None:
    """The cache is read with the text of a row, and rows are read by account."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    load(connected)
    other = type(VIEWER)("other", "olga", VIEWER.role)
    assert connected.cards.load(other) == ()


@pytest.mark.parametrize("damaged", ['{"type": 1}', "[]", "null"])
def test_damaged_values_and_problems_are_logged(
    world: World, connected: MetricsHost, caplog: pytest.LogCaptureFixture, damaged: str
) -> None:
    """The card stays, without its value; other metrics are not affected."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.metrics.add(EDITOR, "shop", "Again", AVERAGE)
    load(connected)
    first = "(SELECT min(id) FROM metrics WHERE account = 'acme')"
    for table, column in (("metric_values", "result"), ("attempts", "problem")):
        world.query(
            f"UPDATE {table} SET {column} = :damaged "  # noqa: S608  # The names are constants.
            f"WHERE metric_id = {first} AND account = 'acme'",
            damaged=damaged,
        )
    cards = connected.cards.load(VIEWER, refresh=False)
    assert sorted(card.result is None for card in cards) == [False, True]
    assert [card.problem for card in cards] == [None, None]
    assert "The stored value of metric" in caplog.text


def test_a_damaged_definition_is_an_error(world: World, connected: MetricsHost) -> None:
    """It names the metric."""
    metric = connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    world.query("UPDATE metrics SET definition = '[]' WHERE account = 'acme'")
    with pytest.raises(StoreError, match=metric.id):
        connected.cards.load(VIEWER)


@pytest.mark.parametrize("kind", ["number", "series"])
def test_cached_results_take_bounded_memory(kind: str) -> None:
    """However many results are read, their objects take at most ten bytes per cached character."""
    rng = random.Random(4)  # noqa: S311  # As above.
    result = any_result(rng, kind, datetime(2026, 3, 1, tzinfo=UTC))
    cache = ModelCache(Result, MAX_RESULTS // 80)
    texts = (result.model_copy(update={"ungrouped": n}).model_dump_json() for n in range(500))
    tracemalloc.start()
    try:
        for text in texts:
            cache.parse(text)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert MAX_RESULTS / 100 < cache.size <= MAX_RESULTS / 80
    assert taken < 10 * cache.size
