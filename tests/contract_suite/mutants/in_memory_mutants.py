"""Mutants of the source in memory, with the test that must detect each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import timedelta
from itertools import count
from typing import Annotated, Final

from pydantic import ConfigDict

from smaply_metrics_core import (
    Calculation,
    CheckNote,
    Choice,
    CredentialRefused,
    EmbeddedField,
    FormField,
    GroupCounts,
    MetricQuery,
    MetricsError,
    PluginError,
    Question,
    SourceUnavailable,
    Survey,
    Tally,
    Token,
    Window,
    WindowTally,
)
from smaply_metrics_core.bundle.writer import BundleWriter
from tests.contract_suite.mutants.in_memory_source import (
    IP,
    LONGEST_TEAM,
    MOOD,
    QUESTIONS,
    ROWS,
    SURVEYS,
    TOKEN,
    Answer,
    InMemoryCredentials,
    InMemorySource,
    sign_in,
    until,
    write,
)

TICK: Final = timedelta(microseconds=1)
UNKNOWN: Final = Survey(id="no_such_survey", name="An unknown survey")


def changed_questions(question: int, **parts: object) -> tuple[Question, ...]:
    """Return the questions with one changed."""
    questions = list(QUESTIONS)
    questions[question] = questions[question].model_copy(update=parts)
    return tuple(questions)


def accept_any_token(_: str) -> None:
    """Accept any token."""


def report_outage(token: str) -> None:
    """Report a rejected token as an outage."""
    try:
        sign_in(token)
    except CredentialRefused:
        raise SourceUnavailable("Tiny is down.") from None


def put_token_into_error(token: str) -> None:
    """Put the token into an error."""
    if token != TOKEN:
        raise CredentialRefused(f"Tiny rejected {token}.")


def log_token(token: str) -> None:
    """Write the token into a log."""
    logging.getLogger("tiny").debug("in with %s", token)
    sign_in(token)


def change_windows(change: Callable[[Window], Window]) -> Callable[[MetricQuery], MetricQuery]:
    """Return a function that changes the windows of a query."""
    return lambda query: query.model_copy(update={"windows": tuple(map(change, query.windows))})


def move_later(*sides: str) -> Callable[[Window], Window]:
    """Return a function that moves sides of a window by the smallest step."""

    def move(window: Window) -> Window:
        moved = {side: at + TICK for side in sides if (at := getattr(window, side))}
        return window.model_copy(update=moved)

    return move


def use_other_zone(query: MetricQuery) -> MetricQuery:
    """Use another zone."""
    return query.model_copy(update={"zone": "Pacific/Pago_Pago"})


def compare_with_itself(query: MetricQuery) -> MetricQuery:
    """Compare a window with itself."""
    first = query.windows[0]
    return change_windows(lambda window: first.model_copy(update={"name": window.name}))(query)


def analyze_all_choices(tally: Tally) -> Tally:
    """Analyze every choice, including "not applicable"."""
    choices = tuple(choice.model_copy(update={"analyze": True}) for choice in tally.choices)
    return tally.model_copy(update={"choices": choices})


def change_tally(change: Callable[[WindowTally], dict[str, object]]) -> Callable[[Tally], Tally]:
    """Return a function that changes the windows of a tally."""
    return lambda tally: tally.model_copy(
        update={"windows": tuple(w.model_copy(update=change(w)) for w in tally.windows)}
    )


def drop_unanswered(window: WindowTally) -> dict[str, object]:
    """Drop the unanswered responses."""
    counts = {"responses": window.total.answered, "unanswered": {}}
    return {"total": window.total.model_copy(update=counts)}


def repeat_label(window: WindowTally) -> dict[str, object]:
    """Use the same label for every group."""
    groups = (GroupCounts(key=g.key, label="Group", counts=g.counts) for g in window.groups)
    return {"groups": tuple(groups)}


def fail_all(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Fail every query if one fails."""
    kept = list(answers)
    for _, answer in kept:
        if isinstance(answer, MetricsError):
            raise answer
    yield from kept


