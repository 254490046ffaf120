"""Parse the choices of a question from a survey definition.

``Choices`` (and the ``Answers`` of a matrix) are a mapping, an array whose index is the id (NPS),
or ``[]``. An export contains the recode of a choice if it has one, otherwise its id. This is the
key under which the choice is counted. Two choices with the same recode cannot be distinguished in
an export, so they become one choice with both labels.
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
"""The maximum depth of carried-forward choices. Only an invalid survey has a cycle."""


@dataclass(frozen=True)
class AnswerOption:
    """A choice in a survey definition.

    Attributes:
        id: The id in the definition. The id of a carried-forward choice begins with ``x``.
        recode: The value that exports contain instead of the id, or an empty string.
        label: The text that respondents see.
        analyze: Whether Qualtrics includes the choice in analyses.
        text_entry: Whether the choice has a text field.
        numeric: Whether the text field accepts only numbers.
    """

    id: str
    recode: str
    label: str
    analyze: bool
    text_entry: bool
    numeric: bool = False

    @property
    def key(self) -> str:
        """The value in an export for this choice."""
        return self.recode or self.id


def options(
    question: Mapping[str, Any], what: str = "Choice", *, valued: bool = True
) -> tuple[AnswerOption, ...]:
    """Return the ``Choice`` or ``Answer`` options of a question in display order.

    Args:
        question: The definition of the question.
        what: ``Choice`` or ``Answer``.
        valued: Whether the options are values in an export. The rows of a matrix and the items of a
            slider are not; they have no recodes and cannot be excluded from analyses.
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
    """Return the choices of a question, including those carried forward from an earlier question.

    The id of a carried choice is the original id with the prefix ``x``. Its recode is defined by
    this question.
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


def carried_from(
    question: Mapping[str, Any], questions: Mapping[str, Mapping[str, Any]]
) -> tuple[str, ...]:
    """Return the ids of the questions from which ``with_carried`` adds choices."""
    found: list[str] = []
    while len(found) <= _DEEPEST_CARRY:
        locator = str(as_dict(question.get("DynamicChoices")).get("Locator", ""))
        source = _LOCATOR.match(locator)
        if source is None or source[1] not in questions:
            break
        found.append(source[1])
        question = questions[source[1]]
    return tuple(found)


def single_choices(offered: Sequence[AnswerOption]) -> tuple[Choice, ...]:
    """Return the choices of a single-answer question, keyed by their values in an export."""
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
    """Return alternative values that an export may contain for a choice, mapped to its key.

    A recode takes precedence over an id. It is undocumented whether exports contain the own or the
    original id of a carried-forward choice, so both are accepted unless they identify another
    choice.
    """
    keys = {option.key for option in offered}
    found = {option.id: option.key for option in offered if option.id not in keys}
    for option in offered:
        origin = option.id.lstrip("x")
        if origin != option.id and origin not in keys:
            found.setdefault(origin, option.key)
    return found


def multiple_choices(offered: Sequence[AnswerOption]) -> dict[str, Choice]:
    """Return the choices of a multiple-answer question by option id.

    Each option has its own column, so ids identify them. The keys are the recodes if every option
    has a unique one, otherwise the ids.
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
    """Return the keys of the choices by the recode or id that identifies each in a joined cell.

    Return an empty mapping if recodes repeat, since a joined cell is then ambiguous.
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
    """Return a recode as exports write it. Definitions contain numbers, texts and other types."""
    if isinstance(recode, float) and recode.is_integer():
        return str(int(recode))
    return str(recode).strip() if isinstance(recode, int | float | str) else ""


def _value(key: str) -> float | None:
    return float(key) if _NUMBER.fullmatch(key) else None


def _is_yes(value: object) -> bool:
    return str(value).lower() in {"true", "on", "yes", "1"}


def _is_no(value: object) -> bool:
    return str(value).lower() in {"no", "false", "0"}
