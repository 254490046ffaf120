"""Every query gets its tally or its own error, whatever its siblings get."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from smaply_metrics_core.context import Deadline, SourceContext
from smaply_metrics_core.errors import (
    Cancelled,
    DeadlineExceeded,
    InputError,
    MetricsError,
    PluginError,
    QuestionUnavailable,
    SurveyUnavailable,
)
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.query import MetricQuery, Window
from smaply_metrics_core.models.survey import Choice
from smaply_metrics_core.models.tally import Counts, GroupCounts, Tally, WindowTally
from smaply_metrics_core.sources.allow_list import AllowedDestinations

from .conftest import (
    TOKEN,
    Acme,
    AcmeCredentials,
    FakeClock,
    Gets,
    Opens,
    ask,
    construct,
    error_in,
    tally,
)


def fetched(
    opened: Opens, items: Callable[[Deadline], Iterator[object]], *ids: str
) -> dict[str, Tally | MetricsError]:
    """What a session makes of what ``fetch_metric`` yields."""

    def fetch_metric(self: object, context: SourceContext) -> Iterator[object]:
        yield from items(context.deadline)

    with opened(fetch_metric=fetch_metric) as session:
        return session.fetch("s1", [ask(one) for one in ids])


@pytest.fixture
def good(clock: FakeClock) -> Tally:
    """A tally that fits a query for all time."""
    return tally(at=clock.now())


def test_a_query_has_its_own_error(opened: Opens, good: Tally) -> None:
    """A query that cannot be answered leaves its siblings their tallies."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", QuestionUnavailable("It is gone.")
        yield "b", good

    answers = fetched(opened, items, "a", "b")

    assert isinstance(answers["a"], QuestionUnavailable)
    assert answers["b"] == good


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "gave NoneType in place of Tally"),
        (7.5, "gave float in place of Tally"),
        (ZeroDivisionError(), "gave ZeroDivisionError in place of Tally"),
        (construct(Tally, windows=()), "that does not fit"),
        (SurveyUnavailable(f"GET ?token={TOKEN}"), "held a secret"),
        (Cancelled("Stopped."), "nobody asked for"),
    ],
)
def test_a_wrong_answer_is_that_querys_alone(
    opened: Opens, good: Tally, wrong: object, said: str
) -> None:
    """What is no tally and no error of ours is that query's plugin error."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", wrong
        yield "b", good

    answers = fetched(opened, items, "a", "b")

    assert type(answers["a"]) is PluginError
    assert said in answers["a"].message
    assert TOKEN not in repr(answers)
    assert answers["b"] == good


def test_a_tally_that_breaks_its_rules_is_refused(opened: Opens, good: Tally) -> None:
    """Counts that do not add up are refused however the tally was made."""
    total = good.windows[0].total.model_copy(update={"responses": 99})
    window = good.windows[0].model_copy(update={"total": total})
    wrong = good.model_copy(update={"windows": (window,)})

    answers = fetched(opened, lambda _: iter([("a", wrong)]), "a")

    assert isinstance(answers["a"], PluginError)
    assert "do not add up" in answers["a"].message


def test_a_missing_window_is_refused(opened: Opens, good: Tally) -> None:
    """A comparison has both of its windows, or an error."""

    def fetch_metric(self: object) -> Iterator[object]:
        yield "a", good

    windows = (Window(name="current"), Window(name="previous"))
    with opened(fetch_metric=fetch_metric) as session:
        query = MetricQuery(id="a", definition=ask("a").definition, windows=windows)
        answer = session.fetch("s1", [query])["a"]

    assert isinstance(answer, PluginError)
    assert "for the windows current, not for current, previous" in answer.message


def test_an_answer_that_comes_twice_is_none(opened: Opens, good: Tally) -> None:
    """Nobody can tell which of two answers is right."""
    answers = fetched(opened, lambda _: iter([("a", good), ("b", good), ("a", good)]), "a", "b")

    assert isinstance(answers["a"], PluginError)
    assert "twice" in answers["a"].message
    assert answers["b"] == good


def test_an_answer_that_never_comes_is_the_plugins_error(opened: Opens, good: Tally) -> None:
    """Every query has an answer, if only that there was none."""
    answers = fetched(opened, lambda _: iter([("a", good)]), "a", "b")

    assert answers["a"] == good
    assert isinstance(answers["b"], PluginError)
    assert "never answered the query “b”" in answers["b"].message


TELLING = [
    {"notes": (f"read with {TOKEN}",)},
    {"choices": (Choice(key="1", label=TOKEN),)},
    {"groups": (GroupCounts(key=TOKEN, label="North", counts=Counts(responses=0)),)},
    {"groups": (GroupCounts(key="n", label=TOKEN, counts=Counts(responses=0)),)},
    {"excluded": {TOKEN: 1}},
    {"total": Counts(responses=1, unanswered={TOKEN: 1})},
    {"total": Counts(responses=1, answered=1, answers={TOKEN: 1})},
]
"""What replaces a part of a tally, or of its window."""


@pytest.mark.parametrize("told", TELLING)
def test_a_tally_that_tells_a_secret_is_its_querys_error(
    opened: Opens, good: Tally, told: dict[str, Any]
) -> None:
    """No label, key or note of a tally carries the credential on; its siblings are left alone."""
    (window,) = good.windows
    inner = {name: value for name, value in told.items() if name in WindowTally.model_fields}
    outer = {name: value for name, value in told.items() if name not in inner}
    spoilt = good.model_copy(update=outer | {"windows": (window.model_copy(update=inner),)})

    answers = fetched(opened, lambda _: iter([("a", spoilt), ("b", good)]), "a", "b")

    assert type(answers["a"]) is PluginError
    assert "a text of fetch_metric held a secret" in answers["a"].message
    assert TOKEN not in repr(answers)
    assert answers["b"] == good


def test_an_answer_to_no_query_does_not_log_a_secret(
    opened: Opens, good: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    """What a source calls its answer is a text of the source, too."""
    fetched(opened, lambda _: iter([(TOKEN, None), ("a", good)]), "a")

    assert "which nobody asked" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        (("c", None), "answered “c”, which nobody asked"),
        ((7, None), "answered “int”, which nobody asked"),
        ("ab", "gave str in place of a pair"),
        (("a", None, None), "gave tuple in place of a pair"),
    ],
)
def test_an_answer_to_no_query_explains_what_is_missing(
    opened: Opens, good: Tally, stray: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """An answer that belongs to no query is told where an answer is missing, else in the log."""
    missing = fetched(opened, lambda _: iter([stray, ("a", good)]), "a", "b")
    complete = fetched(opened, lambda _: iter([stray, ("a", good)]), "a")

    assert isinstance(missing["b"], PluginError)
    assert said in missing["b"].message
    assert missing["a"] == complete["a"] == good
    assert said in caplog.text


def test_tallies_before_a_failure_are_kept(opened: Opens, good: Tally) -> None:
    """A tally that came is complete; the queries that were not answered get the error."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", good
        raise SurveyUnavailable("It is gone.")

    answers = fetched(opened, items, "a", "b", "c")

    assert answers["a"] == good
    assert isinstance(answers["b"], SurveyUnavailable)
    assert isinstance(answers["c"], SurveyUnavailable)