def raise_bug(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Raise a bug for an impossible query."""
    for query_id, answer in answers:
        failed = isinstance(answer, MetricsError)
        yield query_id, PluginError("KeyError: no_such_question") if failed else answer


def write_definition_only(bundle: BundleWriter) -> None:
    """Write no responses into the bundle."""
    bundle.add_json("definition.json", QUESTIONS)


def write_rows_only(bundle: BundleWriter) -> None:
    """Write the rows twice, and no definition."""
    bundle.add_text("raw/rows.csv", ROWS.write_csv())
    bundle.add_text("rows.csv", ROWS.write_csv())


def write_personal_column(bundle: BundleWriter) -> None:
    """Write a personal column."""
    write(bundle)
    bundle.add_text("raw/addresses.csv", IP)


class OptionalCredentials(InMemoryCredentials):
    """A form without required fields."""

    api_token: Annotated[Token, FormField(label="API token", help="Optional.")] = Token(TOKEN)


class ExtraFieldCredentials(InMemoryCredentials):
    """A form that accepts unknown fields."""

    model_config = ConfigDict(extra="ignore")


class PrintedCredentials(InMemoryCredentials):
    """A form that shows its token when it is printed."""

    def __str__(self) -> str:
        """Return every field in plain text."""
        return f"Tiny with {self.api_token.get_secret_value()}"


def clear_chosen(tally: Tally) -> Tally:
    """Set the count of a share to zero."""
    if not tally.multiple:
        return tally
    return change_tally(lambda w: {"total": w.total.model_copy(update={"chosen": 0})})(tally)


def set_chosen_to_maximum(tally: Tally) -> Tally:
    """Set the count of a share to that of its most frequent answer."""

    def change(window: WindowTally) -> dict[str, object]:
        total = window.total
        given = max(total.answers.get(one.key, 0) for one in tally.choices[:2])
        return {"total": total.model_copy(update={"chosen": given})}

    return change_tally(change)(tally) if tally.multiple else tally


WARNING: Final = CheckNote(problem=SourceUnavailable("Tiny is slow.").to_problem())

MUTANTS: Final[dict[str, tuple[InMemorySource, str]]] = {
    "lists only the first page": (
        InMemorySource(listed=SURVEYS[:2]),
        "test_the_list_of_surveys_is_complete",
    ),
    "proposes a value that its form rejects": (
        InMemorySource(team="x" * (LONGEST_TEAM + 1)),
        "test_the_form_accepts_proposed_values",
    ),
    "changes a text whose columns were not changed": (
        InMemorySource(write_team=lambda team: f"{team};"),
        "test_unchanged_columns_keep_the_text",
    ),
    "lists a survey twice": (
        InMemorySource(listed=(*SURVEYS, SURVEYS[0])),
        "test_surveys_are_unique_and_well_formed",
    ),
    "lists a survey under another name": (
        InMemorySource(
            listed=tuple(survey.model_copy(update={"name": "Other"}) for survey in SURVEYS)
        ),
        "test_the_questionnaire_is_that_of_the_survey",
    ),
    "offers two answers with one key": (
        InMemorySource(
            questions=changed_questions(
                0, choices=(*MOOD, Choice(key="1", label="Again", value=1.0))
            )
        ),
        "test_questions_are_unique_and_well_formed",
    ),
    "declares an average of free text": (
        InMemorySource(questions=changed_questions(3, calculations=(Calculation.AVERAGE,))),
        "test_questions_declare_what_their_answers_allow",
    ),
    "groups by free text": (
        InMemorySource(questions=changed_questions(3, can_group_by=True)),
        "test_questions_declare_what_their_answers_allow",
    ),
    "describes an unknown survey": (
        InMemorySource(known=(*SURVEYS, UNKNOWN)),
        "test_an_unknown_survey_is_reported",
    ),
    "accepts any token": (
        InMemorySource(sign_in=accept_any_token),
        "test_wrong_credentials_are_refused",
    ),
    "reports a rejected token as an outage": (
        InMemorySource(sign_in=report_outage),
        "test_wrong_credentials_are_never_reported_as_an_outage",
    ),
    "puts the token into an error": (
        InMemorySource(sign_in=put_token_into_error),
        "test_no_credential_is_leaked",
    ),
    "logs the token": (
        InMemorySource(sign_in=log_token),
        "test_no_credential_is_leaked",
    ),
    "uses the token in the first step": (
        InMemorySource(first_step=sign_in),
        "test_wrong_credentials_are_refused",
    ),
    "ignores the date range": (
        InMemorySource(change_query=change_windows(lambda window: Window(name=window.name))),
        "test_two_adjacent_ranges_add_up_to_their_union",
    ),
    "counts the end of a range": (
        InMemorySource(change_query=change_windows(move_later("end"))),
        "test_the_start_of_a_range_counts_and_its_end_does_not",
    ),
    "counts the end of a range and not its start": (
        InMemorySource(change_query=change_windows(move_later("start", "end"))),
        "test_the_start_of_a_range_counts_and_its_end_does_not",
    ),
    "starts days in another zone": (
        InMemorySource(change_query=use_other_zone),
        "test_periods_and_ranges_count_the_same",
    ),
    "compares a window with itself": (
        InMemorySource(change_query=compare_with_itself),
        "test_both_windows_of_a_comparison_are_counted",
    ),
    "counts “not applicable” as an answer": (
        InMemorySource(change_tally=analyze_all_choices),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "sets as_of before the call": (
        InMemorySource(
            change_tally=lambda tally: tally.model_copy(update={"as_of": tally.as_of - TICK})
        ),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "drops the unanswered responses": (
        InMemorySource(change_tally=change_tally(drop_unanswered)),
        "test_calculations_of_one_question_count_the_same_responses",
    ),
    "excludes responses for an unknown reason": (
        InMemorySource(change_tally=change_tally(lambda _: {"excluded": {"testing": 1}})),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "drops a group": (
        InMemorySource(change_tally=change_tally(lambda window: {"groups": window.groups[:-1]})),
        "test_group_bys_sum_up",
    ),
    "labels every group the same": (
        InMemorySource(change_tally=change_tally(repeat_label)),
        "test_group_bys_sum_up",
    ),
    "fails every query if one fails": (
        InMemorySource(change_answers=fail_all),
        "test_an_impossible_query_leaves_its_siblings_alone",
    ),
    "raises a bug for an impossible query": (
        InMemorySource(change_answers=raise_bug),
        "test_an_impossible_query_leaves_its_siblings_alone",
    ),
    "writes no responses into the bundle": (
        InMemorySource(write_bundle=write_definition_only),
        "test_the_debug_bundle_is_complete",
    ),
    "writes a personal column into every bundle": (
        InMemorySource(write_bundle=write_personal_column),
        "test_the_debug_bundle_is_clean",
    ),
    "recomputes with later responses": (
        InMemorySource(filter_recomputed=lambda rows, _: rows),
        "test_a_bundle_is_counted_as_of_its_instant",
    ),
    "drops a response when it recomputes": (
        InMemorySource(filter_recomputed=lambda rows, instant: until(rows, instant)[1:]),
        "test_a_bundle_gives_the_same_numbers",
    ),
    "writes no definition into the bundle": (
        InMemorySource(write_bundle=write_rows_only),
        "test_the_debug_bundle_is_complete",
    ),
    "has its id as title": (
        InMemorySource(title=lambda: "tiny"),
        "test_the_description_is_complete",
    ),
    "changes its description at each call": (
        InMemorySource(title=map("Tiny Surveys {}".format, count()).__next__),
        "test_the_description_is_complete",
    ),
    "requires no token": (
        InMemorySource(form=OptionalCredentials),
        "test_the_form_rejects_missing_fields",
    ),
    "accepts unknown fields": (
        InMemorySource(form=ExtraFieldCredentials),
        "test_the_form_rejects_missing_fields",
    ),
    "prints the token with its credentials": (
        InMemorySource(form=PrintedCredentials),
        "test_the_form_accepts_valid_credentials",
    ),
    "names an embedded field twice": (
        InMemorySource(fields=(EmbeddedField(name="region"),) * 2),
        "test_embedded_fields_are_unique",
    ),
    "warns without a problem": (
        InMemorySource(note=WARNING),
        "test_the_check_passes",
    ),
    "sets the count of a share to zero": (
        InMemorySource(change_tally=clear_chosen),
        "test_each_declared_calculation_agrees_with_its_definition",
    ),
    "sets the count of a share to that of its most frequent answer": (
        InMemorySource(change_tally=set_chosen_to_maximum),
        "test_filters_keep_what_they_name",
    ),
}
