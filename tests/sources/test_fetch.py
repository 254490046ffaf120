"""Each query gets its tally or its own error, independent of other queries."""

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
    """Return the results of a session whose ``fetch_metric`` yields these items."""

    def fetch_metric(self: object, context: SourceContext) -> Iterator[object]:
        yield from items(context.deadline)

    with opened(fetch_metric=fetch_metric) as session:
        return session.fetch("s1", [ask(one) for one in ids])


@pytest.fixture
def good(clock: FakeClock) -> Tally:
    """A valid tally for a query over all time."""
    return tally(at=clock.now())


def test_a_query_has_its_own_error(opened: Opens, good: Tally) -> None:
    """A query that cannot be answered does not affect the tallies of others."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", QuestionUnavailable("It is gone.")
        yield "b", good

    answers = fetched(opened, items, "a", "b")

    assert isinstance(answers["a"], QuestionUnavailable)
    assert answers["b"] == good


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (None, "returned NoneType instead of Tally"),
        (7.5, "returned float instead of Tally"),
        (ZeroDivisionError(), "returned ZeroDivisionError instead of Tally"),
        (construct(Tally, windows=()), "an invalid Tally"),
        (Cancelled("Stopped."), "was not cancelled"),
    ],
)
def test_an_invalid_answer_fails_only_its_query(
    opened: Opens, good: Tally, wrong: object, said: str
) -> None:
    """An answer that is neither a tally nor a ``MetricsError`` is a plugin error of its query."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", wrong
        yield "b", good

    answers = fetched(opened, items, "a", "b")

    assert type(answers["a"]) is PluginError
    assert said in answers["a"].message
    assert TOKEN not in repr(answers)
    assert answers["b"] == good


def test_an_invalid_tally_is_rejected(opened: Opens, good: Tally) -> None:
    """Counts that do not add up are rejected, even if the model was not validated."""
    total = good.windows[0].total.model_copy(update={"responses": 99})
    window = good.windows[0].model_copy(update={"total": total})
    wrong = good.model_copy(update={"windows": (window,)})

    answers = fetched(opened, lambda _: iter([("a", wrong)]), "a")

    assert isinstance(answers["a"], PluginError)
    assert "do not add up" in answers["a"].message


def test_a_missing_window_is_rejected(opened: Opens, good: Tally) -> None:
    """The answer to a Comparison has both windows, or it is an error."""

    def fetch_metric(self: object) -> Iterator[object]:
        yield "a", good

    windows = (Window(name="current"), Window(name="previous"))
    with opened(fetch_metric=fetch_metric) as session:
        query = MetricQuery(id="a", definition=ask("a").definition, windows=windows)
        answer = session.fetch("s1", [query])["a"]

    assert isinstance(answer, PluginError)
    assert "for the windows current instead of current, previous" in answer.message


def test_two_answers_to_one_query_are_an_error(opened: Opens, good: Tally) -> None:
    """It is not known which of two answers is right."""
    answers = fetched(opened, lambda _: iter([("a", good), ("b", good), ("a", good)]), "a", "b")

    assert isinstance(answers["a"], PluginError)
    assert "twice" in answers["a"].message
    assert answers["b"] == good


def test_a_missing_answer_is_a_plugin_error(opened: Opens, good: Tally) -> None:
    """A query that the source did not answer gets an error."""
    answers = fetched(opened, lambda _: iter([("a", good)]), "a", "b")

    assert answers["a"] == good
    assert isinstance(answers["b"], PluginError)
    assert "never answered the query “b”" in answers["b"].message


WITH_SECRET = [
    {"notes": (f"read with {TOKEN}",)},
    {"choices": (Choice(key="1", label=TOKEN),)},
    {"groups": (GroupCounts(key=TOKEN, label="North", counts=Counts(responses=0)),)},
    {"groups": (GroupCounts(key="n", label=TOKEN, counts=Counts(responses=0)),)},
    {"excluded": {TOKEN: 1}},
    {"total": Counts(responses=1, unanswered={TOKEN: 1})},
    {"total": Counts(responses=1, answered=1, answers={TOKEN: 1})},
]
"""Fields of a tally, or of its window, to replace."""


