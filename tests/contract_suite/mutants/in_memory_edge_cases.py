"""Mutants of the source in memory: empty surveys, foreign ids, lost orders, times and groups."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from fnmatch import fnmatchcase
from typing import Final

import polars as pl

from smaply_metrics_core import ExportFailed, MetricQuery, Tally, WindowTally
from tests.contract_suite.mutants.in_memory_mutants import change_tally, changed_questions
from tests.contract_suite.mutants.in_memory_source import MOOD, QUESTIONS, InMemorySource


def choose_question(
    matches: Callable[[str, str], object],
) -> Callable[[MetricQuery], MetricQuery]:
    """Return a function that looks questions up with a match instead of a comparison."""

    def change(query: MetricQuery) -> MetricQuery:
        wanted = query.definition.question_id
        if wanted is None:
            return query
        found = next((one.id for one in QUESTIONS if matches(wanted, one.id)), wanted)
        definition = query.definition.model_copy(update={"question_id": found})
        return query.model_copy(update={"definition": definition})

    return change


def fail_if_empty(rows: pl.DataFrame) -> pl.DataFrame:
    """Report a survey without responses as a failed export."""
    if rows.is_empty():
        raise ExportFailed("Tiny has no responses.")
    return rows


def count_something(tally: Tally) -> Tally:
    """Count one response instead of none."""
    return change_tally(
        lambda w: {
            "total": w.total
            if w.total.responses
            else w.total.model_copy(update={"responses": 1, "unanswered": {"blank": 1}})
        }
    )(tally)


def record_excluded(at: pl.Expr) -> Callable[[pl.DataFrame], pl.DataFrame]:
    """Return a function that changes when excluded responses were recorded."""
    excluded = pl.col("left_out").is_not_null()
    recorded = pl.when(excluded).then(at).otherwise(pl.col("recorded"))
    return lambda rows: rows.with_columns(recorded=recorded)


def change_compared(change: Callable[[WindowTally, WindowTally], WindowTally]) -> InMemorySource:
    """Return a source that changes the previous window if the tally has groups in two windows."""

    def changed(tally: Tally) -> Tally:
        if len(tally.windows) == 1 or not tally.windows[0].groups:
            return tally
        current, previous = tally.windows
        return tally.model_copy(update={"windows": (current, change(current, previous))})

    return InMemorySource(change_tally=changed)


def use_current_groups(current: WindowTally, previous: WindowTally) -> WindowTally:
    """Use the groups of the current window for the previous one."""
    return previous.model_copy(update={"groups": current.groups})


def drop_groups(_: WindowTally, previous: WindowTally) -> WindowTally:
    """Group only the current window."""
    return previous.model_copy(update={"groups": ()})


def drop_smallest_group(_: WindowTally, previous: WindowTally) -> WindowTally:
    """Drop the smallest group of the previous window, as if it had no counterpart."""
    smallest = min(previous.groups, key=lambda group: group.counts.responses)
    groups = tuple(group for group in previous.groups if group is not smallest)
    return previous.model_copy(update={"groups": groups})


MUTANTS: Final[dict[str, tuple[InMemorySource, str]]] = {
    "reverses the order of choices": (
        InMemorySource(questions=changed_questions(0, choices=MOOD[::-1])),
        "test_choices_have_the_order_of_the_survey",
    ),
    "moves the choice that is not analyzed to the start": (
        InMemorySource(questions=changed_questions(0, choices=(MOOD[-1], *MOOD[:-1]))),
        "test_choices_have_the_order_of_the_survey",
    ),
    "fails for a survey without responses": (
        InMemorySource(change_rows=fail_if_empty),
        "test_an_empty_survey_counts_zero",
    ),
    "counts one response in an empty survey": (
        InMemorySource(change_tally=count_something),
        "test_an_empty_survey_counts_zero",
    ),
    "reads the id of a survey as a number": (
        InMemorySource(read_id=lambda survey_id: f"S{int(survey_id.removeprefix('S'))}"),
        "test_a_survey_id_of_foreign_shape_is_reported",
    ),
    "uses the name of a file as the id of a survey": (
        InMemorySource(read_id=lambda survey_id: survey_id.replace("../me", "S3")),
        "test_a_survey_id_of_foreign_shape_is_reported",
    ),
    "reads the id of a question as a pattern": (
        InMemorySource(change_query=choose_question(lambda one, known: fnmatchcase(known, one))),
        "test_a_question_id_of_foreign_shape_is_reported",
    ),
    "reads the id of a question as a regular expression": (
        InMemorySource(change_query=choose_question(re.fullmatch)),
        "test_a_question_id_of_foreign_shape_is_reported",
    ),
    "forgets when excluded responses were recorded": (
        InMemorySource(change_rows=record_excluded(pl.lit(None))),
        "test_excluded_responses_belong_to_their_date_range",
    ),
    "dates excluded responses a day later": (
        InMemorySource(change_rows=record_excluded(pl.col("recorded") + timedelta(days=1))),
        "test_excluded_responses_belong_to_their_date_range",
    ),
    "uses the current groups for the previous window": (
        change_compared(use_current_groups),
        "test_groups_are_counted_in_both_windows",
    ),
    "groups only the current window": (
        change_compared(drop_groups),
        "test_groups_are_counted_in_both_windows",
    ),
    "drops a group of the previous window": (
        change_compared(drop_smallest_group),
        "test_groups_are_counted_in_both_windows",
    ),
}
