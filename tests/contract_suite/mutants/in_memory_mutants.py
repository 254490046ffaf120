"""Sources in memory with one fault each, and the test that is made for it."""

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
UNKNOWN: Final = Survey(id="no_such_survey", name="A survey that nobody has")


def changed(question: int, **parts: object) -> tuple[Question, ...]:
    """Change one question."""
    questions = list(QUESTIONS)
    questions[question] = questions[question].model_copy(update=parts)
    return tuple(questions)


def let_everybody_in(_: str) -> None:
    """Never try the token."""


def call_it_an_outage(token: str) -> None:
    """Take a refused token for an outage."""
    try:
        sign_in(token)
    except CredentialRefused:
        raise SourceUnavailable("Tiny is down.") from None


def tell_the_token(token: str) -> None:
    """Name the token in an error."""
    if token != TOKEN:
        raise CredentialRefused(f"Tiny does not accept {token}.")


def log_the_token(token: str) -> None:
    """Write the token into a log."""
    logging.getLogger("tiny").debug("in with %s", token)
    sign_in(token)


def in_windows(change: Callable[[Window], Window]) -> Callable[[MetricQuery], MetricQuery]:
    """Mistake the windows of every query."""
    return lambda query: query.model_copy(update={"windows": tuple(map(change, query.windows))})


def later(*sides: str) -> Callable[[Window], Window]:
    """Move sides of a window by the smallest step."""

    def move(window: Window) -> Window:
        moved = {side: at + TICK for side in sides if (at := getattr(window, side))}
        return window.model_copy(update=moved)

    return move


def in_another_zone(query: MetricQuery) -> MetricQuery:
    """Take the days of another zone."""
    return query.model_copy(update={"zone": "Pacific/Pago_Pago"})


def count_the_present_twice(query: MetricQuery) -> MetricQuery:
    """Compare a window with itself."""
    first = query.windows[0]
    return in_windows(lambda window: first.model_copy(update={"name": window.name}))(query)


def analyze_everything(tally: Tally) -> Tally:
    """Say that "not applicable" is an answer like any other."""
    choices = tuple(choice.model_copy(update={"analyze": True}) for choice in tally.choices)
    return tally.model_copy(update={"choices": choices})


def told(change: Callable[[WindowTally], dict[str, object]]) -> Callable[[Tally], Tally]:
    """Tell other windows than were counted."""
    return lambda tally: tally.model_copy(
        update={"windows": tuple(w.model_copy(update=change(w)) for w in tally.windows)}
    )


def lose_blanks(window: WindowTally) -> dict[str, object]:
    """Forget who did not answer."""
    answered = {"responses": window.total.answered, "unanswered": {}}
    return {"total": window.total.model_copy(update=answered)}


def label_alike(window: WindowTally) -> dict[str, object]:
    """Give every group the same label."""
    groups = (GroupCounts(key=g.key, label="Group", counts=g.counts) for g in window.groups)
    return {"groups": tuple(groups)}


