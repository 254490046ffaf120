"""What has to hold for every tally: its sums, its keys and its groups."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Final

from smaply_metrics_core.calculations.decimal_keys import key_number, number_key
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import ExclusionReason, MetricQuery
from smaply_metrics_core.models.survey import Question, QuestionKind
from smaply_metrics_core.models.tally import Counts, Tally, WindowTally
from smaply_metrics_core.testing.assertions import broken, expect

COUNT_WITH_CORE: Final = (
    "count rows with `smaply_metrics_core.calculations.tally`, or compute the counts as documented "
    "in `Counts`"
)

HALF_OPEN: Final = (
    "count a response if start <= recorded < end, with the exact times of the query's windows"
)

REASONS: Final = frozenset(ExclusionReason)
"""The reasons for excluding a response; a metric can include the responses of each reason."""


def query_tally(answers: Mapping[str, Tally | MetricsError], query: MetricQuery) -> Tally:
    """Return the tally of a query.

    Raises:
        AssertionError: if the answer is an error.
    """
    answer = answers[query.id]
    if isinstance(answer, Exception):
        raise broken(
            f"The query “{query.id}” failed with {answer.kind}: {answer.message}",
            "answer every query that the questionnaire allows, or allow less in `calculations` and "
            "`can_group_by`",
        )
    return answer


def check_tally(
    name: str, tally: Tally, question: Question, since: datetime, until: datetime
) -> None:
    """Check that the tally of a question is consistent and matches the questionnaire.

    Args:
        name: The query, for messages.
        tally: The tally.
        question: The question.
        since: When the call started (aware).
        until: When the call ended (aware).
    """
    expect(
        tally.as_of >= since,
        f"{name}: as_of is {tally.as_of}, before the call started at {since}.",
        "set as_of to `context.now()` when the download starts",
    )
    expect(
        tally.as_of <= until,
        f"{name}: as_of is {tally.as_of}, after the call ended at {until}.",
        "set as_of to `context.now()` when the download starts",
    )
    multiple = question.kind is QuestionKind.MULTIPLE_CHOICE
    expect(
        tally.multiple == multiple,
        f"{name}: the tally has multiple={tally.multiple}, but the question is {question.kind}.",
        "set Tally.multiple according to the question's kind",
    )
    offered = [(choice.key, choice.value, choice.analyze) for choice in question.choices]
    counted = [(choice.key, choice.value, choice.analyze) for choice in tally.choices]
    expect(
        offered == counted,
        f"{name}: the choices of the tally differ from those of the questionnaire.",
        "return the question's choices with its tally, in the same order",
    )
    for window in tally.windows:
        expect(
            not window.groups and not window.ungrouped,
            f"{name}: the tally has groups, but the query has no group-by.",
            "return groups only for a query with a group-by other than the answer",
        )
        unknown = sorted(set(window.excluded) - REASONS)
        expect(
            not unknown,
            f"{name}: responses are excluded as {', '.join(unknown)}, which is not a valid reason.",
            f"exclude responses only as one of {', '.join(sorted(REASONS))}",
        )
        check_counts(name, window.total, question)


def check_counts(name: str, counts: Counts, question: Question) -> None:
    """Check that counts are possible for a question."""
    offered = {choice.key for choice in question.choices}
    strange = sorted(set(counts.answers) - offered) if offered else []
    expect(
        not strange,
        f"{name}: the tally has the answers {', '.join(strange[:3])}, which are not choices of the "
        "question.",
        "use the keys in the data as the keys of the choices",
    )
    excluded = {choice.key for choice in question.choices if not choice.analyze}
    wrong = sorted(excluded & set(counts.answers))
    expect(
        not wrong,
        f"{name}: {', '.join(wrong)} is counted as an answer, but has analyze=False.",
        "count answers whose choice has analyze=False as unanswered, with a reason",
    )
    if question.kind is QuestionKind.NUMBER:
        odd = [key for key in counts.answers if not _is_plain_number(key)]
        expect(
            not odd,
            f"{name}: the answers have the keys {', '.join(odd[:3])}, which are not plain numbers.",
            "write numbers in their shortest form, for example 3 or 3.5",
        )
    if question.kind is not QuestionKind.MULTIPLE_CHOICE or not counts.answers:
        return
    most = max(counts.answers.values())
    expect(
        most <= counts.answered <= sum(counts.answers.values()),
        f"{name}: {counts.answered} responses are answered, but one answer is given {most} times "
        f"and all answers {sum(counts.answers.values())} times.",
        "count a response as answered if it has at least one answer; " + COUNT_WITH_CORE,
    )


def check_share(name: str, answers: Sequence[str], counts: Counts) -> None:
    """Check that the count of a share is consistent with the counts of its answers."""
    given = [counts.answers.get(key, 0) for key in set(answers)]
    if counts.chosen is None or not given:
        return
    expect(
        max(given) <= counts.chosen <= min(counts.answered, sum(given)),
        f"{name}: {counts.chosen} responses have one of the answers {', '.join(answers)}, which "
        f"are given {', '.join(map(str, given))} times.",
        "count each response with at least one of the answers once in `chosen`; " + COUNT_WITH_CORE,
    )


def _is_plain_number(key: str) -> bool:
    number = key_number(key)
    return number is not None and number_key(float(number)) == key


def check_groups(name: str, window: WindowTally, *, several: bool) -> None:
    """Check that groups add up to the total.

    Args:
        name: The query, for messages.
        window: The window with its groups.
        several: Whether a response may be in several groups.
    """
    total = window.total
    for what, whole, parts in (
        ("responses", total.responses - window.ungrouped, _parts(window, "responses")),
        *(("answered", total.answered, _parts(window, "answered")),) * (not window.ungrouped),
    ):
        fits = whole <= sum(parts) if several else whole == sum(parts)
        expect(
            fits and max(parts, default=0) <= total.responses,
            f"{name}: the groups have {sum(parts)} {what}, but the total is {whole}.",
            "count each response in its group, or in `ungrouped` if it has none; "
            + COUNT_WITH_CORE,
        )
    if several or window.ungrouped:
        return
    for key, whole in total.answers.items():
        held = sum(group.counts.answers.get(key, 0) for group in window.groups)
        expect(
            held == whole,
            f"{name}: the answer “{key}” is given {whole} times, but {held} times in the groups.",
            COUNT_WITH_CORE,
        )


def _parts(window: WindowTally, what: str) -> list[int]:
    return [getattr(group.counts, what) for group in window.groups]


def sum_of_counts(one: WindowTally, other: WindowTally) -> dict[str, dict[str, int]]:
    """Return the sums of the counts of two windows, to compare with ``plain_counts``."""
    first, second = plain_counts(one), plain_counts(other)
    return {
        what: {
            key: first[what].get(key, 0) + second[what].get(key, 0)
            for key in sorted({*first[what], *second[what]})
        }
        for what in first
    }


def plain_counts(window: WindowTally) -> dict[str, dict[str, int]]:
    """Return all counts of a window that are not zero."""
    total = window.total
    numbers = {
        "counted": {"responses": total.responses, "answered": total.answered},
        "answers": total.answers,
        "unanswered": total.unanswered,
        "excluded": window.excluded,
    }
    return {
        what: {key: count for key, count in sorted(counts.items()) if count}
        for what, counts in numbers.items()
    }


def counts_by_group(windows: Iterable[WindowTally]) -> Counter[str]:
    """Return the sums of the counts of several windows, in each group and overall."""
    found = Counter[str]()
    for window in windows:
        found["responses without a group"] += window.ungrouped
        for group, counts in _named_counts(window):
            found[f"responses of {group}"] += counts.responses
            found[f"answered of {group}"] += counts.answered
            for reason, unanswered in counts.unanswered.items():
                found[f"{reason} of {group}"] += unanswered
            for answer, given in counts.answers.items():
                found[f"answers {answer} of {group}"] += given
    return found


def _named_counts(window: WindowTally) -> Iterator[tuple[str, Counts]]:
    yield "all", window.total
    for group in window.groups:
        yield group.key, group.counts