@pytest.mark.parametrize("replaced", WITH_SECRET)
def test_a_tally_with_a_secret_fails_its_query(
    opened: Opens, good: Tally, replaced: dict[str, Any]
) -> None:
    """A secret in a label, key or note of a tally fails its query and no other."""
    (window,) = good.windows
    inner = {name: value for name, value in replaced.items() if name in WindowTally.model_fields}
    outer = {name: value for name, value in replaced.items() if name not in inner}
    spoilt = good.model_copy(update=outer | {"windows": (window.model_copy(update=inner),)})

    answers = fetched(opened, lambda _: iter([("a", spoilt), ("b", good)]), "a", "b")

    assert type(answers["a"]) is PluginError
    assert "a text of fetch_metric contained a secret" in answers["a"].message
    assert TOKEN not in repr(answers)
    assert answers["b"] == good


def test_an_answer_to_no_query_does_not_log_a_secret(
    opened: Opens, good: Tally, caplog: pytest.LogCaptureFixture
) -> None:
    """The id that a source yields is redacted in the log."""
    fetched(opened, lambda _: iter([(TOKEN, None), ("a", good)]), "a")

    assert "not a query of the call" in caplog.text
    assert TOKEN not in caplog.text


@pytest.mark.parametrize(
    ("stray", "said"),
    [
        (("c", None), "answered “c”, which is not a query"),
        ((7, None), "answered “int”, which is not a query"),
        ("ab", "returned str instead of a pair"),
        (("a", None, None), "returned tuple instead of a pair"),
    ],
)
def test_an_answer_to_no_query_explains_what_is_missing(
    opened: Opens, good: Tally, stray: object, said: str, caplog: pytest.LogCaptureFixture
) -> None:
    """A stray answer is reported in the error of a missing answer, or else in the log."""
    missing = fetched(opened, lambda _: iter([stray, ("a", good)]), "a", "b")
    complete = fetched(opened, lambda _: iter([stray, ("a", good)]), "a")

    assert isinstance(missing["b"], PluginError)
    assert said in missing["b"].message
    assert missing["a"] == complete["a"] == good
    assert said in caplog.text


def test_tallies_before_a_failure_are_returned(opened: Opens, good: Tally) -> None:
    """Yielded tallies are complete; the other queries get the error."""

    def items(_: Deadline) -> Iterator[object]:
        yield "a", good
        raise SurveyUnavailable("It is gone.")

    answers = fetched(opened, items, "a", "b", "c")

    assert answers["a"] == good
    assert isinstance(answers["b"], SurveyUnavailable)
    assert isinstance(answers["c"], SurveyUnavailable)


def test_endless_answers_are_an_error(opened: Opens, good: Tally) -> None:
    """A source that yields answers without end is stopped."""

    def items(_: Deadline) -> Iterator[object]:
        while True:
            yield "x", good

    answers = fetched(opened, items, "a")

    assert isinstance(answers["a"], PluginError)
    assert "more than 10 items" in answers["a"].message


def test_a_hanging_fetch_returns_at_the_deadline(
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


def test_a_cancellation_is_raised(opened: Opens, good: Tally) -> None:
    """A cancellation is raised instead of being the error of a query."""

    def items(deadline: Deadline) -> Iterator[object]:
        yield "a", good
        deadline.cancelled.set()
        deadline.check()

    with pytest.raises(Cancelled):
        fetched(opened, items, "a", "b")


def test_without_queries_the_source_is_not_called(opened: Opens) -> None:
    """Without queries, ``fetch`` returns an empty result."""
    with opened(fetch_metric=lambda self: 1 / 0) as session:
        assert session.fetch("s1", []) == {}


def test_two_queries_with_the_same_id_are_rejected(opened: Opens) -> None:
    """The ids of queries are unique in a call."""
    with opened() as session:
        assert isinstance(error_in(lambda: session.fetch("s1", [ask("a")] * 2)), InputError)
