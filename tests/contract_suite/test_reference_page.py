"""docs/testing.md lists every fact, and what recordings store."""

from __future__ import annotations

import re
from pathlib import Path

from smaply_metrics_core.testing import SourceContract
from smaply_metrics_core.testing.recording.stored_exchanges import REQUEST_HEADERS, RESPONSE_HEADERS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "testing.md").read_text(encoding="utf-8")


def test_the_page_names_what_is_stored() -> None:
    """The page lists the stored headers."""
    for stored in (*REQUEST_HEADERS, *RESPONSE_HEADERS):
        assert f"`{stored}`" in PAGE


def test_the_page_names_every_fact() -> None:
    """Each fact is explained."""
    table = PAGE.partition("## The facts")[2].partition("## The tests")[0]
    named = set(re.findall(r"`(\w+)`", table))
    facts = {
        name
        for base in SourceContract.__mro__
        for name in getattr(base, "__annotations__", {})
        if not name.startswith("_")
    }
    assert facts - named == {"recording", "exceptions"}
