"""Surveys and questions come back whole and sound, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from smaply_metrics_core.errors import (
    PluginError,
    SurveyUnavailable,
)
from smaply_metrics_core.models.survey import Choice, EmbeddedField, Question, Questionnaire, Survey
from smaply_metrics_core.sources import (
    session as session_module,
)

from .conftest import (
    TOKEN,
    Opens,
    construct,
    error_in,
    question,
)


class Lies:
    """Says that it is a survey."""

    @property  # type: ignore[misc]  # Read-only, since it is a lie.
    def __class__(self) -> type:
        return Survey


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Survey(id="s1", name="Again"), "gave the survey s1 twice"),
        (Survey(id="", name="None"), "without an id"),
        ({"id": "s2", "name": "x"}, "gave dict in place of Survey"),
        (None, "gave NoneType in place of Survey"),
        (construct(Survey, id=7, name="Seven"), "id: Input should be a valid string"),
        (construct(Survey, name="Nobody"), "id"),
        (Lies(), "list_surveys"),
        (Survey(id="s2", name=f"Made with {TOKEN}"), "a text of list_surveys held a secret"),
        (Survey(id=TOKEN, name="Second"), "a text of list_surveys held a secret"),
    ],
)
def test_a_wrong_survey_takes_the_list_with_it(opened: Opens, second: object, said: str) -> None:
    """A part of a list is never given as the list."""

    def list_surveys(self: object) -> Iterator[object]:
        yield Survey(id="s1", name="First")
        yield second

    with opened(list_surveys=list_surveys) as session:
        error = error_in(session.surveys)

    assert type(error) is PluginError
    assert said in error.message
    assert TOKEN not in repr(error)


def test_half_a_character_is_mended(opened: Opens) -> None:
    """A cut-off emoji in a survey tool's answer, which nothing could store, spoils no list."""
    cut = Survey(id="s1", name="Fun \ud83d")
    pair = Survey(id="s2", name="Fun \ud83d\ude00")

    with opened(list_surveys=lambda self: [cut, pair]) as session:
        assert [survey.name for survey in session.surveys()] == ["Fun \ufffd", "Fun \U0001f600"]


def test_a_survey_is_the_models_own(opened: Opens) -> None:
    """What a subclass adds is left behind with the source."""

    class Special(Survey):
        extra: str = "more"

    with opened(list_surveys=lambda self: [Special(id="s1", name="First")]) as session:
        assert type(session.surveys()[0]) is Survey


def test_an_error_after_some_surveys_is_the_answer(opened: Opens) -> None:
    """When a page fails, the list fails with its error."""

    def list_surveys(self: object) -> Iterator[Survey]:
        yield Survey(id="s1", name="First")
        raise SurveyUnavailable("A page is missing.")

    with opened(list_surveys=list_surveys) as session:
        assert isinstance(error_in(session.surveys), SurveyUnavailable)


def test_endless_surveys_are_cut(opened: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list that never ends is the plugin's error."""
    monkeypatch.setattr(session_module, "MOST_SURVEYS", 50)

    def list_surveys(self: object) -> Iterator[Survey]:
        number = 0
        while True:
            number += 1
            yield Survey(id=str(number), name="Page after page")

    with opened(list_surveys=list_surveys) as session:
        assert "more than 50 items" in error_in(session.surveys).message


def questionnaire(**changes: Any) -> Questionnaire:  # noqa: ANN401  # Any part of it.
    """A survey with one question, some of it replaced past the rules of the model."""
    parts: dict[str, Any] = {"survey": Survey(id="s1", name="First"), "questions": (question("q"),)}
    return Questionnaire.model_construct(**(parts | {"fields": (), "notes": ()} | changes))


def asked(**changes: Any) -> Question:  # noqa: ANN401  # As above.
    """A question with some of it replaced."""
    return question("told").model_copy(update=changes)


def offered(**changes: Any) -> Choice:  # noqa: ANN401  # As above.
    """A choice with some of it replaced."""
    return Choice(key="1", label="Good").model_copy(update=changes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "gave NoneType in place of Questionnaire"),
        ((one for one in [1]), "gave generator in place of Questionnaire"),
        (questionnaire(survey=Survey(id="s2", name="Second")), "described the survey s2, not s1"),
        (questionnaire(questions=(question("q"), question("q"))), "gave the question q twice"),
        (questionnaire(questions=(question("q", question("q")),)), "gave the question q twice"),
        (questionnaire(questions=(question(""),)), "without an id"),
        (questionnaire(questions=("q1",)), "questions.0"),
        (questionnaire(notes=(f"read with {TOKEN}",)), "held a secret"),
        (questionnaire(survey=Survey(id="s1", name=TOKEN)), "held a secret"),
        (questionnaire(questions=(asked(id=TOKEN),)), "held a secret"),
        (questionnaire(questions=(asked(name=TOKEN),)), "held a secret"),
        (questionnaire(questions=(asked(text=f"With {quote(TOKEN)}?"),)), "held a secret"),
        (questionnaire(questions=(asked(note=TOKEN),)), "held a secret"),
        (questionnaire(questions=(question("q", asked(text=TOKEN)),)), "held a secret"),
        (questionnaire(questions=(asked(choices=(offered(label=TOKEN),)),)), "held a secret"),
        (questionnaire(questions=(asked(choices=(offered(key=TOKEN),)),)), "held a secret"),
        (questionnaire(fields=(EmbeddedField(name=TOKEN),)), "held a secret"),
        (questionnaire(fields=(EmbeddedField(name="f", label=TOKEN),)), "held a secret"),
    ],
)
def test_a_wrong_questionnaire_is_refused(opened: Opens, given: object, said: str) -> None:
    """The survey has to be the one asked for, with each question once."""
    with opened(list_questions=lambda self: given) as session:
        error = error_in(lambda: session.questions("s1"))

    assert type(error) is PluginError
    assert said in error.message
    assert TOKEN not in repr(error)


def test_a_coroutine_in_place_of_a_questionnaire_is_refused(opened: Opens) -> None:
    """A hook that hands on a coroutine is found out, without a warning from Python."""

    async def later() -> None: ...

    with opened(list_questions=lambda self: later()) as session:
        assert "gave coroutine" in error_in(lambda: session.questions("s1")).message
