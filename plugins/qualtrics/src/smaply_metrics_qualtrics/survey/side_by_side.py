"""Read the columns of a side-by-side question, each of which is a matrix with the same rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from smaply_metrics_qualtrics.json_values import as_dict

_ROWS: Final = ("Choices", "ChoiceOrder", "ChoiceDataExportTags", "DynamicChoices")
_SCALE: Final = (
    "Answers",
    "DynamicAnswers",
    "AnswerOrder",
    "RecodeValues",
    "VariableNaming",
    "AnalyzeChoices",
)
_SEVERAL: Final = frozenset({"MAVR", "MAHR", "MACOL", "MSB"})


def side_by_side_columns(question: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return each column of a side-by-side question as the definition of a matrix, by its number.

    A column lists its own type, answers and validation. It need not repeat the rows, or the answers
    if all columns have the same ones.
    """
    found = question.get("AdditionalQuestions")
    columns = dict(enumerate(found, start=1)) if isinstance(found, list) else found
    return {number: _column(question, as_dict(body)) for number, body in as_dict(columns).items()}


def _column(question: Mapping[str, Any], column: Mapping[str, Any]) -> dict[str, Any]:
    own_scale = any(column.get(name) for name in ("Answers", "DynamicAnswers"))
    kind = _matrix_type(column)
    scale = column if own_scale or kind["Selector"] == "TE" else question
    return {
        **{name: column.get(name) for name in ("QuestionText", "QuestionDescription")},
        **kind,
        **{name: column.get(name) or question.get(name) for name in _ROWS},
        **{name: scale.get(name) for name in _SCALE},
        "Validation": column.get("Validation"),
    }


def _matrix_type(column: Mapping[str, Any]) -> dict[str, Any]:
    """Return the type of a column as that of a matrix, which definitions do not always name."""
    kind, selector = column.get("QuestionType"), str(column.get("Selector") or "Likert")
    sub_selector = column.get("SubSelector")
    if kind == "TE":
        selector = "TE"
    elif kind == "MC" or selector == "DL":
        sub_selector = "MultipleAnswer" if selector in _SEVERAL else "SingleAnswer"
        selector = "Likert"
    return {"QuestionType": "Matrix", "Selector": selector, "SubSelector": sub_selector}
