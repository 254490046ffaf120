"""Changes of questions: which edits count, what they are called, and when they happened."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from smaply_metrics_core.calculations.question_changes import (
    changes_of,
    definition_of,
    differences,
    normalized,
)
from smaply_metrics_core.models.question_change import (
    AnswerFormat,
    QuestionDefinition,
    QuestionVersion,
)
from smaply_metrics_core.models.survey import Choice, Question, QuestionKind, Questionnaire, Survey
from tests.calculations.factories import counts, scale, tally_of

ONE, SEVERAL, OPEN = AnswerFormat.ONE_CHOICE, AnswerFormat.SEVERAL_CHOICES, AnswerFormat.OPEN


def offered(*labels: str, first: int = 1) -> tuple[Choice, ...]:
    """Return choices with ascending values, which are also their codes."""
    numbers = range(first, first + len(labels))
    return tuple(
        Choice(key=str(n), label=label, value=n) for n, label in zip(numbers, labels, strict=True)
    )


LABELS = ("Poor", "Fair", "Good")
TEXT = "How was “it”, today - really?"
RATING = offered(*LABELS)
POOR, FAIR, GOOD = RATING
NOT_APPLICABLE = Choice(key="9", label="Not applicable", value=9)


def asked(
    text: str = TEXT,
    choices: tuple[Choice, ...] = RATING,
    answers: AnswerFormat = ONE,
    routing: str | None = "member = yes",
) -> QuestionDefinition:
    """Return a definition of the question."""
    return QuestionDefinition(text=text, answers=answers, choices=choices, routing=routing)


ROUTED = "the routing (which respondents see the question) changed"


COSMETIC = {
    "html tags": asked("<p>How was <b>“it”</b>, today - really?</p>"),
    "html attributes": asked('<span style="color: red">How was “it”, today - really?</span>'),
    "html entities": asked("How was &ldquo;it&rdquo;, today &ndash; really?"),
    "line breaks": asked("How was “it”,<br>today -\r\n really?"),
    "spaces": asked("  How was  “it”, today - really? "),
    "no-break spaces": asked("How was\N{NO-BREAK SPACE}“it”, today - really?"),
    "invisible characters": asked(
        "How was “it”, to\N{SOFT HYPHEN}day\N{ZERO WIDTH SPACE} - really?"
    ),
    "quotation marks": asked('How was "it", today - really?'),
    "dashes": asked("How was “it”, today \N{EM DASH} really?"),
    "spaces in a label": asked(choices=offered("Poor", " Fair\n", "Good")),
    "html in a label": asked(choices=offered("Poor", "<em>Fair</em>", "Good")),
    "an unknown routing": asked(routing=None),
    "a script": asked("<script>track()</script>How was “it”, today - really?"),
}

REAL = {
    "another word": (asked("How is “it”, today - really?"), ["the wording changed"]),
    "a negation": (asked("How was “it” not, today - really?"), ["the wording changed"]),
    "capitals": (asked("How was “IT”, today - really?"), ["the wording changed"]),
    "punctuation": (asked("How was “it”, today - really!"), ["the wording changed"]),
    "a choice at the end": (
        asked(choices=offered(*LABELS, "Superb")),
        ["the choice “Superb” was added"],
    ),
    "a choice in the middle": (
        asked(choices=(POOR, FAIR, Choice(key="7", label="Okay", value=2.5), GOOD)),
        ["the choice “Okay” was added"],
    ),
    "a choice less": (asked(choices=(POOR, GOOD)), ["the choice “Fair” was removed"]),
    "a renamed choice": (
        asked(choices=offered("Poor", "Okay", "Good")),
        ["the choice “Fair” was renamed to “Okay”"],
    ),
    "a replaced choice": (
        asked(choices=(POOR, Choice(key="8", label="Okay", value=8), GOOD)),
        ["the choice “Fair” was removed", "the choice “Okay” was added"],
    ),
    "the order": (asked(choices=(GOOD, FAIR, POOR)), ["the order of the choices changed"]),
    "exchanged labels": (
        asked(choices=offered("Good", "Fair", "Poor")),
        [
            "the order of the choices changed",
            "the value of “Poor” changed from 1 to 3",
            "the value of “Good” changed from 3 to 1",
        ],
    ),
    "a longer scale": (
        asked(choices=scale(1, 7)),
        [*(f"the choice “Answer {n}” was added" for n in (6, 7))],
    ),
    "several answers": (
        asked(answers=SEVERAL),
        ["one choice became several choices per respondent"],
    ),
    "free text": (
        asked(choices=(), answers=OPEN),
        ["one choice became an open answer per respondent"],
    ),
    "another condition": (asked(routing="member = no"), [ROUTED]),
    "a condition less": (asked(routing=""), [ROUTED]),
    "wording and routing": (asked("Rate it.", routing=""), ["the wording changed", ROUTED]),
    "wording and choice": (
        asked("Rate it.", offered("Poor", "Fair")),
        ["the wording changed", "the choice “Good” was removed"],
    ),
}

RECODES = {
    "a value": (
        asked(choices=(POOR, FAIR, Choice(key="3", label="Good", value=5))),
        ["the value of “Good” changed from 3 to 5"],
    ),
    "a value less": (
        asked(choices=(POOR, FAIR, Choice(key="3", label="Good"))),
        ["the value of “Good” changed from 3 to none"],
    ),
    "shifted": (
        asked(choices=offered(*LABELS, first=0)),
        [
            "the value of “Poor” changed from 1 to 0",
            "the value of “Fair” changed from 2 to 1",
            "the value of “Good” changed from 3 to 2",
        ],
    ),
    "reversed": (
        asked(
            choices=tuple(
                Choice(key=str(4 - n), label=LABELS[n - 1], value=4 - n) for n in (1, 2, 3)
            )
        ),
        ["the value of “Poor” changed from 1 to 3", "the value of “Good” changed from 3 to 1"],
    ),
    "a code": (
        asked(choices=(POOR, FAIR, Choice(key="A3", label="Good", value=3))),
        ["the code of “Good” changed from “3” to “A3”"],
    ),
    "not counted": (
        asked(choices=(POOR, FAIR, GOOD.model_copy(update={"analyze": False}))),
        ["“Good” was excluded from the calculation"],
    ),
}


def test_thirty_kinds_of_edits_are_tried() -> None:
    """Cosmetic ones, real ones and recodes."""
    assert len(COSMETIC) + len(REAL) + len(RECODES) >= 30


@pytest.mark.parametrize("edited", COSMETIC.values(), ids=COSMETIC)
def test_cosmetic_edits_do_not_count(edited: QuestionDefinition) -> None:
    """The question and its choices read the same. An unknown routing is not another one."""
    assert differences(asked(), edited) == differences(edited, asked()) == ()
    assert normalized(edited) == normalized(asked(routing=edited.routing))
    assert normalized(normalized(edited)) == normalized(edited)


@pytest.mark.parametrize(("edited", "texts"), REAL.values(), ids=REAL)
def test_what_respondents_see_counts(edited: QuestionDefinition, texts: list[str]) -> None:
    """The wording, the choices, their order and how many can be chosen."""
    before = asked(choices=scale(1, 5)) if edited.choices[:1] == scale(1, 1) else asked()
    found = differences(before, edited)
    assert [one.text for one in found] == texts
    assert not all(one.recode for one in found)
    assert differences(edited, before)


@pytest.mark.parametrize(("edited", "texts"), RECODES.values(), ids=RECODES)
def test_recodes_are_told_apart(edited: QuestionDefinition, texts: list[str]) -> None:
    """Respondents see the same, but the answers are counted differently."""
    found = differences(asked(), edited)
    assert [one.text for one in found] == texts
    assert all(one.recode for one in found)


def test_choices_with_equal_labels_are_matched_in_order() -> None:
    """Such as rows of images, whose labels are empty."""
    blank = offered("", "", "")
    assert differences(asked(choices=blank), asked(choices=blank)) == ()
    (found,) = differences(asked(choices=blank), asked(choices=blank[:2]))
    assert found.text == "the choice “” was removed"


def test_a_tally_has_the_definition_of_its_question() -> None:
    """Without the text of the question, a source does not say whether it was changed."""
    rule = "member = yes"
    found = definition_of(
        tally_of(
            counts({"1": 1}),
            choices=RATING,
            question_text=f"<b>{TEXT}</b>",
            question_routing=rule,
            survey_modified=at(5, 2),
        )
    )
    assert found == normalized(asked()).model_copy(update={"survey_modified": at(5, 2)})
    several = tally_of(counts({"1": 1}), choices=RATING, question_text=TEXT, multiple=True)
    assert (definition_of(several) or asked()).answers is SEVERAL
    number = tally_of(counts({"1": 1}), question_text=TEXT)
    assert definition_of(number) == normalized(asked(choices=(), answers=OPEN, routing=None))
    assert definition_of(tally_of(counts({"1": 1}), choices=RATING)) is None


def test_the_wording_of_a_row_includes_its_heading() -> None:
    """Inferred questions have none: a new answer would be a new choice."""
    row = Question(id="Q_1", text="Price", kind=QuestionKind.SINGLE_CHOICE)
    heading = Question(id="Q", text="Rate us", kind=QuestionKind.GROUP, sub_questions=(row,))
    whole = Questionnaire(survey=Survey(id="S", name="S"), questions=(heading,))
    assert whole.wording("Q_1") == "Rate us \N{EN DASH} Price"
    assert (whole.wording("Q"), whole.wording("Q_2")) == ("Rate us", "")
    assert whole.model_copy(update={"inferred": True}).wording("Q_1") == ""


@pytest.mark.parametrize(
    ("heading", "row", "found"),
    [
        (None, None, (None, None)),
        ("", "", ("", "")),
        ("a", "b", ("a", "a\nb")),
        (None, "b", (None, "b")),
        ("a", None, ("a", "a")),
        ("", "b", ("", "b")),
    ],
)
def test_the_routing_of_a_row_includes_its_heading(
    heading: str | None, row: str | None, found: tuple[str | None, str | None]
) -> None:
    """It is unknown only if nothing is known of either."""
    inner = Question(id="Q_1", text="Price", kind=QuestionKind.SINGLE_CHOICE, routing=row)
    outer = Question(
        id="Q", text="Rate", kind=QuestionKind.GROUP, routing=heading, sub_questions=(inner,)
    )
    whole = Questionnaire(survey=Survey(id="S", name="S"), questions=(outer,))
    assert (whole.routing("Q"), whole.routing("Q_1")) == found
    assert whole.routing("Q_2") is whole.routing(None) is None


def test_a_long_routing_is_stored_as_its_digest() -> None:
    """The same rule has the same digest, also after it was stored and read."""
    long = asked(routing="member = yes and " * 9)
    assert len(long.routing or "") == 64
    assert QuestionDefinition.model_validate_json(long.model_dump_json()) == long
    assert differences(long, asked(routing="member = yes and " * 9)) == ()
    assert [one.text for one in differences(long, asked(routing="member = yes and " * 8))] == [
        ROUTED
    ]


def version(text: str, first: datetime, last: datetime | None = None) -> QuestionVersion:
    """Return a version of the question with another text."""
    return QuestionVersion(definition=asked(text), first_seen=first, last_seen=last or first)


def at(month: int, day: int, hour: int = 12, year: int = 2026) -> datetime:
    """Return an instant in UTC."""
    return datetime(year, month, day, hour, tzinfo=UTC)


@pytest.mark.parametrize(
    ("last", "first", "zone", "when"),
    [
        (at(5, 2), at(5, 3), "UTC", "between 2 and 3 May 2026"),
        (at(4, 30), at(5, 2), "UTC", "between 30 Apr and 2 May 2026"),
        (at(12, 31, year=2025), at(1, 1), "UTC", "between 31 Dec 2025 and 1 Jan 2026"),
        (at(5, 2, 8), at(5, 2, 9), "UTC", "on 2 May 2026"),
        (at(5, 2, 8), at(5, 2, 23), "Europe/Vienna", "between 2 and 3 May 2026"),
    ],
)
def test_a_change_is_between_two_refreshes(
    last: datetime, first: datetime, zone: str, when: str
) -> None:
    """In the account's time zone."""
    (change,) = changes_of([version("Old", at(1, 1, year=2025), last), version("New", first)], zone)
    assert change.sentence == f"The question was changed {when}: the wording changed."
    assert (change.after, change.until) == (last, first)