def test_endless_answers_are_cut(opened: Opens, good: Tally) -> None:
    """A source that repeats itself for ever is stopped."""

    def items(_: Deadline) -> Iterator[object]:
        while True:
            yield "x", good

    answers = fetched(opened, items, "a")

    assert isinstance(answers["a"], PluginError)
    assert "more than 10 items" in answers["a"].message


def test_a_hanging_fetch_answers_by_the_deadline(
    get: Gets,
    credentials: AcmeCredentials,
    anywhere: AllowedDestinations,
    clock: FakeClock,
    *,
    released: threading.Event,
    good: Tally,
) -> None:
    """Queries without an answer at the deadline get an error that names the distribution."""

    class Hangs(Acme):
        @hookimpl
        def fetch_metric(self) -> Iterator[Any]:  # type: ignore[override]
            yield "a", good
            clock.seconds += 60
            released.wait()

    deadline = Deadline.after(50, clock)
    with get(Hangs()).session(
        credentials, account="acct", allowed=anywhere, deadline=deadline
    ) as session:
        answers = session.fetch("s1", [ask("a"), ask("b")])

    assert answers["a"] == good
    assert isinstance(answers["b"], DeadlineExceeded)
    assert "distribution unknown" in answers["b"].message


def test_a_cancelled_fetch_is_no_answer(opened: Opens, good: Tally) -> None:
    """A cancellation is raised and never stored as a query's error."""

    def items(deadline: Deadline) -> Iterator[object]:
        yield "a", good
        deadline.cancelled.set()
        deadline.check()

    with pytest.raises(Cancelled):
        fetched(opened, items, "a", "b")


def test_no_query_needs_no_call(opened: Opens) -> None:
    """Without queries the source is left alone."""
    with opened(fetch_metric=lambda self: 1 / 0) as session:
        assert session.fetch("s1", []) == {}


def test_two_queries_need_two_ids(opened: Opens) -> None:
    """Answers are told apart by id."""
    with opened() as session:
        assert isinstance(error_in(lambda: session.fetch("s1", [ask("a")] * 2)), InputError)
