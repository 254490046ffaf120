"""The service of entered values: stored with who entered them, without losing a change."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from datetime import date, timedelta

import pytest

from smaply_metrics_core.host import (
    Actor,
    EditConflict,
    EnteredInput,
    EnteredUnit,
    InputError,
    MetricsError,
    MetricsHost,
    NotFound,
    RoleRequired,
    history_table,
    value_table,
)
from tests.entered_values.conftest import ADA, ANA, BEN, VERA, World

POINTS = EnteredUnit.POINTS


def value(day: str, number: float, label: str = "", n: int | None = None) -> EnteredInput:
    """Return a value as a person enters it."""
    return EnteredInput(day=date.fromisoformat(day), label=label, value=number, n=n)


FIRST = (value("2026-09-30", 36), value("2026-10-31", 43, n=25))


def test_values_stay_with_who_entered_them(world: World) -> None:
    """A later change stamps only the values that it changes; earlier rows are kept."""
    entered = world.open().entered_values
    saved = entered.add(ANA, "Calls", POINTS, FIRST)
    world.clock.forward(timedelta(days=1))
    entered.add_values(BEN, saved.table.id, [value("2026-10-31", 44), value("2026-11-30", 50)])
    (table,) = world.tables()
    assert [(row.value, row.n, row.entered_by) for row in table.rows] == [
        (36, None, "Ana Silva"),
        (44, None, "Ben Ode"),
        (50, None, "Ben Ode"),
    ]
    again = entered.edit(ANA, table.id, "Calls of all", [*table.rows[1:], value("2026-08-31", 1)])
    assert [(row.value, row.entered_by) for row in again.table.rows] == [
        (1, "Ana Silva"),
        (44, "Ben Ode"),
        (50, "Ben Ode"),
    ]
    assert (again.table.name, again.table.version) == ("Calls of all", 3)


def test_a_change_is_shown_at_the_next_load(world: World) -> None:
    """A change makes the metrics of its table due, without waiting for an hour."""
    host = world.open()
    saved = host.entered_values.add(ANA, "Calls", POINTS, FIRST)
    metric = world.add_metric(host, saved)
    assert [card.text for card in host.cards.load(VERA, wait=30)] == ["43"]
    world.clock.forward(timedelta(seconds=5))
    changed = host.entered_values.add_values(BEN, saved.table.id, [value("2026-11-30", 50)])
    assert changed.metrics == (metric.id,)
    (card,) = host.cards.load(VERA, wait=30)
    assert card.text == "50"
    row = value_table([card]).rows[0]
    assert (row["answered"], row["low_sample"], row["entered_by"]) == (None, None, "Ben Ode")
    past = host.metrics.history(VERA, metric.id)
    assert [(one.value, one.answered, one.hidden) for one in past] == [
        (43, 25, False),
        (50, None, False),
    ]
    assert [one["answered"] for one in history_table({metric.id: past}).rows] == [25, None]


def test_the_second_of_two_editors_sees_a_conflict(world: World) -> None:
    """A change that is based on an older version is not stored; other tables do not matter."""
    entered = world.open().entered_values
    table = entered.add(ANA, "Calls", POINTS, FIRST).table
    other = entered.add(ANA, "Visits", EnteredUnit.COUNT).table
    entered.edit(ANA, table.id, "Calls", FIRST[:1], version=1)
    with pytest.raises(EditConflict, match="Another user changed “Calls”"):
        entered.edit(BEN, table.id, "Calls", [], version=1)
    assert len(entered.show(BEN, table.id).table.rows) == 1
    visits = entered.edit(BEN, other.id, "Visits", [value("2026-10-31", 7)], version=1)
    assert visits.table.version == 2
    assert entered.edit(BEN, table.id, "Calls", [], version=2).table.rows == ()


def test_changes_of_two_processes_are_both_stored(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A change is tried again if another process stored another table in between."""
    one, other = world.open().entered_values, world.open().entered_values
    table = one.add(ANA, "Calls", POINTS, FIRST).table
    metrics = type(one)._metrics  # noqa: SLF001  # Called between reading and storing.
    raced: list[str] = []

    def race(self: object, *given: object) -> tuple[str, ...]:
        if self is one and not raced:
            raced.append(other.add(BEN, "Visits", EnteredUnit.COUNT).table.id)
        return metrics(self, *given)  # type: ignore[arg-type]

    monkeypatch.setattr(type(one), "_metrics", race)
    one.add_values(ANA, table.id, [value("2026-11-30", 50)])
    assert [(found.name, len(found.rows)) for found in one.list(ANA)] == [
        ("Calls", 3),
        ("Visits", 0),
    ]


