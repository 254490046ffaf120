"""The committed pages that are generated are what `make docs-generated` writes."""

from __future__ import annotations

import pytest

from smaply_metrics_core.testing import SourceContract
from tests.docs import cli_page, generated_parts, rules_page


@pytest.mark.parametrize("module", [rules_page, cli_page])
def test_the_page_is_current(module: object) -> None:
    """The committed page is the generated one."""
    assert module.PAGE.read_text(encoding="utf-8") == module.text()  # type: ignore[attr-defined]


def test_each_rule_has_a_reason_and_no_other() -> None:
    """rules.toml has one entry for each test of the suite, with `why` and `how`."""
    reasons = rules_page.reasons()
    assert set(reasons) == {name for name in dir(SourceContract) if name.startswith("test_")}
    assert all(set(one) == {"why", "how"} for one in reasons.values())


def test_each_test_is_on_the_page_once() -> None:
    """The subjects of the suite together have every test."""
    listed = [name for _, tests in rules_page.subjects() for name in tests]
    assert sorted(listed) == sorted(rules_page.reasons())


@pytest.mark.parametrize("page", generated_parts.PAGES)
def test_the_generated_parts_are_current(page: str) -> None:
    """The parts of a page that are made from the code are what the code says now."""
    written = (generated_parts.DOCS / page).read_text(encoding="utf-8")
    assert written == generated_parts.filled(page)
