"""Read the answers and their codes from the definition of a question."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

MULTIPLE_SELECTORS = frozenset({"MAVR", "MAHR", "MACOL", "MSB"})
CODED_TYPES = frozenset({"DD", "MC", "Matrix", "SBS"})
NUMBER_TYPES = frozenset({"CS", "HeatMap", "PGR", "RO", "Slider", "Timing"})

_BLOCK_TAG = re.compile(
    r"</?(?:address|blockquote|br|caption|center|dd|div|dl|dt|h[1-6]|hr|li|ol|p|pre|section|table"
    r"|tbody|td|th|thead|tr|ul)\b[^>]*>",
    re.IGNORECASE,
)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)
_TAG = re.compile(r"</?[a-z][^>]*>", re.IGNORECASE)
_SPACE = re.compile(r"[ \t\r\f\v\u00a0]+")


@dataclass(frozen=True)
class SandboxOption:
    """An answer of a coded cell: its id, its recode in exports, and its label."""

    id: str
    recode: str
    label: str


def plain(text: object) -> str:
    """Return HTML as plain text, as in row 2 and in labels.

    Tags that begin a line become a blank; tags within a line, as in `H<sub>2</sub>O`, vanish.
    """
    # After the last end of a comment or a tag, each beginning would be searched to the end.
    comments, end, rest = ("" if text is None else str(text)).rpartition("-->")
    tags, end, rest = f"{_COMMENT.sub('', comments + end)}{rest}".rpartition(">")
    lines = _TAG.sub("", _BLOCK_TAG.sub(" ", tags + end)) + rest
    return _SPACE.sub(" ", html.unescape(lines)).strip()


def entries(choices: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the id and body of each choice of an object or, for NPS, an array."""
    pairs: Iterator[tuple[Any, Any]]
    if isinstance(choices, Mapping):
        pairs = iter(choices.items())
    elif isinstance(choices, list):
        pairs = iter(enumerate(choices))
    else:
        pairs = iter(())
    for key, body in pairs:
        yield str(key), body if isinstance(body, Mapping) else {"Display": body}


def has_rows(question: Mapping[str, Any]) -> bool:
    """Return whether the choices of a question are rows or levels, each with its own cell."""
    return question.get("QuestionType") in {"DD", "Matrix", "SBS"}


def is_multiple(question: Mapping[str, Any]) -> bool:
    """Return whether a question, or each of its rows, accepts more than one answer."""
    if has_rows(question):
        return question.get("SubSelector") == "MultipleAnswer"
    return question.get("QuestionType") == "MC" and question.get("Selector") in MULTIPLE_SELECTORS


def options(question: Mapping[str, Any]) -> tuple[SandboxOption, ...]:
    """Return the answers in display order: the columns of a matrix, otherwise the choices."""
    rows = has_rows(question)
    recodes = _map(question.get("RecodeValues"))
    names = _map(question.get("VariableNaming"))
    found = {
        key: SandboxOption(
            key,
            _code(recodes.get(key), key),
            plain(names.get(key) or body.get("Display")),
        )
        for key, body in entries(question.get("Answers" if rows else "Choices"))
    }
    wanted = question.get("AnswerOrder" if rows else "ChoiceOrder")
    order = [str(key) for key in wanted] if isinstance(wanted, list) else []
    return tuple(found[key] for key in dict.fromkeys([*order, *found]) if key in found)


def items(question: Mapping[str, Any]) -> tuple[SandboxOption, ...]:
    """Return the choices of a question, which are the rows of a matrix."""
    choices = entries(question.get("Choices"))
    return tuple(SandboxOption(key, key, plain(body.get("Display"))) for key, body in choices)


def column_of(question: Mapping[str, Any], number: str) -> Mapping[str, Any]:
    """Return the question in a column of a side-by-side question, otherwise the question."""
    additional = _map(question.get("AdditionalQuestions")).get(number)
    return additional if isinstance(additional, Mapping) else question


def _code(recode: object, key: str) -> str:
    """Return a recode as exported. One that is null or empty is not set: the id is exported."""
    return key if recode is None or recode == "" else str(recode)


def _map(value: object) -> Mapping[str, Any]:
    """Return an object by its keys, or an array, which numbers its items, by their positions."""
    if isinstance(value, list):
        value = dict(enumerate(value))
    return {str(key): item for key, item in value.items()} if isinstance(value, Mapping) else {}


class Coding:
    """The format of the answers in a column, detected from its cells.

    A file can contain recodes, choice ids or labels. The format that matches the most distinct
    cells is used; in a tie, recodes take precedence over ids and ids over labels. Other cells are
    not converted.
    """

    def __init__(self, answers: tuple[SandboxOption, ...], words: list[str]) -> None:
        by_recode = {answer.recode: answer.recode for answer in answers}
        by_id = {answer.id: answer.recode for answer in answers}
        by_label = {answer.label: answer.recode for answer in reversed(answers)}
        held = [word for word in words if word]
        writings = (by_recode, by_id, by_label)
        self._writing = max(writings, key=lambda known: sum(plain(word) in known for word in held))

    def recode(self, word: str) -> str:
        """Return the recode of a cell, or the unchanged cell if it is unknown."""
        return self._writing.get(plain(word), word)
