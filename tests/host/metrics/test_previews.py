"""Previews: later choices use the same download, and never get the result of another one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from smaply_metrics_core.errors import (
    CalculationRefused,
    ExportFailed,
    GroupingRefused,
    QueryInvalid,
    QuestionUnavailable,
    RateLimited,
    ResultsUnavailable,
    Unreachable,
)
from smaply_metrics_core.host import (
    AccountSettings,
    Calculation,
    ConnectionStatus,
    DateRange,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
)
from tests.host.conftest import ADMIN
from tests.host.csv_host import about, everything, opened

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from smaply_metrics_core import MetricQuery
    from smaply_metrics_core.host import Definition, Result
    from tests.host.csv_host import Answers, Desk

QUESTIONS = (None, "stars", "nps", "colours[]", "spent", "why")
PARTS: tuple[dict[str, object], ...] = (
    {},
    {
        "range": DateRange(preset="last_quarter"),
        "filters": (Filter(kind="field", of="region", values=("north", "east")),),
        "include": frozenset({ExclusionReason.TEST, ExclusionReason.UNFINISHED}),
    },
)
BASES = [about(question_id, **parts) for question_id in QUESTIONS for parts in PARTS]
ON_EVERY_CHANGE = [*BASES[::2], BASES[3]]
"""Each question without parts, and one with them."""

BY_MONTH = GroupBy(kind="period", of="month")
BY_REGION = GroupBy(kind="field", of="region")
TYPICAL = (None, GroupBy(kind="answer"), BY_MONTH, BY_REGION)
AVERAGE = about("stars", calculation=Calculation.AVERAGE)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk whose file does not change."""
    desk = opened(tmp_path_factory.mktemp("desk"))
    yield desk
    desk.host.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    """A desk for one test."""
    desk = opened(tmp_path)
    yield desk
    desk.host.close()


def named(base: Definition) -> str:
    """Return the id of a test about a definition."""
    return f"{base.question_id}-{base.range.preset}"


def changed(definition: Definition, **parts: object) -> Definition:
    """Return a definition with some parts replaced."""
    return definition.model_copy(update=parts)


def expect_equal_previews(desk: Desk, fresh: dict[Definition, Result]) -> None:
    """Expect that previews equal results of downloads of their own, after a first download."""
    first = next(iter(fresh))
    assert desk.preview(first, reload=True) == fresh[first]
    for definition, result in fresh.items():
        assert desk.preview(definition) == result, definition


@pytest.mark.parametrize("base", ON_EVERY_CHANGE, ids=named)
def test_previews_equal_those_from_their_own_downloads(shared: Desk, base: Definition) -> None:
    """For each type, group-by and calculation, though not each calculation with each group-by."""
    chosen = [
        definition
        for definition in everything(base, shared.questionnaire())
        if definition.group_by in TYPICAL or definition.calculation is Calculation.RESPONSES
    ]
    expect_equal_previews(shared, shared.measured(chosen))


@pytest.mark.deep(reason="1 to 2 s: a hundred previews and more")
@pytest.mark.parametrize("base", BASES, ids=named)
def test_every_preview_equals_one_from_its_own_download(shared: Desk, base: Definition) -> None:
    """For each combination of type, group-by and calculation, whatever was downloaded first."""
    expect_equal_previews(shared, shared.fresh(base))


@pytest.mark.deep(reason="random orders of previews")
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.data(), base=st.sampled_from(BASES))
def test_previews_are_right_in_any_order(
    shared: Desk, data: st.DataObject, base: Definition
) -> None:
    """The download for one choice of answers is never used for another."""
    fresh = shared.fresh(base)
    order = data.draw(st.lists(st.sampled_from(list(fresh)), min_size=2, max_size=12))
    for number, definition in enumerate(order):
        assert shared.preview(definition, reload=number == 0) == fresh[definition]


def test_the_next_choice_requires_no_download(desk: Desk) -> None:
    """Calculation, type and group-by are changed without a call to the source."""
    by_month = changed(
        AVERAGE, type=MetricType.SERIES, group_by=BY_MONTH, range=DateRange(preset="last_quarter")
    )
    first = desk.preview(by_month)
    described = desk.source.described
    for definition in (
        changed(by_month, calculation=Calculation.TOP_BOX, reverse_scale=True),
        changed(by_month, group_by=BY_REGION),
        changed(by_month, group_by=GroupBy(kind="question", of="nps")),
        changed(by_month, group_by=None, calculation=Calculation.DISTRIBUTION),
        changed(by_month, group_by=None, type=MetricType.NUMBER),
        changed(by_month, group_by=None, type=MetricType.COMPARISON),
    ):
        assert desk.preview(definition).as_of == first.as_of
    assert (len(desk.source.downloads), desk.source.described) == (1, described)