def test_only_unused_tables_are_deleted(world: World) -> None:
    """A table that a metric uses stays."""
    host = world.open()
    saved = host.entered_values.add(ANA, "Calls", POINTS, FIRST)
    metric = world.add_metric(host, saved)
    with pytest.raises(InputError, match="1 metric uses “Calls”"):
        host.entered_values.delete(ANA, saved.table.id)
    host.metrics.delete(ANA, metric.id)
    assert host.entered_values.delete(ANA, saved.table.id).name == "Calls"
    assert world.tables() == ()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda host: host.entered_values.add(ANA, "calls", POINTS), "the same name"),
        (lambda host: host.entered_values.add(ANA, " ", POINTS), "a name of 1 to 100 characters"),
        (lambda host: host.entered_values.add(ANA, "A", POINTS, FIRST * 2), "same date and label"),
        (
            lambda host: host.entered_values.add(ANA, "A", POINTS, [value("2026-10-31", 101)]),
            "the value 101 must be from −100 to 100",  # noqa: RUF001  # As people read it.
        ),
        (
            lambda host: host.entered_values.add(
                ANA, "A", POINTS, [value("2026-10-31", 1, str(n)) for n in range(501)]
            ),
            "at most 500 values",
        ),
    ],
)
def test_an_invalid_table_is_refused(
    world: World, change: Callable[[MetricsHost], object], words: str
) -> None:
    """The message says what is wrong, and nothing is stored."""
    host = world.open()
    host.entered_values.add(ANA, "Calls", POINTS)
    with pytest.raises(InputError, match=words):
        change(host)
    assert [table.name for table in world.tables()] == ["Calls"]


@pytest.mark.parametrize(
    ("actor", "error"),
    [(VERA, RoleRequired), (Actor("other", "Eve", ANA.role), NotFound)],
)
def test_only_editors_of_the_account_reach_a_table(
    world: World, actor: Actor, error: type[MetricsError]
) -> None:
    """Viewers see cards, which hide small groups, and other accounts see nothing."""
    entered = world.open().entered_values
    table = entered.add(ANA, "Calls", POINTS, FIRST).table
    for call in (
        lambda: entered.show(actor, table.id),
        lambda: entered.edit(actor, table.id, "A", []),
        lambda: entered.add_values(actor, table.id, []),
        lambda: entered.delete(actor, table.id),
    ):
        with pytest.raises(error):
            call()
    assert entered.show(ANA, table.id).table == table


def test_an_erased_user_is_no_longer_named(world: World) -> None:
    """Erasing a user replaces their name in entered values, and on cards at the next load."""
    host = world.open()
    saved = host.entered_values.add(ANA, "Calls", POINTS, FIRST)
    world.add_metric(host, saved)
    host.cards.load(VERA, wait=30)
    assert host.accounts.erase_user(ADA, "Ana Silva") > len(FIRST)
    stored = [card.result for card in host.cards.load(VERA, refresh=False)]
    assert "Ana" not in repr(stored)
    (card,) = host.cards.load(VERA, wait=30)
    assert card.result is not None
    assert "Ana" not in card.result.model_dump_json()
    assert {row.entered_by for row in world.tables()[0].rows} == {"deleted user"}


def test_values_are_exported_with_the_account(world: World) -> None:
    """The export has the values in clear, with their table."""
    host = world.open()
    host.entered_values.add(ANA, "Calls", POINTS, FIRST)
    path = world.home / "export.zip"
    assert host.accounts.export(ADA, path).rows["entered_values"] == len(FIRST)
    with zipfile.ZipFile(path) as archive:
        first = json.loads(archive.read("entered_values.jsonl").splitlines()[0])
    assert (first["table"], first["value"], first["entered_by"]) == ("Calls", 36, "Ana Silva")


def test_values_are_encrypted_and_deleted_with_the_account(world: World) -> None:
    """No value is in the store in clear; deleting the account deletes the tables."""
    host = world.open()
    host.entered_values.add(ANA, "Very private name", POINTS, FIRST)
    stored = b"".join(one.read_bytes() for one in world.home.glob("*.db*"))
    assert b"private name" not in stored
    host.accounts.delete(ADA)
    assert host.entered_values.list(ANA) == ()
