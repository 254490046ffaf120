"""No text from outside controls the terminal of the demo."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core.host import Blame, Freshness, Problem
from smaply_metrics_host.demo.card_output import print_cards
from smaply_metrics_host.terminal_text import printable

if TYPE_CHECKING:
    from datetime import datetime

EVIL = "a\x1b[2J\x9b31m\u202eb\u2066\u200b\x85\r"


PROBLEM = Problem(kind="x", message=EVIL, remedy=EVIL, blame=Blame.SOURCE)


@dataclass
class FailedCard:
    """A card without a value, whose texts come from a survey tool."""

    name: str = EVIL
    source: str = EVIL
    freshness: Freshness = Freshness.FAILED
    as_of: datetime | None = None
    result: Any = None
    problem: Problem = PROBLEM


def is_safe(text: str) -> bool:
    """Whether a text has only printable characters and line breaks."""
    return all(one.isprintable() or one == "\n" for one in text)


def test_unsafe_characters_are_replaced() -> None:
    """Line breaks and letters are kept."""
    assert printable("ä\n😀\x9b") == "ä\n😀\N{REPLACEMENT CHARACTER}"
    assert is_safe(printable(EVIL))


def test_the_cards_of_the_demo_are_safe(capsys: pytest.CaptureFixture[str]) -> None:
    """Names and problems are printed without control characters."""
    card: Any = FailedCard()
    print_cards([card], "UTC")
    printed = capsys.readouterr().out
    assert "a" in printed
    assert is_safe(printed)
