"""The export columns that contain the answers to a question."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class AnswerShape(StrEnum):
    """The layout of a question's columns."""

    SINGLE = "single"
    """One column with the key of a choice."""
    MULTIPLE = "multiple"
    """One column for each choice, filled if the choice is selected."""
    NUMBER = "number"
    """One column with a number."""
    TEXT = "text"
    """One column with free text."""
    ANY = "any"
    """All columns of a question or sub-question. It is answered if one of them is filled."""


@dataclass(frozen=True)
class AnswerColumns:
    """The export columns that contain the answers to a question.

    Attributes:
        question: The question id for the export request; empty for a score or embedded field.
        shape: The layout of the columns.
        import_id: The ImportId of the column, or the common prefix of several columns.
        alternative: The ImportId to use if the export has no column ``import_id``.
        every_loop: Whether the question is in loops and all of them are counted. ``import_id`` and
            ``alternative`` then lack the loop prefix.
        field: The name of the embedded field that contains the answer, or an empty string.
        ticks: The key of each choice by option id, if each choice has its own column.
        spellings: Alternative values of a cell, mapped to the keys of the choices.
        may_lack: The ids of options that may lack a column because analyses exclude them.
    """

    question: str
    shape: AnswerShape
    import_id: str = ""
    alternative: str = ""
    every_loop: bool = False
    field: str = ""
    ticks: Mapping[str, str] = dataclasses.field(default_factory=dict)
    spellings: Mapping[str, str] = dataclasses.field(default_factory=dict)
    may_lack: frozenset[str] = frozenset()
