"""Which question or embedded field a column of an export belongs to.

People choose the names of embedded fields, and question ids need not be numbers, so an ImportId
like ``Wave1_QID1`` or ``QID1_TEXT`` alone decides nothing. The survey definition and the response
schema list the questions, loops, fields and scores of a survey.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from typing import Final, NamedTuple

_SEPARATORS: Final = frozenset({"_", "#", ""})
"""What follows the id of a question in an ImportId. Nothing follows it at the end."""

_DERIVED: Final = re.compile(r"_(?:DO|NPS_GROUP)|(?:_x*\d+)*_TEXT_.+", re.DOTALL)


class ColumnOwner(NamedTuple):
    """The question that a column belongs to.

    Attributes:
        question: The id of the question.
        loop: The id of the loop; empty outside of loops.
        rest: The remaining part of the ImportId, such as ``_2_TEXT``.
    """

    question: str
    loop: str
    rest: str

    @property
    def is_answer(self) -> bool:
        """Whether the column contains answers, not their order, NPS group or Text iQ results."""
        return _DERIVED.fullmatch(self.rest) is None


class ColumnOwners:
    """The owners of the columns of a survey.

    Args:
        questions: The ids of all questions, including deleted ones.
        loops: The ids of the loops of each question in loops.
        fields: The names of the embedded fields.
        answers: The ImportIds that the survey definition gives to answers. An embedded field can
            have the same one.
    """

    def __init__(
        self,
        questions: Iterable[str],
        loops: Mapping[str, Collection[str]],
        fields: Collection[str],
        answers: Collection[str],
    ) -> None:
        self._fields = frozenset(fields)
        self._answers = frozenset(answers)
        self._loops = {question: tuple(own) for question, own in loops.items()}
        self._ids = {question: ColumnOwner(question, "", "") for question in questions}
        self._ids |= {
            f"{loop}_{question}": ColumnOwner(question, loop, "")
            for question, own in loops.items()
            for loop in own
        }
        self._lengths = sorted({len(one) for one in self._ids}, reverse=True)

    def owner(self, import_id: str) -> ColumnOwner | None:
        """Return the question that a column belongs to, or ``None`` if it is of another kind.

        An embedded field can have the same ImportId, see ``is_field``.
        """
        for length in self._lengths:  # The longest id first: QID1_b is not a part of QID1.
            if import_id[length : length + 1] in _SEPARATORS and import_id[:length] in self._ids:
                return self._ids[import_id[:length]]._replace(rest=import_id[length:])
        return None

    def loops(self, question: str) -> tuple[str, ...]:
        """Return the loops of a question; an empty id, for outside of loops, if none is known."""
        return self._loops.get(question) or ("",)

    def is_field(self, import_id: str) -> bool:
        """Whether an embedded field has this name."""
        return import_id in self._fields

    def is_answer(self, import_id: str) -> bool:
        """Whether the survey definition gives this ImportId to an answer."""
        return import_id in self._answers