def test_a_single_preview_downloads_only_what_it_needs(desk: Desk) -> None:
    """Without prefetching, a command downloads nothing else, and makes one call."""
    desk.preview(AVERAGE, prefetch=False)
    assert desk.source.downloads == [("None",)]

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        raise ExportFailed("Damaged.")

    desk.source.answering = answering
    with pytest.raises(ExportFailed):
        desk.preview(AVERAGE, prefetch=False, reload=True)
    assert len(desk.source.downloads) == 2


@pytest.mark.parametrize(
    "parts",
    [
        {"question_id": "nps"},
        {"range": DateRange(preset="last_28_days")},
        {"filters": (Filter(kind="field", of="region", values=("north",)),)},
        {"include": frozenset({ExclusionReason.TEST})},
    ],
    ids=str,
)
def test_other_responses_require_another_download(desk: Desk, parts: dict[str, object]) -> None:
    """Whatever decides which answers are counted is part of the key of the cache."""
    desk.preview(AVERAGE)
    desk.preview(changed(AVERAGE, **parts))
    assert len(desk.source.downloads) == 2


def test_a_download_is_cached_for_ten_minutes(desk: Desk) -> None:
    """The result has the time of its data, and a reload gets newer data."""
    first = desk.preview(AVERAGE)
    desk.clock.forward(599)
    assert desk.preview(AVERAGE).as_of == first.as_of
    assert desk.preview(AVERAGE, reload=True).as_of == desk.clock.now()
    desk.clock.forward(600)
    assert desk.preview(AVERAGE).as_of == desk.clock.now()
    assert len(desk.source.downloads) == 3


def test_a_reload_uses_a_new_questionnaire(desk: Desk) -> None:
    """Reloading ignores the cached questionnaire, so a deleted column is noticed."""
    desk.preview(AVERAGE)
    path = desk.folder / "visits.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("stars", "ratings"), encoding="utf-8")
    assert desk.preview(AVERAGE).current.recorded
    with pytest.raises(QuestionUnavailable):
        desk.preview(AVERAGE, reload=True)
    assert desk.preview(changed(AVERAGE, question_id="ratings")).current.recorded


def test_a_new_question_is_found(desk: Desk) -> None:
    """A definition that the cached questionnaire does not allow is checked against a new one."""
    desk.questionnaire()
    path = desk.folder / "visits.csv"
    path.write_text(path.read_text(encoding="utf-8").replace("stars", "ratings"), encoding="utf-8")
    assert desk.preview(changed(AVERAGE, question_id="ratings")).current.recorded
    with pytest.raises(QueryInvalid):
        desk.preview(changed(AVERAGE, type=MetricType.SERIES))


def test_another_zone_or_other_credentials_require_another_download(desk: Desk) -> None:
    """Days depend on the account's zone, and visible data on the credentials."""
    desk.preview(AVERAGE)
    desk.host.accounts.edit(ADMIN, AccountSettings("Europe/Vienna", 1))
    desk.preview(AVERAGE)
    assert len(desk.source.downloads) == 2
    (desk.folder / "below").mkdir()
    (desk.folder / "visits.csv").rename(desk.folder / "below" / "visits.csv")
    desk.host.connections.edit(ADMIN, "csv_example", {"folder": "below"})
    desk.preview(AVERAGE)
    assert len(desk.source.downloads) == 3


def test_the_number_of_prefetched_group_bys_is_limited(desk: Desk) -> None:
    """Eight fields are prefetched; the ninth is downloaded and cached when it is chosen."""
    names = [f"field:f{number:02}" for number in range(9)]
    rows = [",".join(["2026-01-01", "5", *"x" * 9])] * 3
    text = "\n".join([",".join(["recorded_at", "stars", *names]), *rows])
    (desk.folder / "visits.csv").write_text(text, encoding="utf-8")
    number = about("stars")
    desk.preview(number)
    (asked,) = desk.source.downloads
    assert [one for one in asked if one.startswith("field")] == names[:8]
    for name in (names[7], names[8], names[8], names[0]):
        desk.preview(changed(number, type=MetricType.SERIES, group_by=GroupBy.parse(name)))
    assert len(desk.source.downloads) == 2


