"""The results of Text iQ for the texts of a question: topics and sentiment.

Only the response schema lists them. A sentiment score is a number and a sentiment a category; a
text can have several topics, each with a sentiment of its own, so these are only counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from smaply_metrics_core import Choice, Question, QuestionKind
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list
from smaply_metrics_qualtrics.survey.answer_columns import AnswerColumns, AnswerShape
from smaply_metrics_qualtrics.survey.column_owners import ColumnOwners
from smaply_metrics_qualtrics.survey.question_parser import NUMBER_NOTE, Named, answered
from smaply_metrics_qualtrics.survey.response_schema import is_array, is_number, properties

_RESULT: Final = re.compile(r"(?:_x*\d+)*_TEXT_(?P<generated>[0-9a-f]{24})?(?P<what>.*)", re.DOTALL)
_NUMBERS: Final = frozenset({"sentimentscore", "sentimentpolarity"})
_CATEGORIES: Final = frozenset({"sentiment", "sentimentlabel", "overallsentiment"})
_SENTIMENTS: Final = (
    "Very Negative",
    "Negative",
    "Neutral",
    "Mixed",
    "Positive",
    "Very Positive",
)
_COUNTED_NOTE: Final = "Topics can only be counted."


def text_iq_results(
    schema: object, owners: ColumnOwners
) -> Iterator[tuple[Question, AnswerColumns]]:
    """Yield the results of Text iQ in a response schema, with their columns. Never raises.

    Args:
        schema: The response schema.
        owners: The questions of the survey that are not deleted.
    """
    for name, field in properties(schema):
        found = _match(name, owners)
        # A schema might list the results as embedded data, with their generated names.
        if found and (found["generated"] or field.get("dataType") != "embeddedData"):
            text = html_to_text(field.get("description")) or name
            yield _result(Named(name, name, text), field, found["what"])


def is_text_iq(column: str, owners: ColumnOwners) -> bool:
    """Whether an ImportId is that of a result of Text iQ for a question of the survey."""
    return _match(column, owners) is not None


def _match(column: str, owners: ColumnOwners) -> re.Match[str] | None:
    owner = None if owners.is_field(column) else owners.owner(column)
    return _RESULT.fullmatch(owner.rest) if owner else None


def _result(named: Named, field: Mapping[str, Any], what: str) -> tuple[Question, AnswerColumns]:
    choices, spellings = _choices(field, what)
    if choices:
        answer = AnswerColumns("", AnswerShape.SINGLE, named.id, spellings=spellings)
        return answered(named, QuestionKind.SINGLE_CHOICE, "", choices), answer
    if _is_number(field, what):
        answer = AnswerColumns("", AnswerShape.NUMBER, named.id)
        return answered(named, QuestionKind.NUMBER, NUMBER_NOTE), answer
    answer = AnswerColumns("", AnswerShape.TEXT, named.id)
    return answered(named, QuestionKind.OTHER, _COUNTED_NOTE), answer


def _is_number(field: Mapping[str, Any], what: str) -> bool:
    named = not is_array(field) and not _NUMBERS.isdisjoint(_names(field, what))
    return named or is_number(field)


def _choices(field: Mapping[str, Any], what: str) -> tuple[tuple[Choice, ...], dict[str, str]]:
    """Return the categories, and the key for each label that an export may contain."""
    listed = {
        str(as_dict(one)["const"]): html_to_text(as_dict(one).get("label"))
        for one in as_list(field.get("oneOf"))
        if isinstance(as_dict(one).get("const"), int | str)
    }
    named = not _CATEGORIES.isdisjoint(_names(field, what))
    if is_array(field) or not (listed or named):
        return (), {}
    listed = listed or {label: label for label in _SENTIMENTS}
    choices = tuple(Choice(key=key, label=label or key) for key, label in listed.items())
    spellings = {
        spelling: key
        for key, label in listed.items()
        for spelling in (label, label.lower(), label.upper(), label.capitalize())
        if spelling and spelling not in listed
    }
    return choices, spellings


def _names(field: Mapping[str, Any], what: str) -> set[str]:
    """Return the names of a result in lower case, from the ImportId and the description."""
    described = html_to_text(field.get("description")).rpartition(" - ")[2]
    return {re.sub(r"[^a-z]", "", name.lower()) for name in (what, described)}
