"""Nonsense from the server is the server's fault, wherever it appears in a response.

Each value of each response is replaced by each of a table of values. Every hook then succeeds with
valid data, or raises an error about the survey tool; it never blames the source.
"""

from __future__ import annotations

from typing import Final

import pytest

from plugins.qualtrics.tests.connector.nonsense import (
    HOOKS,
    Recorded,
    Server,
    blamed_on_the_source,
    cases,
    opened,
    record,
)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Recorded:
    """The responses to the requests of each hook."""
    return record(tmp_path_factory.mktemp("nonsense"))


def test_the_recorded_responses_have_no_problem(
    recorded: Recorded,
) -> None:
    """Without nonsense, each hook succeeds; one query is about a field that does not exist."""
    for hook in HOOKS:
        problems = Server(recorded[hook]).run(hook)
        assert [one.kind for one in problems] == (
            ["question_unavailable"] if hook == "fetch" else []
        )


def test_a_changed_value_is_read(recorded: Recorded) -> None:
    """The tests below are about responses that the source really reads."""
    call, place = ("GET", "/API/v3/surveys"), ("result", "elements", 0, "name")
    server = Server(recorded["surveys"], call, place, "Another name")
    with opened(server.transport()) as session:
        assert [survey.name for survey in session.surveys()] == ["Another name"]


STEP: Final = 719
"""Every so many cases are tested on every change. A prime, so that all places and values occur."""
DEEP_STEP: Final = 13
"""Smaller than the number of values, so that each place has two or three of them."""
PARTS: Final = 3


def test_a_sample_of_nonsense_is_never_blamed_on_the_source(recorded: Recorded) -> None:
    """A sample of the test below."""
    every = list(cases(recorded))
    assert [line for one in every[::STEP] for line in blamed_on_the_source(*one)] == []


@pytest.mark.deep(reason="thousands of calls of hooks; `make nonsense` tries all cases")
@pytest.mark.parametrize("part", range(PARTS))
def test_nonsense_is_never_blamed_on_the_source(recorded: Recorded, part: int) -> None:
    """Some kinds of nonsense for each value of each response, in parts for parallel workers."""
    some = list(cases(recorded))[::DEEP_STEP][part::PARTS]
    assert [line for one in some for line in blamed_on_the_source(*one)] == []
