"""The benchmark of a journey map."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from benchmarks import host_map
from benchmarks.data.host_account import ACCOUNT, CARDS, seed
from reference_host.tests.e2e.browser_pages import require_chromium
from smaply_metrics_core.host import Actor, MetricsHost, Role
from smaply_metrics_host.settings import HostSettings

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


@pytest.mark.deep(reason="2 s: an account of 30 cards, which only the benchmark uses")
def test_every_card_of_the_account_has_a_value(tmp_path: Path) -> None:
    """The account has 30 cards, all with a value."""
    seed(tmp_path)

    settings = HostSettings.from_environment(tmp_path, "http://127.0.0.1", {}).framework
    with MetricsHost(settings) as host:
        cards = host.cards.load(Actor(ACCOUNT, "Ada", Role.VIEWER), wait=60)
    assert len(cards) == CARDS
    assert all(card.text for card in cards)


@pytest.mark.deep(reason="runs the benchmark")
def test_the_output_is_json(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The output is one JSON object: first paint, all charts drawn, and concurrent viewers."""
    require_chromium()
    monkeypatch.setattr(host_map, "VIEWERS", 3)
    monkeypatch.setattr(host_map, "QUICK_RUNS", 1)

    assert host_map.main(["--quick", "--json"]) == 0

    printed = json.loads(capsys.readouterr().out)
    assert list(printed) == ["cards", "first_paint", "all_drawn", "watching"]
    assert printed["watching"]["viewers"] == 3
    assert all(number > 0 for part in list(printed.values())[1:] for number in part.values())