def test_numbers_are_not_prefetched(desk: Desk) -> None:
    """Each group may hold as many numbers as responses, so they are downloaded when chosen."""
    number = about("spent", range=DateRange(preset="last_quarter"))
    desk.preview(number)
    assert desk.source.downloads == [("None", "None")]
    desk.preview(changed(number, type=MetricType.COMPARISON, calculation=Calculation.MEDIAN))
    assert len(desk.source.downloads) == 1
    desk.preview(changed(number, type=MetricType.SERIES, group_by=BY_MONTH))
    assert len(desk.source.downloads) == 2


def test_a_share_of_other_answers_requires_a_download(desk: Desk) -> None:
    """The number of respondents who chose one of several answers is known for these only."""
    red_or_sky = about("colours[]", calculation=Calculation.SHARE, answers=("red", "sky"))
    desk.preview(red_or_sky)
    desk.preview(changed(red_or_sky, type=MetricType.SERIES, group_by=BY_MONTH))
    desk.preview(changed(red_or_sky, answers=("red",)))
    assert len(desk.source.downloads) == 1
    desk.preview(changed(red_or_sky, answers=("red", "blue")))
    assert len(desk.source.downloads) == 2


def test_a_refused_group_by_keeps_the_other_tallies(desk: Desk) -> None:
    """The error is raised, and the next choice requires no download."""

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        for query_id, answer in answers:
            wanted = query_id == queries[0].id
            yield query_id, GroupingRefused("Too many.", remedy="Fewer.") if wanted else answer

    desk.source.answering = answering
    by_region = changed(AVERAGE, type=MetricType.SERIES, group_by=BY_REGION)
    with pytest.raises(GroupingRefused):
        desk.preview(by_region)
    assert desk.preview(changed(by_region, group_by=BY_MONTH)).current.recorded
    assert len(desk.source.downloads) == 1


def test_an_impossible_calculation_is_refused_as_by_its_own_download(desk: Desk) -> None:
    """When cached counts do not suffice, another download raises the error."""

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        for query_id, answer in answers:
            if queries[0].definition.calculation is Calculation.MEDIAN:
                yield query_id, CalculationRefused("No median.", remedy="Use the average.")
            else:
                yield query_id, answer

    desk.source.answering = answering
    desk.preview(AVERAGE)
    assert desk.preview(changed(AVERAGE, calculation=Calculation.MEDIAN)).current.recorded
    with pytest.raises(CalculationRefused, match="No median"):
        desk.preview(changed(AVERAGE, calculation=Calculation.MEDIAN), reload=True)


@pytest.mark.parametrize(
    "error", [ExportFailed("Damaged."), ResultsUnavailable("No."), ValueError()]
)
def test_failing_siblings_are_dropped(desk: Desk, error: Exception) -> None:
    """When prefetching makes a source fail, the requested query is sent alone."""

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        if len(queries) > 1:
            raise error
        yield from answers

    desk.source.answering = answering
    assert desk.preview(AVERAGE).current.value
    assert [len(queries) > 1 for queries in desk.source.downloads] == [True, False]
    assert desk.host.connections.show(ADMIN, "csv_example").problem is None


def test_an_unreachable_source_is_called_once(desk: Desk) -> None:
    """Errors that do not depend on the siblings are raised at once."""

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        raise Unreachable("Nobody answers.")

    desk.source.answering = answering
    with pytest.raises(Unreachable):
        desk.preview(AVERAGE)
    assert len(desk.source.downloads) == 1
    view = desk.host.connections.show(ADMIN, "csv_example")
    assert view.status is ConnectionStatus.ERROR


def test_errors_of_siblings_do_not_affect_the_connection(desk: Desk) -> None:
    """A rate limit that only a sibling ran into pauses no metric."""

    def answering(answers: Answers, queries: Sequence[MetricQuery]) -> Answers:
        for query_id, answer in answers:
            wanted = query_id == queries[0].id
            yield (
                query_id,
                answer if wanted else RateLimited("Too many.", retry_at=desk.clock.now()),
            )

    desk.source.answering = answering
    assert desk.preview(AVERAGE).current.value
    view = desk.host.connections.show(ADMIN, "csv_example")
    assert (view.status, view.problem) == (ConnectionStatus.CONNECTED, None)


def test_large_tallies_are_not_cached(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The memory of the cache is bounded; what does not fit is downloaded again."""
    monkeypatch.setattr("smaply_metrics_core.host.metrics.cached_tallies.MAX_COUNTS", 3)
    desk.preview(AVERAGE)
    desk.preview(AVERAGE)
    assert len(desk.source.downloads) == 2
