"""The answers that a question offers, as survey-definitions tells them.

``Choices`` (and the ``Answers`` of a matrix) come as a mapping, as an array whose index is the id
(NPS), or as ``[]``. Exports write an answer's recode where it has one and its id otherwise, so
that is the key under which it is counted. Two answers with one recode cannot be told apart in the
data: they become one, with both labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from smaply_metrics_core import Choice
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list

_LOCATOR: Final = re.compile(r"q://(QID\d+)/")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DEEPEST_CARRY: Final = 20
"""Choices may be carried on and on; in a circle only by a broken survey."""


@dataclass(frozen=True)
class AnswerOption:
    """One answer as the definition has it.

    Attributes:
        id: Its id in the definition; carried-forward ones begin with ``x``.
        recode: What exports write in place of the id; empty where the definition has none.
        label: What the respondent read.
        analyze: False when Qualtrics was told to leave it out of analyses.
        text_entry: Whether the respondent could write something beside it.
        numeric: Whether what is written had to be a number.
    """

    id: str
    recode: str
    label: str
    analyze: bool
    text_entry: bool
    numeric: bool = False

    @property
    def key(self) -> str:
        """What stands in an export when it was chosen."""
        return self.recode or self.id


def options(
    question: Mapping[str, Any], what: str = "Choice", *, valued: bool = True
) -> tuple[AnswerOption, ...]:
    """Return a question's ``Choice`` or ``Answer`` options in the order shown.

    Recodes, and being left out of analyses, belong to what exports write as a value; they are not
    read for options that are not ``valued``: the rows of a matrix, the items of a slider.
    """
    recodes = as_dict(question.get("RecodeValues")) if valued else {}
    analyzed = as_dict(question.get("AnalyzeChoices")) if valued else {}
    found = {
        option_id: AnswerOption(
            id=option_id,
            recode=_spell(recodes.get(option_id)),
            label=_label(body, option_id),
            analyze=not _is_no(analyzed.get(option_id)),
            text_entry=_is_yes(body.get("TextEntry")),
            numeric=body.get("TextEntryValidation") == "ValidNumber",
        )
        for option_id, body in _entries(question.get(f"{what}s"))
    }
    order = [str(item) for item in as_list(question.get(f"{what}Order"))]
    return tuple(found[item] for item in dict.fromkeys([*order, *found]) if item in found)


def with_carried(
    question: Mapping[str, Any],
    questions: Mapping[str, Mapping[str, Any]],
    *,
    valued: bool = True,
    _depth: int = 0,
) -> tuple[AnswerOption, ...]:
    """Return a question's choices with those carried forward from an earlier question, if any.

    A carried choice has the id of its origin after an ``x``; its recode, if any, is this
    question's own.
    """
    own = options(question, valued=valued)
    locator = str(as_dict(question.get("DynamicChoices")).get("Locator", ""))
    found = _LOCATOR.match(locator)
    if found is None or found[1] not in questions or _depth > _DEEPEST_CARRY:
        return own
    known = {option.id for option in own}
    recodes = as_dict(question.get("RecodeValues")) if valued else {}
    analyzed = as_dict(question.get("AnalyzeChoices")) if valued else {}
    carried = (
        replace(
            option,
            id=f"x{option.id}",
            recode=_spell(recodes.get(f"x{option.id}")),
            analyze=not _is_no(analyzed.get(f"x{option.id}")),
        )
        for option in with_carried(questions[found[1]], questions, valued=valued, _depth=_depth + 1)
    )
    return (*(option for option in carried if option.id not in known), *own)


def single_choices(offered: Sequence[AnswerOption]) -> tuple[Choice, ...]:
    """Return the choices of a question with one answer, keyed by what exports write."""
    by_key: dict[str, list[AnswerOption]] = {}
    for option in offered:
        by_key.setdefault(option.key, []).append(option)
    return tuple(
        Choice(
            key=key,
            label=" / ".join(dict.fromkeys(option.label for option in same)),
            value=_value(key),
            analyze=any(option.analyze for option in same),
        )
        for key, same in by_key.items()
    )


def other_spellings(offered: Sequence[AnswerOption]) -> dict[str, str]:
    """Return what else may stand in an export for a choice: its key by what stands there.

    A cell is a recode first and an id second. Of carried-forward choices nobody documents whether
    exports write their own id or that of their origin, so either is understood where it is no
    other choice.
    """
    keys = {option.key for option in offered}
    found = {option.id: option.key for option in offered if option.id not in keys}
    for option in offered:
        origin = option.id.lstrip("x")
        if origin != option.id and origin not in keys:
            found.setdefault(origin, option.key)
    return found


def multiple_choices(offered: Sequence[AnswerOption]) -> dict[str, Choice]:
    """Return the choices of a question with several answers, by option id.

    Each has a column of its own, so ids tell them apart. Their keys are the recodes when every
    option has one and no two are equal, else the ids.
    """
    recodes = {option.recode for option in offered}
    coded = "" not in recodes and len(recodes) == len(offered)
    return {
        option.id: Choice(
            key=option.recode if coded else option.id, label=option.label, analyze=option.analyze
        )
        for option in offered
    }


def joined_spellings(offered: Sequence[AnswerOption]) -> dict[str, str]:
    """Return the key of a choice by what stands for it in a list of several: its recode or its id.

    Empty when recodes repeat: a list of them cannot be told apart.
    """
    by_option = multiple_choices(offered)
    spelled = {option.key: by_option[option.id].key for option in offered}
    if len(spelled) < len(offered):
        return {}
    return {option.id: by_option[option.id].key for option in offered} | spelled


def _entries(choices: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    if isinstance(choices, list):
        choices = dict(enumerate(choices))
    for option_id, body in as_dict(choices).items():
        yield option_id, body if isinstance(body, dict) else {"Display": body}


def _label(body: Mapping[str, Any], option_id: str) -> str:
    image = as_dict(body.get("Image"))
    return (
        html_to_text(body.get("Display")) or html_to_text(image.get("Display")) or f"[{option_id}]"
    )


def _spell(recode: object) -> str:
    """Spell a recode as exports do; definitions have numbers and texts, also mistyped ones."""
    if isinstance(recode, float) and recode.is_integer():
        return str(int(recode))
    return str(recode).strip() if isinstance(recode, int | float | str) else ""


def _value(key: str) -> float | None:
    return float(key) if _NUMBER.fullmatch(key) else None


def _is_yes(value: object) -> bool:
    return str(value).lower() in {"true", "on", "yes", "1"}


def _is_no(value: object) -> bool:
    return str(value).lower() in {"no", "false", "0"}
