"""``card load`` and ``metric history``: what people read after refreshes."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from smaply_metrics_qualtrics_sandbox import SandboxServer
from tests.cli.conftest import SURVEY, Command

PREVIEW = ("metric", "preview", "--connection", "qualtrics", "--survey", SURVEY)
ADD = ("--connection", "qualtrics", "--survey", SURVEY)
COMPARED = ("--type", "comparison", "--range", "last_90_days")


def test_cards_of_all_three_types(linked: Command, sandbox: SandboxServer) -> None:
    """Each type has its own keys, and one export refreshes all cards of a survey."""
    question = (*ADD, "--question", "QID1", "--calculation", "nps")
    ids = [
        linked.done("metric", "add", name, *question, *options)["id"]
        for name, options in {
            "Number": (),
            "Series": ("--group-by", "field:Segment"),
            "Comparison": COMPARED,
        }.items()
    ]
    sandbox.state.clear_log()

    cards = linked.done("card", "load", "--now", "2026-04-01T12:00:00Z")["cards"]
    again = linked("card", "load", "--now", "2026-04-01T12:30:00Z")

    starts = [call for call in sandbox.state.calls() if call["route"] == "export_start"]
    assert len(starts) == 1
    number, series, comparison = cards
    assert [card["id"] for card in cards] == ids
    assert {card["freshness"] for card in cards} == {"fresh"}
    assert {card["as_of"] for card in cards} == {"2026-04-01T12:00:00Z"}
    assert {card["source"] for card in cards} == {"qualtrics"}
    assert isinstance(number["value"], float)
    assert "groups" not in number
    assert {group["key"] for group in series["groups"]} == {"Business", "Private"}
    assert "value" not in series
    assert comparison["change"] == pytest.approx(comparison["current"] - comparison["previous"])
    assert again.code == 0
    for shown in ("Number", "Series", "Comparison", number["text"], "→", "fresh", "Business"):
        assert shown in again.out


def test_a_failed_refresh_exits_with_0(linked: Command, sandbox: SandboxServer) -> None:
    """After a failed refresh the card has its last value and the problem; the exit code is 0."""
    linked.done("metric", "add", "All", *ADD, "--calculation", "responses")
    before = linked.done("card", "load", "--now", "2026-04-01T12:00:00Z")["cards"][0]
    sandbox.state.add_fault("export_progress", kind="failed", times=2)

    after = linked.done("card", "load", "--now", "2026-04-01T13:00:01Z")["cards"][0]
    as_text = linked("card", "load", "--now", "2026-04-01T13:00:02Z")

    assert after["freshness"] == "failed"
    assert after["value"] == before["value"]
    assert after["as_of"] == before["as_of"]
    assert after["problem"]["kind"] == "export_failed"
    assert as_text.code == 0
    assert "failed" in as_text.out
    assert after["problem"]["remedy"].split(".")[0] in as_text.out.replace("\n", " ")


def test_ids_choose_and_order_the_cards(linked: Command) -> None:
    """`card load ID…` returns these cards in this order, each once."""
    ids = [
        linked.done("metric", "add", name, *ADD, "--calculation", "responses")["id"]
        for name in "abc"
    ]

    cards = linked.done("card", "load", ids[2], ids[0], ids[2])["cards"]

    assert [card["id"] for card in cards] == [ids[2], ids[0]]


def test_the_account_decides_where_days_begin(linked: Command) -> None:
    """`account edit` changes time zone and week start separately, and date ranges follow."""
    assert linked.done("account", "show") == {
        "zone": "UTC",
        "week_start": 1,
        "confidence": 95,
        "minimum_group": 0,
    }

    linked.done("account", "edit", "--zone", "Europe/Vienna")
    assert linked.done("account", "edit", "--week-start", "7") == {
        "zone": "Europe/Vienna",
        "week_start": 7,
        "confidence": 95,
        "minimum_group": 0,
    }
    assert linked.done("account", "edit", "--confidence", "99.9")["confidence"] == 99.9
    given = linked.done(
        *(*PREVIEW, "--calculation", "responses", "--since", "2026-01-01", "--until", "2026-07-01")
    )

    assert given["window"] == {"start": "2025-12-31T23:00:00Z", "end": "2026-06-30T22:00:00Z"}
    assert "Sunday" in linked("account", "show").out


def test_the_history_names_changes_of_the_question(linked: Command) -> None:
    """The values on both sides of a change are not comparable."""
    question = (*ADD, "--question", "QID1", "--calculation", "nps")
    metric = linked.done("metric", "add", "NPS", *question, *COMPARED)["id"]
    linked.done("card", "load", "--now", "2026-04-01T12:00:00Z")
    with closing(sqlite3.connect(linked.home / "store.db")) as store, store:
        store.execute(
            "UPDATE question_versions SET definition = json_replace(definition, '$.text', 'Well?')"
        )

    (card,) = linked.done("card", "load", "--now", "2026-04-02T12:00:00Z")["cards"]
    past = linked.done("metric", "history", metric)["values"]
    printed = " ".join(linked("metric", "history", metric).out.split())

    (change,) = card["question_changes"]
    assert change["sentence"] == (
        "The question was changed between 1 and 2 Apr 2026: the wording changed."
    )
    assert (card["verdict_reason"], card["verdict_reason_text"]) == (
        "question_changed",
        change["sentence"],
    )
    assert [value["question_changes"] for value in past] == [[], [change]]
    assert f"{change['sentence']} Values up to 1 Apr 2026 12:00 are not comparable" in printed
