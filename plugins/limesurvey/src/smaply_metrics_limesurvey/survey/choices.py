"""The answers of questions with fixed answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from smaply_metrics_core import Choice, SourceUnavailable
from smaply_metrics_limesurvey.html_text import html_to_text
from smaply_metrics_limesurvey.survey.columns import as_int

OTHER: Final = "-oth-"
"""The code of the answer “Other” of a list."""

_NUMBER: Final = re.compile(r"-?[0-9]+(?:\.[0-9]+)?", re.ASCII)

_VOID_CODES: Final = {"na", "n/a"}
_VOID_LABELS: Final = {
    *("n/a", "na", "n. a.", "not applicable", "no answer", "don't know", "do not know"),
    *("k. a.", "keine angabe", "keine antwort", "nicht zutreffend", "trifft nicht zu"),
    "weiß nicht",
}
"""LimeSurvey does not mark answers such as “Not applicable”: authors add them like any other."""

FIXED: Final[Mapping[str, tuple[Choice, ...]]] = {
    "5": tuple(Choice(key=str(n), label=str(n), value=n) for n in range(1, 6)),
    "A": tuple(Choice(key=str(n), label=str(n), value=n) for n in range(1, 6)),
    "B": tuple(Choice(key=str(n), label=str(n), value=n) for n in range(1, 11)),
    "C": (
        Choice(key="Y", label="Yes"),
        Choice(key="U", label="Uncertain"),
        Choice(key="N", label="No"),
    ),
    "E": (
        Choice(key="I", label="Increase"),
        Choice(key="S", label="Same"),
        Choice(key="D", label="Decrease"),
    ),
    "G": (Choice(key="F", label="Female"), Choice(key="M", label="Male")),
    "Y": (Choice(key="Y", label="Yes"), Choice(key="N", label="No")),
}
"""The answers of question types that have no answer options."""


def read_choices(options: object, *, other: str = "") -> tuple[Choice, ...]:
    """Return the answers of a question in order, with values if they form a scale.

    The values are the codes if all are numbers, else the assessment values if they are set and all
    differ. Answers such as “Not applicable” have no value and are not analyzed.

    Args:
        options: ``answeroptions`` of a question, or of one scale.
        other: The label of the answer “Other”; empty if there is none.

    Raises:
        SourceUnavailable: if the options are not a list of answers.
    """
    found = sorted(_options(options), key=lambda one: as_int(one[1].get("order")))
    labels = labels_of([(code, html_to_text(one.get("answer"))) for code, one in found])
    void = {
        code
        for code, label in labels.items()
        if code.casefold() in _VOID_CODES or label.casefold().rstrip(".") in _VOID_LABELS
    }
    values = _values([(code, one) for code, one in found if code not in void])
    choices = [
        Choice(key=code, label=label, value=values.get(code), analyze=code not in void)
        for code, label in labels.items()
    ]
    if other:
        choices.append(Choice(key=OTHER, label=other))
    return tuple(choices)


def labels_of(texts: Sequence[tuple[str, str]]) -> dict[str, str]:
    """Return a label for each code: its text, with the code if the text is empty or repeated."""
    times = Counter(text for _, text in texts)
    return {
        code: text if text and times[text] == 1 else f"{text} ({code})".strip() if text else code
        for code, text in texts
    }


def scales_of(options: object) -> Sequence[object]:
    """Return the options of each scale of a dual scale."""
    if isinstance(options, dict):  # PHP sends a map if the scales are not numbered from 0.
        return [*options.values()]
    return options if isinstance(options, list) else []


def _options(options: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield the code and the properties of each answer.

    Options are a map by code. PHP sends a list if the codes are exactly 0, 1, 2 and so on, as those
    of every 0 to 10 question; the code is then the position. Without options, they are a text.
    """
    if isinstance(options, str):
        return
    pairs = (
        [(str(code), one) for code, one in options.items()]
        if isinstance(options, dict)
        else [(str(place), one) for place, one in enumerate(options)]
        if isinstance(options, list)
        else [("", None)]
    )
    for code, one in pairs:
        if not isinstance(one, dict):
            raise SourceUnavailable("LimeSurvey did not return the answers of a question.")
        yield str(one.get("code", code)), one


def _values(options: Sequence[tuple[str, Mapping[str, Any]]]) -> dict[str, float]:
    codes = [code for code, _ in options]
    if all(_NUMBER.fullmatch(code) for code in codes):
        return {code: float(code) for code in codes}
    assessed = {code: str(one.get("assessment_value") or 0) for code, one in options}
    distinct = {float(one) for one in assessed.values() if _NUMBER.fullmatch(one)}
    if len(distinct) < len(codes) or distinct == {0}:
        return {}
    return {code: float(one) for code, one in assessed.items()}
