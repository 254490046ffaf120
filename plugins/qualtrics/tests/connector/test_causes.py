"""Each cause of trouble gives its own issue and remedy, and the docs say the same."""

from __future__ import annotations

import pytest

from plugins.qualtrics.tests.connector.causes import (
    BEGIN,
    CAUSES,
    DOCS,
    END,
    HEAD,
    Cause,
    row,
    shown_as,
)
from plugins.qualtrics.tests.connector.support import TOKEN, Account


@pytest.mark.parametrize("cause", CAUSES, ids=lambda cause: cause.title)
def test_a_cause_is_shown_as_what_it_is(own: Account, cause: Cause) -> None:
    """Issue, message and remedy of each cause are those of the table in the docs."""
    problem = cause.bring_about(own)
    assert shown_as(problem) == cause.shown
    assert TOKEN not in problem.model_dump_json()
    _, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    table, end, _ = rest.partition(END)
    assert end
    assert row(cause, problem, own.sandbox.host) in table.splitlines(keepends=True), (
        "run: python -m plugins.qualtrics.tests.connector.causes"
    )


def test_the_table_in_the_docs_has_no_other_row() -> None:
    """Causes that are gone are gone from the docs."""
    _, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    table, _, _ = rest.partition(END)
    assert table.startswith(HEAD)
    assert len(table.splitlines()) == len(CAUSES) + 2
