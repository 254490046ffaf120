"""The options of the metric form: every option can be saved, and everything valid is an option."""

from __future__ import annotations

from itertools import product

import pytest

from smaply_metrics_core.calculations.catalog import BOXES
from smaply_metrics_core.calculations.rules import allowed_calculations, check_definition
from smaply_metrics_core.errors import MetricsError, QueryInvalid
from smaply_metrics_core.host import (
    ENTERED,
    PRESETS,
    Calculation,
    Choice,
    ComparedPeriod,
    DateRange,
    Definition,
    EmbeddedField,
    FormOption,
    GroupBy,
    MetricDraft,
    MetricType,
    Period,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.host.metrics.form_options import metric_options

STARS = (
    *(Choice(key=str(n), label=f"{n} stars", value=float(n)) for n in range(1, 6)),
    Choice(key="9", label="Not applicable", analyze=False),
)
ZERO_TO_TEN = tuple(Choice(key=str(n), label=str(n), value=float(n)) for n in range(11))
COLOURS = tuple(Choice(key=key, label=key) for key in ("red", "blue"))


def question(
    question_id: str,
    kind: QuestionKind,
    choices: tuple[Choice, ...] = (),
    rows: tuple[Question, ...] = (),
) -> Question:
    """Return a question as sources define it."""
    return Question(
        id=question_id,
        text=f"The {question_id}?",
        kind=kind,
        choices=choices,
        calculations=allowed_calculations(kind, choices),
        can_group_by=kind in {QuestionKind.SINGLE_CHOICE, QuestionKind.NPS},
        sub_questions=rows,
    )


SURVEY = Questionnaire(
    survey=Survey(id="S1", name="Survey"),
    questions=(
        question("stars", QuestionKind.SINGLE_CHOICE, STARS),
        question("nps", QuestionKind.NPS, ZERO_TO_TEN),
        question("colours", QuestionKind.MULTIPLE_CHOICE, COLOURS),
        question("age", QuestionKind.NUMBER),
        question("why", QuestionKind.TEXT),
        question(
            "matrix",
            QuestionKind.GROUP,
            rows=(question("matrix_1", QuestionKind.SINGLE_CHOICE, STARS),),
        ),
        # Sources may allow no calculation of a heading, not even a number of responses.
        Question(
            id="array",
            text="An array",
            kind=QuestionKind.GROUP,
            sub_questions=(question("array_1", QuestionKind.NUMBER),),
        ),
        Question(id="timer", text="", kind=QuestionKind.OTHER, note="It measures a time."),
    ),
    fields=(EmbeddedField(name="region", label="Region"), EmbeddedField(name="channel")),
)
QUESTIONS = [None, *(question.id for question in SURVEY.walk())]
MATRICES = {question.id for question in SURVEY.walk() if question.kind is QuestionKind.GROUP}
GROUP_BYS = [
    None,
    GroupBy(kind="answer"),
    GroupBy(kind="row"),
    *(GroupBy(kind="period", of=period) for period in Period),
    *(GroupBy(kind="question", of=question.id) for question in SURVEY.walk()),
    *(GroupBy(kind="field", of=field.name) for field in SURVEY.fields),
]


def offered(options: tuple[FormOption, ...]) -> list[str]:
    """Return the values that can be chosen, including rows."""
    return [
        value
        for option in options
        for value in (*([] if option.refused else [option.value]), *offered(option.rows))
    ]


def fits(**parts: object) -> bool:
    """Whether a definition could be saved."""
    try:
        check_definition(Definition.model_validate({"survey_id": "S1", **parts}), SURVEY)
    except MetricsError:
        return False
    return True


def test_the_lists_and_the_rules_agree() -> None:
    """The lists lead to exactly the definitions that could be saved.

    Checked for every type, question, group-by, calculation and, for a share, answer.
    """
    made, possible = set(), set()
    for type_, question_id in product(MetricType, QUESTIONS):
        first = metric_options(SURVEY, MetricDraft(type=type_, question_id=question_id))
        chosen = (question_id or "") in offered(first.questions)
        lists = {None: first} | {
            group_by: metric_options(
                SURVEY, MetricDraft(type=type_, question_id=question_id, group_by=group_by)
            )
            for group_by in GROUP_BYS
            if str(group_by) in offered(first.group_bys)
        }
        for group_by in GROUP_BYS:
            grouped = lists.get(group_by)
            for calculation in Calculation:
                answers = ("1",) if calculation is Calculation.SHARE else ()
                if question_id == "colours" and answers:
                    answers = ("red",)
                parts = {
                    "type": type_,
                    "question_id": question_id,
                    "group_by": group_by,
                    "calculation": calculation,
                    "answers": answers,
                }
                if calculation is Calculation.NET_SCORE:
                    parts |= {"top_answers": ("1",), "bottom_answers": ("2",)}
                if fits(**parts, range=DateRange(preset="last_28_days")):
                    possible.add((type_, question_id, group_by, calculation))
                if chosen and grouped and calculation in offered(grouped.calculations):
                    made.add((type_, question_id, group_by, calculation))
    # Before a Series has a group-by, the calculations of all its group-bys are options.
    unsplit = {
        (type_, question_id, group_by, calculation)
        for type_, question_id, group_by, calculation in made
        if type_ is MetricType.SERIES
        and group_by is None
        and (calculation is not Calculation.DISTRIBUTION or question_id in MATRICES)
    }
    assert made - unsplit == possible
    assert possible
    for type_, question_id, _, calculation in unsplit:
        assert any(p[:2] == (type_, question_id) and p[3] == calculation for p in possible)


@pytest.mark.parametrize("type_", MetricType)
def test_ranges_depend_on_the_type(type_: MetricType) -> None:
    """A Comparison requires a previous period; every named range is an option or has a reason."""
    month = GroupBy(kind="period", of="month")
    options = metric_options(SURVEY, MetricDraft(type=type_))
    assert [option.value for option in options.ranges] == [*PRESETS, "custom"]
    for option in options.ranges:
        if option.value != "custom":
            assert (not option.refused) == fits(
                type=type_,
                calculation=Calculation.RESPONSES,
                group_by=month if type_ is MetricType.SERIES else None,
                range=DateRange(preset=option.value),
            )


def test_a_share_is_asked_for_the_answers_that_count() -> None:
    """Other calculations require no answers; the answers of numbers are typed."""
    share = MetricDraft(type=MetricType.NUMBER, question_id="stars", calculation=Calculation.SHARE)
    options = metric_options(SURVEY, share)
    assert [option.label for option in options.answers] == [choice.label for choice in STARS]
    assert offered(options.answers) == ["1", "2", "3", "4", "5"]
    assert not options.typed_answers
    average = share.model_copy(update={"calculation": Calculation.AVERAGE})
    assert metric_options(SURVEY, average).answers == ()
    typed = metric_options(SURVEY, share.model_copy(update={"question_id": "age"}))
    assert (typed.answers, typed.typed_answers) == ((), True)


def test_a_net_score_requires_answers_for_two_sides() -> None:
    """Each side lists the answers that count; what is not one is removed from the draft."""
    net = MetricDraft(
        type=MetricType.NUMBER,
        question_id="stars",
        calculation=Calculation.NET_SCORE,
        top_answers=("5", "9"),
        bottom_answers=("1", "x"),
    )
    options = metric_options(SURVEY, net)
    assert options.two_sides
    assert offered(options.answers) == ["1", "2", "3", "4", "5"]
    assert (options.draft.top_answers, options.draft.bottom_answers) == (("5",), ("1",))
    typed = metric_options(SURVEY, net.model_copy(update={"question_id": "age"}))
    assert (typed.answers, typed.typed_answers, typed.two_sides) == ((), True, True)
    average = metric_options(SURVEY, net.model_copy(update={"calculation": Calculation.AVERAGE}))
    assert (average.two_sides, average.draft.top_answers) == (False, ())


def test_only_periods_have_a_rolling_window() -> None:
    """It is removed from the draft with the period."""
    draft = MetricDraft(
        type=MetricType.SERIES,
        question_id="nps",
        group_by=GroupBy(kind="period", of="month"),
        calculation=Calculation.NPS,
        rolling=3,
    )
    by_region = draft.model_copy(update={"group_by": GroupBy(kind="field", of="region")})
    assert metric_options(SURVEY, draft).draft.rolling == 3
    assert metric_options(SURVEY, by_region).draft.rolling is None


def test_groups_may_be_compared_with_an_earlier_period() -> None:
    """Not periods, nor distributions of rows; the range then needs a previous period."""
    draft = MetricDraft(
        type=MetricType.SERIES,
        question_id="nps",
        group_by=GroupBy(kind="field", of="region"),
        calculation=Calculation.NPS,
        range=DateRange(),
        compare_groups=True,
        compare_with=ComparedPeriod.SAME_PERIOD_LAST_YEAR,
    )
    options = metric_options(SURVEY, draft)
    assert (options.comparable, options.draft.compare_groups) == (True, True)
    assert options.draft.compare_with is ComparedPeriod.SAME_PERIOD_LAST_YEAR
    assert options.draft.range is None
    assert "all_time" not in offered(options.ranges)
    for parts in (
        {"group_by": GroupBy(kind="period", of="month")},
        {"type": MetricType.NUMBER, "group_by": None},
        {
            "question_id": "matrix",
            "group_by": GroupBy(kind="row"),
            "calculation": Calculation.DISTRIBUTION,
        },
    ):
        other = metric_options(SURVEY, draft.model_copy(update=parts))
        assert (other.comparable, other.draft.compare_groups) == (False, False)
        assert other.draft.compare_with is ComparedPeriod.PREVIOUS_PERIOD
        assert other.draft.range == DateRange()


def test_the_distribution_of_a_matrix_is_by_row() -> None:
    """A question has one of its own."""
    draft = MetricDraft(type=MetricType.SERIES, calculation=Calculation.DISTRIBUTION)
    for question_id, group_by in (("matrix", GroupBy(kind="row")), ("stars", None)):
        options = metric_options(SURVEY, draft.model_copy(update={"question_id": question_id}))
        assert options.draft.group_by == group_by
        assert options.draft.calculation is Calculation.DISTRIBUTION


def test_only_boxes_can_be_reversed() -> None:
    """A reversed scale changes nothing else."""
    draft = MetricDraft(question_id="stars", reverse_scale=True)
    for calculation in Calculation:
        options = metric_options(SURVEY, draft.model_copy(update={"calculation": calculation}))
        assert options.reversible == (calculation in BOXES)
        assert options.draft.reverse_scale == options.reversible


def test_invalid_parts_are_dropped_from_the_draft() -> None:
    """After an earlier choice is changed, the parts that are still valid are kept."""
    draft = MetricDraft(
        type=MetricType.SERIES,
        question_id="stars",
        group_by=GroupBy(kind="answer"),
        calculation=Calculation.SHARE,
        answers=("5", "red"),
        range=DateRange(),
    )
    options = metric_options(SURVEY, draft)
    assert options.draft == draft.model_copy(update={"answers": ("5",)})
    comparison = draft.model_copy(update={"type": MetricType.COMPARISON})
    kept = metric_options(SURVEY, comparison).draft
    assert kept == comparison.model_copy(
        update={"group_by": None, "answers": ("5",), "range": None}
    )
    gone = metric_options(SURVEY, draft.model_copy(update={"question_id": "gone"})).draft
    assert (gone.question_id, gone.group_by, gone.calculation) == (None, None, None)


def test_refused_options_have_a_reason() -> None:
    """Every option that cannot be chosen has a reason for people."""
    options = metric_options(SURVEY, MetricDraft(type=MetricType.NUMBER, question_id="stars"))
    refused = {option.value: option.refused for option in options.calculations if option.refused}
    assert refused.keys() == {Calculation.NPS, Calculation.DISTRIBUTION}
    assert "a scale from 0 to 10" in refused["nps"]
    (timer,) = (option for option in options.questions if option.value == "timer")
    assert (timer.label, timer.refused) == ("timer", "It measures a time.")


def test_options_have_labels_for_people() -> None:
    """Calculations have their definition, and rows are below their question."""
    options = metric_options(SURVEY, MetricDraft(type=MetricType.SERIES, question_id="stars"))
    labels = {option.value: option.label for option in options.group_bys}
    assert (labels["answer"], labels["period:month"]) == ("Answer", "Month")
    assert (labels["field:region"], labels["field:channel"]) == ("Region", "channel")
    assert labels["question:matrix_1"] == "The matrix_1?"
    assert options.calculations[2].label == "Average"
    assert "divided by the number of answers" in options.calculations[2].help
    (matrix,) = (option for option in options.questions if option.value == "matrix")
    assert [row.value for row in matrix.rows] == ["matrix_1"]
    assert [option.label for option in options.types] == ["Number", "Series", "Comparison"]


def test_a_draft_becomes_a_definition_and_back() -> None:
    """Editing a metric starts with its definition."""
    definition = Definition(
        type=MetricType.SERIES,
        survey_id="S1",
        question_id="stars",
        calculation=Calculation.AVERAGE,
        group_by=GroupBy(kind="period", of="month"),
    )
    draft = MetricDraft.of(definition)
    assert metric_options(SURVEY, draft).draft == draft
    assert draft.definition("S1") == definition
    assert MetricDraft(calculation=Calculation.RESPONSES).definition("S1").range == DateRange()
    with pytest.raises(QueryInvalid, match="calculation is missing"):
        MetricDraft().definition("S1")


def test_surveys_offer_the_calculations_of_their_kind() -> None:
    """Entered values are not offered for responses, nor the other way round."""
    values = Question(
        id="value",
        text="Calls",
        kind=QuestionKind.ENTERED,
        calculations=(Calculation.ENTERED_POINTS,),
    )
    entered = Questionnaire(survey=SURVEY.survey, questions=(values,))
    draft = MetricDraft(type=MetricType.NUMBER, question_id="value")
    offered = {one.value: one.refused for one in metric_options(entered, draft).calculations}
    assert set(offered) == ENTERED
    assert [name for name, refused in offered.items() if not refused] == ["entered_points"]
    draft = MetricDraft(type=MetricType.NUMBER, question_id="stars")
    assert not {one.value for one in metric_options(SURVEY, draft).calculations} & ENTERED
