"""Numbers of a survey, from the sandbox's socket to the result."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from plugins.qualtrics.tests.connector.support import SURVEY, Account, error_of, query, tally_of
from smaply_metrics_core import (
    CalculationRefused,
    ExclusionReason,
    Filter,
    GroupingRefused,
    QueryInvalid,
    QuestionUnavailable,
    Result,
    Window,
)

FEBRUARY = Window(start=datetime(2026, 2, 1, tzinfo=UTC), end=datetime(2026, 3, 1, tzinfo=UTC))


def groups(result: Result) -> dict[str, float | None]:
    """Give the value of each group by its key."""
    return {group.key: group.value for group in result.groups}


def test_responses_are_counted_without_a_question(own: Account) -> None:
    """Previews, tests, spam and unfinished ones are left out, each under its own reason."""
    result = own.measure(query("responses"))
    assert result.current.value == 6
    assert result.current.excluded == {"unfinished": 1, "preview": 1, "test": 1, "spam": 1}
    assert result.current.recorded == 10


def test_excluded_responses_can_be_included(own: Account) -> None:
    """Each kind counts again when the metric asks for it; the status comes before unfinished."""
    result = own.measure(
        query("responses", include=[ExclusionReason.UNFINISHED, ExclusionReason.PREVIEW])
    )
    assert result.current.value == 8
    assert result.current.excluded == {"test": 1, "spam": 1}


def test_nps_of_those_who_answered(own: Account) -> None:
    """Two promoters and two detractors of five answers."""
    result = own.measure(query("nps", "QID1"))
    assert result.current.value == 0
    assert (result.current.answered, result.current.responses) == (5, 6)


def test_an_average_leaves_out_not_applicable_and_blank(own: Account) -> None:
    """(5 + 4 + 1 + 5) / 4, the recode 9 being no answer and one cell blank."""
    result = own.measure(query("average", "QID2"))
    assert result.current.value == 3.75
    assert result.current.unanswered == {"not_applicable": 1, "not_answered": 1}


def test_blank_answers_tell_not_shown_from_not_answered(own: Account) -> None:
    """A question with display logic and no answer was not shown, as far as exports tell."""
    result = own.measure(query("answered", "QID3"))
    assert result.current.value == 4
    assert result.current.unanswered == {"not_shown": 2}


def test_a_distribution_shows_every_choice_by_its_label(own: Account) -> None:
    """Choices keep their order and labels, also those nobody chose."""
    result = own.measure(query("distribution", "QID2"))
    assert [(group.label, group.value) for group in result.groups] == [
        ("Not", 25),
        ("Little", 0),
        ("So", 0),
        ("Quite", 25),
        ("Very", 50),
    ]


def test_several_answers_are_shares_of_those_who_answered(own: Account) -> None:
    """Three answered; their answers may add up to more than 100 %."""
    result = own.measure(query("distribution", "QID4"))
    assert groups(result) == {
        "1": pytest.approx(200 / 3),
        "2": pytest.approx(100 / 3),
        "9": pytest.approx(100 / 3),
    }
    assert result.current.answered == 3
    assert result.current.unanswered == {"not_answered": 3}
    share = own.measure(query("share", "QID4", answers=["1", "2"]))
    assert share.current.value == pytest.approx(200 / 3)


def test_the_row_of_a_matrix_is_measured_by_itself(own: Account) -> None:
    """Rows are addressed as the export does."""
    assert own.measure(query("average", "QID5_1")).current.value == 1.5
    assert own.measure(query("answered", "QID5_2")).current.value == 1
    assert own.measure(query("responses", "QID5")).current.answered == 2


def test_text_and_other_types_are_counted(own: Account) -> None:
    """Free text with newlines and quotes is one answer; nobody clicked on the picture."""
    assert own.measure(query("answered", "QID6")).current.value == 1
    assert own.measure(query("answered", "QID7")).current.value == 0
    with pytest.raises(CalculationRefused):
        own.measure(query("average", "QID6"))


def test_numbers_of_an_embedded_field_with_a_decimal_comma_are_not_guessed(own: Account) -> None:
    """What cannot be read as a number is no answer, and is said to be unreadable."""
    result = own.measure(query("average", "field:Spend"))
    assert result.current.value == 15.25
    assert result.current.unanswered == {"not_answered": 3, "unreadable": 1}


def test_a_score_is_exported_without_a_filter_on_columns(own: Account) -> None:
    """Nobody documents which filter keeps scores, so none is sent; personal columns stay out."""
    own.measure(query("answered", "SC_health00000001"))
    (body,) = own.exports()
    assert "questionIds" not in body
    assert "embeddedDataIds" not in body
    assert body["surveyMetadataIds"] == ["status", "finished", "recordedDate"]


def test_groups_by_another_question_have_its_labels(own: Account) -> None:
    """The average score of each channel; responses without a channel are in no group."""
    result = own.measure(query("average", "QID1", group_by="question:QID3"))
    assert [(group.label, group.value) for group in result.groups] == [("Web", 5), ("Store", 8)]
    assert result.ungrouped == 2


def test_groups_by_an_embedded_field(own: Account) -> None:
    """A field of blanks belongs to no group."""
    result = own.measure(query("responses", group_by="field:Region"))
    assert groups(result) == {"North": 3, "South": 2}
    assert result.ungrouped == 1


def test_groups_by_answer_count_each_answer(own: Account) -> None:
    """Responses by answer are how many gave it."""
    result = own.measure(query("responses", "QID3", group_by="answer"))
    assert groups(result) == {"10": 2, "20": 2}


def test_groups_by_month_are_of_the_accounts_zone(own: Account) -> None:
    """The recorded date decides, in the zone of the query."""
    result = own.measure(query("responses", group_by="period:month"))
    assert groups(result) == {"2026-01": 1, "2026-02": 5}
    own.sandbox.state.add_responses(SURVEY, [{"RecordedDate": "2026-01-31 23:30:00"}])
    berlin = own.measure(query("responses", group_by="period:month", zone="Europe/Berlin"))
    assert groups(berlin) == {"2026-01": 1, "2026-02": 6}


def test_a_window_counts_its_own_responses_and_bounds_the_export(own: Account) -> None:
    """Half-open on the recorded date, and asked of Qualtrics in the same form."""
    own.sandbox.state.add_responses(
        SURVEY, [{"RecordedDate": "2026-02-01 00:00:00"}, {"RecordedDate": "2026-03-01 00:00:00"}]
    )
    assert own.measure(query("responses", windows=[FEBRUARY])).current.value == 6
    (body,) = own.exports()
    assert body["startDate"] == "2026-02-01T00:00:00Z"
    assert body["endDate"] == "2026-03-01T00:00:00Z"


def test_filters_keep_and_drop(own: Account) -> None:
    """By a question, by several answers, and by a field."""
    store = Filter(kind="question", of="QID3", values=("20",))
    assert own.measure(query("average", "QID1", filters=[store])).current.value == 8
    advice = Filter(kind="question", of="QID4", values=("1",))
    assert own.measure(query("average", "QID1", filters=[advice])).current.value == 9.5
    north = Filter(kind="field", of="Region", values=("North",), exclude=True)
    assert own.measure(query("responses", filters=[north])).current.value == 3


def test_all_queries_of_a_survey_are_answered_by_one_export(own: Account) -> None:
    """One start, the union of the columns, and a sentinel that is no recode of the survey."""
    outcomes = own.fetch(
        query("nps", "QID1", query_id="a"),
        query("average", "QID2", query_id="b", windows=[FEBRUARY]),
        query("average", "QID5_2", query_id="c", group_by="field:Region"),
        query("responses", query_id="d"),
    )
    assert [
        tally_of(outcomes, query_id).window("current").total.responses for query_id in "abcd"
    ] == [
        6,
        5,
        6,
        6,
    ]
    (body,) = own.exports()
    assert body["questionIds"] == ["QID1", "QID2", "QID5"]
    assert body["embeddedDataIds"] == ["Region"]
    assert "startDate" not in body
    assert body["seenUnansweredRecode"] == -99887766


def test_a_query_that_cannot_be_answered_spoils_no_other(own: Account) -> None:
    """Each gets its own error, before anything is exported for it."""
    outcomes = own.fetch(
        query("responses", query_id="good"),
        query("average", "QID99", query_id="gone"),
        query("nps", "QID2", query_id="no scale"),
        query("responses", query_id="no field", group_by="field:Nothing"),
        query("responses", query_id="text", group_by="question:QID6"),
        query(
            "responses",
            query_id="heading",
            filters=[Filter(kind="question", of="QID5", values=("1",))],
        ),
    )
    assert tally_of(outcomes, "good").window("current").total.responses == 6
    assert type(error_of(outcomes, "gone")) is QuestionUnavailable
    assert type(error_of(outcomes, "no scale")) is CalculationRefused
    assert type(error_of(outcomes, "no field")) is QuestionUnavailable
    assert type(error_of(outcomes, "text")) is GroupingRefused
    assert type(error_of(outcomes, "heading")) is QueryInvalid
    (body,) = own.exports()
    assert body["questionIds"] == []


def test_nothing_is_exported_when_no_query_can_be_answered(own: Account) -> None:
    """A wrong metric costs no export."""
    assert type(error_of(own.fetch(query("average", "QID99")))) is QuestionUnavailable
    assert own.exports() == []


def test_an_empty_export_is_a_survey_with_nothing_in_it(own: Account) -> None:
    """A ZIP without a file gives zeros for every kind of query."""
    own.sandbox.state.add_fault("export_file", kind="empty_zip")
    outcomes = own.fetch(
        query("responses", query_id="a", windows=[FEBRUARY]),
        query("average", "QID2", query_id="b", group_by="question:QID3"),
        query("distribution", "QID4", query_id="c"),
        query("responses", query_id="d", group_by="field:Region"),
    )
    for query_id in "abcd":
        assert tally_of(outcomes, query_id).window("current").recorded == 0


def test_a_survey_with_previews_only_has_nothing_to_count(own: Account) -> None:
    """Everything is left out, and the result says how much and why."""
    previews = Filter(kind="field", of="Region", values=("Preview land",))
    own.sandbox.state.add_responses(
        SURVEY, [{"Status": "1", "Region": "Preview land", "NPS": "10"}] * 3
    )
    result = own.measure(query("nps", "QID1", filters=[previews]))
    assert result.current.value is None
    assert result.current.reason
    assert result.current.excluded == {"preview": 3}


def test_every_status_is_counted_or_left_out_as_documented(own: Account) -> None:
    """Only previews, tests and spam are left out; imported, offline and others count."""
    codes = ["0", "1", "2", "4", "8", "9", "12", "16", "17", "32", "40", "48"]
    own.sandbox.state.add_responses(SURVEY, [{"Status": code, "Region": "Codes"} for code in codes])
    only = Filter(kind="field", of="Region", values=("Codes",))
    result = own.measure(query("responses", filters=[only]))
    assert result.current.value == 5
    assert result.current.excluded == {"preview": 3, "test": 1, "spam": 3}


@pytest.mark.parametrize("polls", [0, 3])
def test_several_files_in_the_archive_are_all_counted(own: Account, polls: int) -> None:
    """An export of many files with an odd name is read to its end."""
    own.sandbox.state.set_exports(members=4, member_name="../a:b?", polls=polls)
    assert own.measure(query("responses")).current.value == 6


def test_a_sentinel_avoids_the_surveys_own_recodes(own: Account) -> None:
    """When a recode is the usual sentinel, another number is written."""
    question = own.sandbox.state.survey(SURVEY).definition["Questions"]["QID3"]
    question["RecodeValues"]["1"] = "-99887766"
    own.measure(query("answered", "QID3"))
    assert own.exports()[0]["seenUnansweredRecode"] == -99887767
