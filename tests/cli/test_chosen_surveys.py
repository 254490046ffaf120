"""``survey choose`` and ``survey list --all``: restricting a connection to chosen surveys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import typer

from smaply_metrics_core.cli import credential_input
from tests.cli.conftest import SURVEY

if TYPE_CHECKING:
    from tests.cli.conftest import Command

COUNT = ("--connection", "qualtrics", "--survey", SURVEY, "--calculation", "responses")


def another(connected: Command) -> str:
    """Return a survey that the metrics of these tests do not use."""
    listed = connected.done("survey", "list", "qualtrics")
    return next(str(survey["id"]) for survey in listed if survey["id"] != SURVEY)


def test_surveys_are_chosen_and_allowed_again(connected: Command) -> None:
    """Metrics of other surveys are rejected; the list of all shows what is chosen."""
    other = another(connected)
    chosen = connected.done("survey", "choose", "qualtrics", other)
    assert chosen["chosen_surveys"] == 1
    assert [s["id"] for s in connected.done("survey", "list", "qualtrics")] == [other]
    everything = connected.done("survey", "list", "qualtrics", "--all")
    assert {s["id"]: s["chosen"] for s in everything["surveys"]}[SURVEY] is False
    refused = connected("metric", "preview", *COUNT, "--json")
    assert (refused.code, refused.error["kind"]) == (1, "survey_not_chosen")
    listed = connected("survey", "list", "qualtrics").out
    assert "restricted to chosen surveys" in listed
    assert SURVEY not in listed
    assert SURVEY in connected("survey", "list", "qualtrics", "--all").out

    allowed = connected("survey", "choose", "qualtrics", "--all")
    assert "may use all surveys" in allowed.out
    assert connected.done("metric", "preview", *COUNT)["responses"]


def test_stopping_metrics_requires_confirmation(
    connected: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a terminal the surveys are listed; elsewhere --yes is required."""
    other = another(connected)
    metric = connected.done("metric", "add", "Responses", *COUNT)
    choose = ("survey", "choose", "qualtrics", other)
    refused = connected(*choose, "--json")
    assert (refused.code, refused.error["kind"]) == (2, "wrong_usage")
    assert "1 metric" in refused.error["message"]
    monkeypatch.setattr(credential_input, "at_a_terminal", lambda: True)
    monkeypatch.setattr(typer, "confirm", lambda *_, **__: False)
    declined = connected(*choose)
    assert declined.code == 1
    assert f"({SURVEY}): 1 metric" in declined.err
    assert connected.done("connection", "show", "qualtrics")["chosen_surveys"] is None

    assert "may use 1 survey" in connected(*choose, "--yes").out
    (card,) = connected.done("card", "load")["cards"]
    assert (card["id"], card["freshness"]) == (metric["id"], "not_chosen")
    assert card["problem"]["kind"] == "survey_not_chosen"
    connected.done("metric", "delete", metric["id"])
    connected.done("survey", "choose", "qualtrics", "--all")


@pytest.mark.parametrize("arguments", [(), (SURVEY, "--all")])
def test_either_surveys_or_all_are_chosen(connected: Command, arguments: tuple[str, ...]) -> None:
    """An empty choice is not a way to stop all metrics."""
    ended = connected("survey", "choose", "qualtrics", *arguments)
    assert ended.code == 2
    assert "Either surveys or --all is required." in ended.err
