"""Labels that distinguish choices, rows, loops and questions.

A text that consists only of piped text says nothing, and two equal texts cannot be distinguished in
a chart. Both get the variable name, the name of the piped field, or the key.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from smaply_metrics_core import Question
from smaply_metrics_qualtrics.html_text import html_to_text

_PIPED: Final = "[…]"
"""What ``html_to_text`` writes for piped text."""

_PIPE: Final = re.compile(r"\$\{([^{}]*)\}")


class Label(NamedTuple):
    """A text, and the names that can replace or complete it.

    Attributes:
        text: The text that respondents see, or an empty string.
        variable: The name that the author of the survey gave it, or an empty string.
        named: The text with the names of its piped fields; empty without piped text.
        key: The key, which no sibling has.
    """

    text: str
    variable: str
    named: str
    key: str

    def candidates(self) -> tuple[str, ...]:
        """Return the possible labels, from the best to the last resort."""
        found = [self.variable, self.named, f"[{self.key}]"]
        if says_something(self.text):
            marked = f"{self.text} ({self.variable})" if self.variable else ""
            found = [self.text, marked, self.named, f"{self.text} ({self.key})"]
        return tuple(filter(None, found))


def says_something(text: str) -> bool:
    """Whether a plain text is more than blanks, punctuation and piped text."""
    if _PIPED in text:
        return any(character.isalnum() for character in text.replace(_PIPED, ""))
    return bool(text)


def text_with_names(source: object) -> str:
    """Return HTML as plain text with the names of piped fields; empty without piped text.

    ``${e://Field/offer}`` becomes ``[offer]``.
    """
    if not isinstance(source, str) or _PIPE.search(source) is None:
        return ""
    return html_to_text(_PIPE.sub(lambda found: f"[{_field_name(found[1])}]", source))


def _field_name(locator: str) -> str:
    scheme, _, path = locator.strip().partition("://")
    name = path.partition("?")[0].removeprefix("Field/") or scheme
    return f"loop field {name}" if scheme == "lm" else name


def distinct_labels(labels: Sequence[Label]) -> tuple[str, ...]:
    """Return a label for each, distinct even if case and white space are ignored."""
    candidates = [label.candidates() for label in labels]
    chosen = [0] * len(labels)
    while True:
        equal: dict[str, list[int]] = {}
        for place, (texts, at) in enumerate(zip(candidates, chosen, strict=True)):
            equal.setdefault(" ".join(texts[at].casefold().split()), []).append(place)
        moving = [
            place
            for places in equal.values()
            if len(places) > 1
            for place in places
            if chosen[place] + 1 < len(candidates[place])
        ]
        if not moving:
            return tuple(texts[at] for texts, at in zip(candidates, chosen, strict=True))
        for place in moving:
            chosen[place] += 1


def with_distinct_texts(questions: Sequence[Question]) -> tuple[Question, ...]:
    """Return the questions, those with equal texts with their names or ids in addition."""
    texts = distinct_labels([Label(one.text, one.name, "", one.id) for one in questions])
    return tuple(_renamed(questions, texts))


def _renamed(questions: Sequence[Question], texts: Sequence[str]) -> Iterator[Question]:
    for question, text in zip(questions, texts, strict=True):
        changes: dict[str, Any] = {} if text == question.text else {"text": text}
        yield question.model_copy(update=changes) if changes else question
