"""Tests of calculating metrics from responses in the sandbox."""

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
    """Return the value of each group by its key."""
    return {group.key: group.value for group in result.groups}


def test_responses_are_counted_without_a_question(own: Account) -> None:
    """Previews, tests, spam and unfinished responses are excluded and counted by reason."""
    result = own.measure(query("responses"))
    assert result.current.value == 6
    assert result.current.excluded == {"unfinished": 1, "preview": 1, "test": 1, "spam": 1}
    assert result.current.recorded == 10


def test_excluded_responses_can_be_included(own: Account) -> None:
    """A metric can include each reason; the status takes precedence over unfinished."""
    result = own.measure(
        query("responses", include=[ExclusionReason.UNFINISHED, ExclusionReason.PREVIEW])
    )
    assert result.current.value == 8
    assert result.current.excluded == {"test": 1, "spam": 1}


def test_nps_is_calculated_from_answers(own: Account) -> None:
    """Two promoters and two detractors of five answers result in 0."""
    result = own.measure(query("nps", "QID1"))
    assert result.current.value == 0
    assert (result.current.answered, result.current.responses) == (5, 6)


def test_responses_are_weighted_by_an_embedded_field(own: Account) -> None:
    """9 weighs 10.5 and 7 weighs 20; a decimal comma and blanks are reported, not guessed."""
    result = own.measure(query("nps", "QID1", weight="field:Spend"))
    assert result.current.value == pytest.approx(100 * 10.5 / 30.5)
    assert result.current.effective_n == pytest.approx(30.5**2 / (10.5**2 + 20**2))
    assert result.current.unanswered == {
        "not_answered": 1,
        "weight_missing": 2,
        "weight_unreadable": 1,
    }
    assert own.exports()[0]["embeddedDataIds"] == ["Spend"]


def test_responses_are_weighted_by_the_value_of_a_choice(own: Account) -> None:
    """10, 9 and 3 weigh 5, 4 and 1; not applicable is no weight."""
    result = own.measure(query("nps", "QID1", weight="question:QID2"))
    assert result.current.value == 80
    assert result.current.unanswered == {"not_answered": 1, "weight_missing": 2}


def test_a_question_with_several_answers_is_no_weight(own: Account) -> None:
    """The remedy names the questions that are."""
    error = error_of(own.fetch(query("nps", "QID1", weight="question:QID4")))
    assert isinstance(error, CalculationRefused)
    assert "QID2" in str(error.remedy)


def test_an_average_excludes_not_applicable_and_blank(own: Account) -> None:
    """(5 + 4 + 1 + 5) / 4; recode 9 is not applicable, and one cell is blank."""
    result = own.measure(query("average", "QID2"))
    assert result.current.value == 3.75
    assert result.current.unanswered == {"not_applicable": 1, "not_answered": 1}


def test_not_shown_differs_from_not_answered(own: Account) -> None:
    """A blank answer to a question with display logic counts as not shown."""
    result = own.measure(query("answered", "QID3"))
    assert result.current.value == 4
    assert result.current.unanswered == {"not_shown": 2}


def test_a_distribution_shows_every_choice_by_its_label(own: Account) -> None:
    """Choices keep their order and labels, including those that no response has."""
    result = own.measure(query("distribution", "QID2"))
    assert [(group.label, group.value) for group in result.groups] == [
        ("Not", 25),
        ("Little", 0),
        ("So", 0),
        ("Quite", 25),
        ("Very", 50),
    ]


def test_shares_of_a_multiple_choice_question(own: Account) -> None:
    """Shares are of the three responses with an answer and can exceed 100% in total."""
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


def test_each_row_of_a_matrix_is_calculated_separately(own: Account) -> None:
    """Rows have the same ids as in the export."""
    assert own.measure(query("average", "QID5_1")).current.value == 1.5
    assert own.measure(query("answered", "QID5_2")).current.value == 1
    assert own.measure(query("responses", "QID5")).current.answered == 2