def all_or_nothing(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Let one impossible query spoil the others."""
    kept = list(answers)
    for _, answer in kept:
        if isinstance(answer, MetricsError):
            raise answer
    yield from kept


def as_a_bug(answers: Iterator[Answer]) -> Iterator[Answer]:
    """Take an impossible query for a bug."""
    for query_id, answer in answers:
        failed = isinstance(answer, MetricsError)
        yield query_id, PluginError("KeyError: no_such_question") if failed else answer


def write_no_rows(bundle: BundleWriter) -> None:
    """Leave the responses out of the bundle."""
    bundle.add_json("definition.json", QUESTIONS)


def write_no_definition(bundle: BundleWriter) -> None:
    """Write the rows twice, and not what they mean."""
    bundle.add_text("raw/rows.csv", ROWS.write_csv())
    bundle.add_text("rows.csv", ROWS.write_csv())


def write_addresses(bundle: BundleWriter) -> None:
    """Write what nobody asked for."""
    write(bundle)
    bundle.add_text("raw/addresses.csv", IP)


class LaxCredentials(InMemoryCredentials):
    """A form that wants nothing."""

    api_token: Annotated[Token, FormField(label="API token", help="Optional.")] = Token(TOKEN)


class OpenCredentials(InMemoryCredentials):
    """A form that takes what it does not have."""

    model_config = ConfigDict(extra="ignore")


class TalkativeCredentials(InMemoryCredentials):
    """A form that shows its token when it is printed."""

    def __str__(self) -> str:
        """Show everything."""
        return f"Tiny with {self.api_token.get_secret_value()}"


def nobody_chose(tally: Tally) -> Tally:
    """Say of several answers that nobody gave one of them."""
    if not tally.multiple:
        return tally
    return told(lambda w: {"total": w.total.model_copy(update={"chosen": 0})})(tally)


def chose_most(tally: Tally) -> Tally:
    """Count of a share those alone who gave the most frequent of its answers."""

    def change(window: WindowTally) -> dict[str, object]:
        total = window.total
        given = max(total.answers.get(one.key, 0) for one in tally.choices[:2])
        return {"total": total.model_copy(update={"chosen": given})}

    return told(change)(tally) if tally.multiple else tally


WARNING: Final = CheckNote(problem=SourceUnavailable("Something is not quite right.").to_problem())

MUTANTS: Final[dict[str, tuple[InMemorySource, str]]] = {
    "lists the first page only": (
        InMemorySource(listed=SURVEYS[:2]),
        "test_the_list_of_surveys_is_complete",
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
            questions=changed(0, choices=(*MOOD, Choice(key="1", label="Again", value=1.0)))
        ),
        "test_questions_are_unique_and_well_formed",
    ),
    "declares an average of free text": (
        InMemorySource(questions=changed(3, calculations=(Calculation.AVERAGE,))),
        "test_questions_declare_what_their_answers_allow",
    ),
    "groups by free text": (
        InMemorySource(questions=changed(3, can_group_by=True)),
        "test_questions_declare_what_their_answers_allow",
    ),
    "describes a survey that nobody has": (
        InMemorySource(known=(*SURVEYS, UNKNOWN)),
        "test_a_survey_that_is_not_there_is_said",
    ),
    "accepts any token": (
        InMemorySource(sign_in=let_everybody_in),
        "test_wrong_credentials_are_refused",
    ),
    "calls a refused token an outage": (
        InMemorySource(sign_in=call_it_an_outage),
        "test_wrong_credentials_are_never_called_an_outage",
    ),
    "tells the token in an error": (
        InMemorySource(sign_in=tell_the_token),
        "test_wrong_credentials_are_never_called_an_outage",
    ),
    "logs the token": (
        InMemorySource(sign_in=log_the_token),
        "test_no_credential_is_told",
    ),
    "tries the token in the first step": (
        InMemorySource(first_step=sign_in),
        "test_wrong_credentials_are_refused",
    ),
    "ignores the date range": (
        InMemorySource(asked=in_windows(lambda window: Window(name=window.name))),
        "test_two_adjacent_ranges_add_up_to_their_union",
    ),
    "counts the end of a range": (
        InMemorySource(asked=in_windows(later("end"))),
        "test_the_start_of_a_range_counts_and_its_end_does_not",
    ),
    "counts the end of a range and not its start": (
        InMemorySource(asked=in_windows(later("start", "end"))),
        "test_the_start_of_a_range_counts_and_its_end_does_not",
    ),
    "takes the days of another zone": (
        InMemorySource(asked=in_another_zone),
        "test_periods_and_ranges_count_the_same",
    ),
    "compares a window with itself": (
        InMemorySource(asked=count_the_present_twice),
        "test_both_windows_of_a_comparison_are_counted",
    ),
    "analyses what is not applicable": (
        InMemorySource(told=analyze_everything),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "calls old data new": (
        InMemorySource(told=lambda tally: tally.model_copy(update={"as_of": tally.as_of - TICK})),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "loses those who did not answer": (
        InMemorySource(told=told(lose_blanks)),
        "test_calculations_of_one_question_count_the_same_responses",
    ),
    "leaves out for a reason that nobody can include": (
        InMemorySource(told=told(lambda _: {"excluded": {"testing": 1}})),
        "test_each_declared_calculation_is_answered_with_a_consistent_tally",
    ),
    "loses a group": (
        InMemorySource(told=told(lambda window: {"groups": window.groups[:-1]})),
        "test_group_bys_sum_up",
    ),
    "labels every group alike": (
        InMemorySource(told=told(label_alike)),
        "test_group_bys_sum_up",
    ),
    "lets one query spoil the others": (
        InMemorySource(answered=all_or_nothing),
        "test_an_impossible_query_leaves_its_siblings_alone",
    ),
    "takes an impossible query for a bug": (
        InMemorySource(answered=as_a_bug),
        "test_an_impossible_query_leaves_its_siblings_alone",
    ),
    "writes no responses into the bundle": (
        InMemorySource(written=write_no_rows),
        "test_the_debug_bundle_is_complete",
    ),
    "writes personal columns that nobody asked for": (
        InMemorySource(written=write_addresses),
        "test_the_debug_bundle_is_clean",
    ),
    "counts again what was recorded later": (
        InMemorySource(recounted=lambda rows, _: rows),
        "test_a_bundle_is_counted_as_of_its_instant",
    ),
    "loses a response when it counts again": (
        InMemorySource(recounted=lambda rows, instant: until(rows, instant)[1:]),
        "test_a_bundle_gives_the_same_numbers",
    ),
    "writes no definition into the bundle": (
        InMemorySource(written=write_no_definition),
        "test_the_debug_bundle_is_complete",
    ),
    "has no title of its own": (
        InMemorySource(title=lambda: "tiny"),
        "test_the_description_says_all_that_people_need",
    ),
    "describes itself otherwise each time": (
        InMemorySource(title=map("Tiny Surveys {}".format, count()).__next__),
        "test_the_description_says_all_that_people_need",
    ),
    "wants no token": (
        InMemorySource(form=LaxCredentials),
        "test_the_form_refuses_what_is_missing",
    ),
    "takes fields that it does not have": (
        InMemorySource(form=OpenCredentials),
        "test_the_form_refuses_what_is_missing",
    ),
    "shows the token when its credentials are printed": (
        InMemorySource(form=TalkativeCredentials),
        "test_the_form_takes_what_is_right",
    ),
    "names an embedded field twice": (
        InMemorySource(fields=(EmbeddedField(name="region"),) * 2),
        "test_embedded_fields_are_unique",
    ),
    "warns of what is in order": (
        InMemorySource(note=WARNING),
        "test_the_check_passes",
    ),
    "says of several answers that nobody gave one of them": (
        InMemorySource(told=nobody_chose),
        "test_each_declared_calculation_agrees_with_its_definition",
    ),
    "counts of a share those who gave its most frequent answer": (
        InMemorySource(told=chose_most),
        "test_filters_keep_what_they_name",
    ),
}
