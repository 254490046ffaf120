"""Lists of surveys and questions are returned complete and valid, or not at all."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import pytest

from smaply_metrics_core.errors import (
    PluginError,
    RemoteError,
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
    """An object whose ``__class__`` claims to be a survey."""

    @property  # type: ignore[misc]  # Read-only, unlike the attribute of ``object``.
    def __class__(self) -> type:
        return Survey


@pytest.mark.parametrize(
    ("second", "said"),
    [
        (Survey(id="s1", name="Again"), "returned the survey s1 twice"),
        (Survey(id="", name="None"), "without an ID"),
        ({"id": "s2", "name": "x"}, "returned dict instead of Survey"),
        (None, "returned NoneType instead of Survey"),
        (construct(Survey, id=7, name="Seven"), "id: Input should be a valid string"),
        (construct(Survey, name="Nobody"), "id"),
        (Lies(), "list_surveys"),
        (Survey(id="s2", name=f"Made with {TOKEN}"), "a text of list_surveys contained a secret"),
        (Survey(id=TOKEN, name="Second"), "a text of list_surveys contained a secret"),
    ],
)
def test_an_invalid_survey_fails_the_list(opened: Opens, second: object, said: str) -> None:
    """An incomplete list is never returned."""

    def list_surveys(self: object) -> Iterator[object]:
        yield Survey(id="s1", name="First")
        yield second

    with opened(list_surveys=list_surveys) as session:
        error = error_in(session.surveys)

    assert type(error) is PluginError
    assert said in error.message
    assert TOKEN not in repr(error)


def test_lone_surrogates_and_nul_are_replaced(opened: Opens) -> None:
    """Characters that no database stores are replaced and do not fail the list."""
    cut = Survey(id="s1", name="Fun \ud83d")
    nul = Survey(id="s0", name="No\0thing")
    pair = Survey(id="s2", name="Fun \ud83d\ude00")

    with opened(list_surveys=lambda self: [cut, nul, pair]) as session:
        names = [survey.name for survey in session.surveys()]
    assert names == ["Fun \ufffd", "No\ufffdthing", "Fun \U0001f600"]


def test_a_subclass_is_converted_to_the_model(opened: Opens) -> None:
    """Additional fields of a subclass are dropped."""

    class Special(Survey):
        extra: str = "more"

    with opened(list_surveys=lambda self: [Special(id="s1", name="First")]) as session:
        assert type(session.surveys()[0]) is Survey


def test_an_error_after_some_surveys_fails_the_list(opened: Opens) -> None:
    """If a page fails, the list fails with the same error."""

    def list_surveys(self: object) -> Iterator[Survey]:
        yield Survey(id="s1", name="First")
        raise SurveyUnavailable("A page is missing.")

    with opened(list_surveys=list_surveys) as session:
        assert isinstance(error_in(session.surveys), SurveyUnavailable)


def test_an_endless_list_is_an_error(opened: Opens, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of more different surveys than the maximum is the fault of the survey tool."""
    monkeypatch.setattr(session_module, "MOST_SURVEYS", 50)

    def list_surveys(self: object) -> Iterator[Survey]:
        number = 0
        while True:
            number += 1
            yield Survey(id=str(number), name="Page after page")

    with opened(list_surveys=list_surveys) as session:
        error = error_in(session.surveys)
    assert type(error) is RemoteError
    assert "more than 50 surveys" in error.message


def questionnaire(**changes: Any) -> Questionnaire:  # noqa: ANN401  # Any part of it.
    """Return a survey with one question and some fields replaced without validation."""
    parts: dict[str, Any] = {"survey": Survey(id="s1", name="First"), "questions": (question("q"),)}
    return Questionnaire.model_construct(**(parts | {"fields": (), "notes": ()} | changes))


def asked(**changes: Any) -> Question:  # noqa: ANN401  # As above.
    """Return a question with some fields replaced."""
    return question("q2").model_copy(update=changes)


def offered(**changes: Any) -> Choice:  # noqa: ANN401  # As above.
    """Return a choice with some fields replaced."""
    return Choice(key="1", label="Good").model_copy(update=changes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (None, "returned NoneType instead of Questionnaire"),
        ((one for one in [1]), "returned generator instead of Questionnaire"),
        (
            questionnaire(survey=Survey(id="s2", name="Second")),
            "returned the survey s2 instead of s1",
        ),
        (questionnaire(questions=(question("q"), question("q"))), "returned the question q twice"),
        (questionnaire(questions=(question("q", question("q")),)), "returned the question q twice"),
        (questionnaire(questions=(question(""),)), "without an ID"),
        (questionnaire(questions=("q1",)), "questions.0"),
        (questionnaire(notes=(f"read with {TOKEN}",)), "contained a secret"),
        (questionnaire(survey=Survey(id="s1", name=TOKEN)), "contained a secret"),
        (questionnaire(questions=(asked(id=TOKEN),)), "contained a secret"),
        (questionnaire(questions=(asked(name=TOKEN),)), "contained a secret"),
        (questionnaire(questions=(asked(text=f"With {quote(TOKEN)}?"),)), "contained a secret"),
        (questionnaire(questions=(asked(note=TOKEN),)), "contained a secret"),
        (questionnaire(questions=(question("q", asked(text=TOKEN)),)), "contained a secret"),
        (questionnaire(questions=(asked(choices=(offered(label=TOKEN),)),)), "contained a secret"),
        (questionnaire(questions=(asked(choices=(offered(key=TOKEN),)),)), "contained a secret"),
        (questionnaire(fields=(EmbeddedField(name=TOKEN),)), "contained a secret"),
        (questionnaire(fields=(EmbeddedField(name="f", label=TOKEN),)), "contained a secret"),
    ],
)
def test_an_invalid_questionnaire_is_rejected(opened: Opens, given: object, said: str) -> None:
    """A questionnaire is of the requested survey, with each question once, without secrets."""
    with opened(list_questions=lambda self: given) as session:
        error = error_in(lambda: session.questions("s1"))

    assert type(error) is PluginError
    assert said in error.message
    assert TOKEN not in repr(error)


def test_a_coroutine_instead_of_a_questionnaire_is_rejected(opened: Opens) -> None:
    """A coroutine as the result is a plugin error, without a warning from Python."""

    async def later() -> None: ...

    with opened(list_questions=lambda self: later()) as session:
        assert "returned coroutine" in error_in(lambda: session.questions("s1")).message
