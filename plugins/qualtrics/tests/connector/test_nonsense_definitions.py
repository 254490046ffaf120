"""Nonsense in the rarer parts of a survey definition and response schema is read or refused."""

from __future__ import annotations

from typing import Final

import pytest

from plugins.qualtrics.tests.connector.nonsense import changed
from plugins.qualtrics.tests.connector.nonsense_definitions import (
    DEFINITION,
    SCHEMA,
    TEXT_IQ,
    read,
    read_some,
)
from plugins.qualtrics.tests.connector.support import SURVEY
from smaply_metrics_qualtrics.survey.definition import read_definition

STEP: Final = 97
"""Every so many cases are tested on every change. A prime, so that all places and values occur."""
DEEP_STEP: Final = 7
"""Smaller than the number of values, so that each place has about five of them."""


def test_the_survey_has_the_rarer_parts() -> None:
    """The tests below are about questions that the source really reads."""
    listed = read_definition(DEFINITION, SURVEY, SCHEMA).questionnaire
    ids = {question.id for question in listed.walk()}
    assert ids >= {"1_QID6", "1_QID5", f"{TEXT_IQ}Sentiment", "QID4#1_1", "field:old_QID1"}


def test_a_sample_of_nonsense_is_read_or_refused() -> None:
    """A sample of the test below."""
    assert read_some(STEP) > 100


@pytest.mark.deep(reason="1,600 survey definitions; `make nonsense` reads all")
def test_nonsense_is_read_or_refused() -> None:
    """Each value of the definition and the schema is replaced by some kinds of nonsense."""
    assert read_some(DEEP_STEP) > 1_000


@pytest.mark.parametrize("value", [[], {"DB": 1}, None, 7, "DB"])
@pytest.mark.parametrize("question", sorted(DEFINITION["Questions"]))
def test_a_question_can_have_any_type(question: str, value: object) -> None:
    """Types that are not text are unknown types, wherever the question is."""
    read(changed(DEFINITION, ("Questions", question, "QuestionType"), value), SCHEMA)