def test_a_tally_has_the_text_of_its_question(own: Account) -> None:
    """A row after the text of its matrix, so that changes of both are detected."""
    with own.session() as session:
        questionnaire = session.questions(SURVEY)
    heading, row = questionnaire.question("QID5").text, questionnaire.question("QID5_1").text
    texts = {"QID1": questionnaire.question("QID1").text, "QID5_1": f"{heading} \N{EN DASH} {row}"}
    for question_id, text in texts.items():
        assert tally_of(own.fetch(query("answered", question_id))).question_text == text
    assert tally_of(own.fetch(query("responses"))).question_text == ""


def test_a_tally_has_the_routing_of_its_question(own: Account) -> None:
    """And when the survey was edited. A response has no routing."""
    with own.session() as session:
        questionnaire = session.questions(SURVEY)
    rule = questionnaire.question("QID3").routing
    assert rule
    routings = {
        question_id: tally_of(own.fetch(query("answered", question_id))).question_routing
        for question_id in ("QID1", "QID3", "QID5_1")
    }
    assert routings == {"QID1": "", "QID3": rule, "QID5_1": ""}
    tally = tally_of(own.fetch(query("responses")))
    assert (tally.question_routing, tally.survey_modified) == (
        None,
        questionnaire.survey.last_modified,
    )
    assert tally.survey_modified is not None


def test_text_and_other_types_are_counted(own: Account) -> None:
    """Free text with newlines and quotes is one answer; an average is rejected."""
    assert own.measure(query("answered", "QID6")).current.value == 1
    assert own.measure(query("answered", "QID7")).current.value == 0
    with pytest.raises(CalculationRefused):
        own.measure(query("average", "QID6"))


def test_a_decimal_comma_is_unreadable(own: Account) -> None:
    """Text that is not a number is excluded and counted as unreadable."""
    result = own.measure(query("average", "field:Spend"))
    assert result.current.value == 15.25
    assert result.current.unanswered == {"not_answered": 3, "unreadable": 1}


def test_a_score_is_exported_without_a_filter_on_columns(own: Account) -> None:
    """A filter could exclude the score; personal columns are excluded."""
    own.measure(query("answered", "SC_health00000001"))
    (body,) = own.exports()
    assert "questionIds" not in body
    assert "embeddedDataIds" not in body
    assert body["surveyMetadataIds"] == ["status", "finished", "recordedDate"]


def test_groups_by_another_question_have_its_labels(own: Account) -> None:
    """Responses without an answer to the group-by question are ungrouped."""
    result = own.measure(query("average", "QID1", group_by="question:QID3"))
    assert [(group.label, group.value) for group in result.groups] == [("Web", 5), ("Store", 8)]
    assert result.ungrouped == 2


def test_groups_by_an_embedded_field(own: Account) -> None:
    """Responses with a blank field are ungrouped."""
    result = own.measure(query("responses", group_by="field:Region"))
    assert groups(result) == {"North": 3, "South": 2}
    assert result.ungrouped == 1


def test_groups_by_answer_count_each_answer(own: Account) -> None:
    """Grouping responses by answer counts each answer."""
    result = own.measure(query("responses", "QID3", group_by="answer"))
    assert groups(result) == {"10": 2, "20": 2}


def test_groups_by_month_use_the_time_zone_of_the_query(own: Account) -> None:
    """The recorded date determines the month."""
    result = own.measure(query("responses", group_by="period:month"))
    assert groups(result) == {"2026-01": 1, "2026-02": 5}
    own.sandbox.state.add_responses(SURVEY, [{"RecordedDate": "2026-01-31 23:30:00"}])
    berlin = own.measure(query("responses", group_by="period:month", zone="Europe/Berlin"))
    assert groups(berlin) == {"2026-01": 1, "2026-02": 6}


def test_a_window_counts_its_own_responses_and_bounds_the_export(own: Account) -> None:
    """The start is inclusive and the end exclusive, in the count and in the export request."""
    own.sandbox.state.add_responses(
        SURVEY, [{"RecordedDate": "2026-02-01 00:00:00"}, {"RecordedDate": "2026-03-01 00:00:00"}]
    )
    assert own.measure(query("responses", windows=[FEBRUARY])).current.value == 6
    (body,) = own.exports()
    assert body["startDate"] == "2026-02-01T00:00:00Z"
    assert body["endDate"] == "2026-03-01T00:00:00Z"


