"""Mutants with wrong names of surveys, texts of questions, or labels and values of answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import smaply_metrics_core as sm
from tests.contract_suite.mutants.http_source import HttpSource, HttpSourceCredentials

Context = sm.SourceContext
Mine = HttpSourceCredentials


class TruncatesNames(HttpSource):
    """Truncates the names of surveys."""

    def survey(self, found: Any) -> sm.Survey:  # noqa: ANN401  # JSON.
        survey = super().survey(found)
        return survey.model_copy(update={"name": survey.name[:10]})


class SwapsIds(HttpSource):
    """Swaps the names of two surveys."""

    @sm.hookimpl
    def list_surveys(self, credentials: Mine, context: Context) -> Iterator[sm.Survey]:
        first, second, *others = super().list_surveys(credentials, context)
        yield first.model_copy(update={"name": second.name})
        yield second.model_copy(update={"name": first.name})
        yield from others


class SwapsTexts(HttpSource):
    """Swaps the texts of two questions."""

    def questionnaire(
        self, context: Context, credentials: Mine, survey_id: str
    ) -> sm.Questionnaire:
        found = super().questionnaire(context, credentials, survey_id)
        texts = reversed([one.text for one in found.questions])
        questions = (
            one.model_copy(update={"text": text})
            for one, text in zip(found.questions, texts, strict=True)
        )
        return found.model_copy(update={"questions": tuple(questions)})


class ShiftsLabels(HttpSource):
    """Labels each answer of a scale like the next one."""

    def question(self, id: str, text: str, scale: Sequence[int]) -> sm.Question:  # noqa: A002
        found = super().question(id, text, scale)
        if found.kind is sm.QuestionKind.NPS:
            return found
        labels = [one.label for one in (*found.choices[1:], found.choices[0])]
        choices = tuple(
            one.model_copy(update={"label": label})
            for one, label in zip(found.choices, labels, strict=True)
        )
        return found.model_copy(update={"choices": choices})


class ShiftsValues(HttpSource):
    """Starts the values of a scale with 0."""

    def question(self, id: str, text: str, scale: Sequence[int]) -> sm.Question:  # noqa: A002
        found = super().question(id, text, scale)
        if found.kind is sm.QuestionKind.NPS:
            return found
        choices = tuple(
            one.model_copy(update={"value": float(n)}) for n, one in enumerate(found.choices)
        )
        return found.model_copy(update={"choices": choices})


KILLERS: Final[Mapping[str, Sequence[type[HttpSource]]]] = {
    "test_the_numbers_are_those_of_the_account": (
        TruncatesNames,
        SwapsIds,
        SwapsTexts,
        ShiftsLabels,
        ShiftsValues,
    ),
}