@pytest.mark.parametrize(
    ("modified", "when"),
    [
        (at(5, 3), "between 1 and 9 May 2026 (saved by 3 May 2026)"),
        (at(5, 3, 23), "between 1 and 9 May 2026 (saved by 4 May 2026)"),
        (at(5, 9, 8), "between 1 and 9 May 2026"),
        (at(5, 1), "between 1 and 9 May 2026"),
        (at(5, 9, 18), "between 1 and 9 May 2026"),
        (None, "between 1 and 9 May 2026"),
    ],
)
def test_the_date_of_the_survey_tool_is_an_upper_bound(
    modified: datetime | None, when: str
) -> None:
    """Of when the change was saved. A date outside of the two refreshes proves nothing."""
    definition = asked("New").model_copy(update={"survey_modified": modified})
    new = QuestionVersion(definition=definition, first_seen=at(5, 9), last_seen=at(5, 9))
    (change,) = changes_of([version("Old", at(5, 1)), new], "Europe/Vienna")
    assert change.sentence == f"The question was changed {when}: the wording changed."
    assert (change.after, change.until) == (at(5, 1), at(5, 9))
    inside = modified is not None and at(5, 1) < modified <= at(5, 9)
    assert change.saved_by == (modified if inside else None)


def test_a_question_may_change_and_change_back() -> None:
    """Versions that differ only in ways that no longer count are no change."""
    versions = [
        version(text, at(5, day)) for day, text in enumerate(["A", "B", "<i>B</i>", "A"], 1)
    ]
    assert [one.until.day for one in changes_of(versions, "UTC")] == [2, 4]


def test_many_differences_are_counted() -> None:
    """Five are named."""
    old, new = asked(choices=scale(1, 10)), asked(choices=scale(1, 3))
    versions = [
        QuestionVersion(definition=one, first_seen=at(5, day), last_seen=at(5, day))
        for day, one in ((1, old), (2, new))
    ]
    (change,) = changes_of(versions, "UTC")
    assert change.differences[-2:] == ("the choice “Answer 8” was removed", "2 more differences")
    assert len(change.differences) == 6


@pytest.mark.parametrize(
    ("start", "end", "inside"),
    [
        (at(5, 1), at(5, 2), False),
        (at(5, 1), at(5, 2, 13), True),
        (at(5, 3), at(5, 9), False),
        (at(5, 2, 18), at(5, 2, 19), True),
        (None, None, True),
        (None, at(5, 1), False),
        (at(5, 4), None, False),
    ],
)
def test_a_change_may_be_in_a_period(
    start: datetime | None, end: datetime | None, *, inside: bool
) -> None:
    """Anywhere between the two refreshes."""
    (change,) = changes_of([version("Old", at(5, 2)), version("New", at(5, 3))], "UTC")
    assert change.may_be_in(start, end) is inside