def test_filters_include_and_exclude(own: Account) -> None:
    """Filters on a question, a multiple-choice question and a field."""
    store = Filter(kind="question", of="QID3", values=("20",))
    assert own.measure(query("average", "QID1", filters=[store])).current.value == 8
    advice = Filter(kind="question", of="QID4", values=("1",))
    assert own.measure(query("average", "QID1", filters=[advice])).current.value == 9.5
    north = Filter(kind="field", of="Region", values=("North",), exclude=True)
    assert own.measure(query("responses", filters=[north])).current.value == 3


def test_all_queries_of_a_survey_are_answered_by_one_export(own: Account) -> None:
    """The export contains all needed columns and a sentinel that is not a recode."""
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


def test_an_invalid_query_does_not_affect_the_others(own: Account) -> None:
    """Each invalid query has its own error before the export."""
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
    """No export is started for invalid queries."""
    assert type(error_of(own.fetch(query("average", "QID99")))) is QuestionUnavailable
    assert own.exports() == []


def test_an_export_without_files_has_no_responses(own: Account) -> None:
    """All kinds of queries result in zero responses."""
    own.sandbox.state.add_fault("export_file", kind="empty_zip")
    outcomes = own.fetch(
        query("responses", query_id="a", windows=[FEBRUARY]),
        query("average", "QID2", query_id="b", group_by="question:QID3"),
        query("distribution", "QID4", query_id="c"),
        query("responses", query_id="d", group_by="field:Region"),
    )
    for query_id in "abcd":
        assert tally_of(outcomes, query_id).window("current").recorded == 0


def test_a_survey_with_only_previews_has_no_value(own: Account) -> None:
    """The result contains the reason and the number of excluded responses."""
    previews = Filter(kind="field", of="Region", values=("Preview land",))
    own.sandbox.state.add_responses(
        SURVEY, [{"Status": "1", "Region": "Preview land", "NPS": "10"}] * 3
    )
    result = own.measure(query("nps", "QID1", filters=[previews]))
    assert result.current.value is None
    assert result.current.reason
    assert result.current.excluded == {"preview": 3}


def test_every_status_counts_or_is_excluded_as_documented(own: Account) -> None:
    """Only previews, tests and spam are excluded."""
    codes = ["0", "1", "2", "4", "8", "9", "12", "16", "17", "32", "40", "48"]
    own.sandbox.state.add_responses(SURVEY, [{"Status": code, "Region": "Codes"} for code in codes])
    only = Filter(kind="field", of="Region", values=("Codes",))
    result = own.measure(query("responses", filters=[only]))
    assert result.current.value == 5
    assert result.current.excluded == {"preview": 3, "test": 1, "spam": 3}


@pytest.mark.parametrize("polls", [0, 3])
def test_several_files_in_the_archive_are_all_counted(own: Account, polls: int) -> None:
    """All files are counted, whatever their names."""
    own.sandbox.state.set_exports(members=4, member_name="../a:b?", polls=polls)
    assert own.measure(query("responses")).current.value == 6


def test_the_sentinel_is_not_a_recode(own: Account) -> None:
    """If a recode equals the default sentinel, another number is used."""
    question = own.sandbox.state.survey(SURVEY).definition["Questions"]["QID3"]
    question["RecodeValues"]["1"] = "-99887766"
    own.measure(query("answered", "QID3"))
    assert own.exports()[0]["seenUnansweredRecode"] == -99887767


def test_all_rows_of_a_matrix_come_from_one_export(own: Account) -> None:
    """Each has the value of its own question, with its text as the label."""
    before = len(own.exports())
    result = own.measure(query("average", "QID5", group_by="row"))
    assert [(one.key, one.label, one.value, one.answered) for one in result.groups] == [
        ("QID5_1", "Speed", 1.5, 2),
        ("QID5_2", "Calm", 2.0, 1),
    ]
    assert result.current.value is None
    assert len(own.exports()) - before == 1
