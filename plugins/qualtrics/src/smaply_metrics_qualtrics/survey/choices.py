"""Parse the choices of a question from a survey definition.

``Choices`` (and the ``Answers`` of a matrix) are a mapping, an array whose index is the id (NPS),
or ``[]``. An export contains the recode of a choice if it has one, otherwise its id. This is the
key under which the choice is counted. Two choices with the same recode cannot be distinguished in
an export, so they become one choice with both labels.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

from smaply_metrics_core import Choice
from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list
from smaply_metrics_qualtrics.survey.labels import Label, distinct_labels, text_with_names

_LOCATOR: Final = re.compile(r"q://(?P<question>[^/]+)/(?P<group>[^/]*)")
_NUMBER: Final = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?")
_DEEPEST_CARRY: Final = 20
"""The maximum depth of carried-forward choices. Only an invalid survey has a cycle."""


@dataclass(frozen=True)
class AnswerOption:
    """A choice in a survey definition.

    Attributes:
        id: The id in the definition. The id of a carried-forward choice begins with ``x``.
        recode: The value that exports contain instead of the id, or an empty string.
        label: The text that respondents see; empty for an image without one. It can equal that of
            another option: see ``option_labels``.
        analyze: Whether Qualtrics includes the choice in analyses.
        text_entry: Whether the choice has a text field.
        numeric: Whether the text field accepts only numbers.
        variable: The variable name, or an empty string.
        named: The label with the names of its piped fields; empty without piped text.
        origins: The ids of a carried-forward choice in the questions that it comes from.
        origin_key: The value in exports of the question that it comes from.
        inherits: Whether a carried-forward choice has the value of its origin.
    """

    id: str
    recode: str
    label: str
    analyze: bool
    text_entry: bool
    numeric: bool = False
    variable: str = ""
    named: str = ""
    origins: tuple[str, ...] = ()
    origin_key: str = ""
    inherits: bool = False

    @property
    def key(self) -> str:
        """The value in an export for this choice."""
        return self.recode or self.id

    @property
    def value(self) -> float | None:
        """The number on the scale, or ``None`` if there is none."""
        return _value(self.origin_key if self.inherits else self.key)


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
    variables = as_dict(question.get("VariableNaming")) if valued else {}
    found = {
        option_id: AnswerOption(
            id=option_id,
            recode=_spell(recodes.get(option_id)),
            label=_label(body),
            analyze=not _is_no(analyzed.get(option_id)),
            text_entry=_is_yes(body.get("TextEntry")),
            numeric=body.get("TextEntryValidation") == "ValidNumber",
            variable=html_to_text(variables.get(option_id)),
            named=text_with_names(body.get("Display")),
        )
        for option_id, body in _entries(question.get(f"{what}s"))
    }
    order = [str(item) for item in as_list(question.get(f"{what}Order"))]
    return tuple(found[item] for item in dict.fromkeys([*order, *found]) if item in found)


def with_carried(
    question: Mapping[str, Any],
    questions: Mapping[str, Mapping[str, Any]],
    what: str = "Choice",
    *,
    valued: bool = True,
    _depth: int = 0,
) -> tuple[AnswerOption, ...]:
    """Return the options of a question, including those carried forward from another question.

    The id of a carried option is the original id with the prefix ``x``. Its recode is defined by
    this question. If none has a recode here, each has the value that it has in its own question.
    """
    own = options(question, what, valued=valued)
    source, group = _carried_from(question, what)
    if source not in questions or _depth > _DEEPEST_CARRY:
        return own
    # The recodes of a matrix belong to its answers.
    coded = group == "Answer" or questions[source].get("QuestionType") == "MC"
    found = with_carried(questions[source], questions, group, valued=coded, _depth=_depth + 1)
    recodes = as_dict(question.get("RecodeValues")) if valued else {}
    analyzed = as_dict(question.get("AnalyzeChoices")) if valued else {}
    variables = as_dict(question.get("VariableNaming")) if valued else {}
    inherits = valued and not any(_spell(recodes.get(f"x{option.id}")) for option in found)
    carried = {
        f"x{option.id}": replace(
            option,
            id=f"x{option.id}",
            recode=_spell(recodes.get(f"x{option.id}")),
            analyze=not _is_no(analyzed.get(f"x{option.id}")),
            variable=html_to_text(variables.get(f"x{option.id}")) or option.variable,
            origins=(option.id, *option.origins),
            origin_key=option.origin_key if option.inherits else option.key,
            inherits=inherits,
        )
        for option in found
    }
    # A definition may list carried options like its own ones.
    listed = {option.id: _completed(option, carried.get(option.id)) for option in own}
    return (*(one for key, one in carried.items() if key not in listed), *listed.values())


def _completed(option: AnswerOption, carried: AnswerOption | None) -> AnswerOption:
    if carried is None:
        return option
    return replace(
        option,
        label=option.label or carried.label,
        named=option.named or carried.named,
        origins=carried.origins,
        origin_key=carried.origin_key,
        inherits=carried.inherits,
    )


def _carried_from(question: Mapping[str, Any], what: str) -> tuple[str, str]:
    """Return the question whose options are carried forward, and which of its options.

    ``DynamicChoices`` are choices or rows, or answers if their type is a group of answers.
    """
    carried = as_dict(question.get("DynamicChoices"))
    type_names_answers = str(carried.get("Type", "")).startswith("Answer")
    if type_names_answers is not (what == "Answer"):
        carried = {}
    if what == "Answer":
        carried = as_dict(question.get("DynamicAnswers")) or carried
    found = _LOCATOR.match(str(carried.get("Locator", "")))
    if found is None:
        return "", what
    return found["question"], "Answer" if found["group"].startswith("Answer") else "Choice"


def option_labels(
    offered: Sequence[AnswerOption], variables: Mapping[str, Any] | None = None
) -> dict[str, str]:
    """Return a distinct label for each option by id.

    Args:
        offered: The options.
        variables: The names of options by id, such as the export tags of the rows of a matrix.
    """
    named = variables or {}
    labels = [
        Label(
            option.label,
            html_to_text(named.get(option.id)) or option.variable,
            option.named,
            option.id,
        )
        for option in offered
    ]
    return dict(zip((one.id for one in offered), distinct_labels(labels), strict=True))


def count_options(
    question: Mapping[str, Any], questions: Mapping[str, Mapping[str, Any]], what: str = "Choice"
) -> int:
    """Return the number of options that ``with_carried`` returns, or more, without creating any."""
    count = 0
    for _ in range(_DEEPEST_CARRY + 2):
        own = question.get(f"{what}s")
        count += len(own) if isinstance(own, dict | list) else 0
        source, what = _carried_from(question, what)
        if source not in questions:
            break
        question = questions[source]
    return count


def single_choices(offered: Sequence[AnswerOption]) -> tuple[Choice, ...]:
    """Return the choices of a single-answer question, keyed by their values in an export."""
    by_key: dict[str, list[AnswerOption]] = {}
    for option in offered:
        by_key.setdefault(option.key, []).append(option)
    labels = distinct_labels([_joined_label(key, same) for key, same in by_key.items()])
    return tuple(
        Choice(
            key=key,
            label=label,
            value=same[0].value,
            analyze=any(option.analyze for option in same),
        )
        for (key, same), label in zip(by_key.items(), labels, strict=True)
    )


def _joined_label(key: str, same: Sequence[AnswerOption]) -> Label:
    """Return the label of the options that have the same key."""
    return Label(
        text=_joined(option.label for option in same),
        variable=_joined(option.variable for option in same),
        named=_joined(option.named for option in same),
        key=key,
    )


def _joined(texts: Iterable[str]) -> str:
    return " / ".join(dict.fromkeys(filter(None, texts)))


def other_spellings(offered: Sequence[AnswerOption]) -> dict[str, str]:
    """Return alternative values that an export may contain for a choice, mapped to its key.

    A recode takes precedence over an id. It is undocumented whether exports contain the own or the
    original id or recode of a carried-forward choice, so all are accepted unless they identify
    another choice.
    """
    keys = {option.key for option in offered}
    found = {option.id: option.key for option in offered if option.id not in keys}
    by_id = [(origin, option.key) for option in offered for origin in option.origins]
    by_value = [(option.origin_key, option.key) for option in offered if option.origin_key]
    for spelling, key in (*by_id, *by_value):
        if spelling not in keys:
            found.setdefault(spelling, key)
    return found


def multiple_choices(offered: Sequence[AnswerOption]) -> dict[str, Choice]:
    """Return the choices of a multiple-answer question by option id.

    Each option has its own column, so ids identify them. The keys are the recodes if every option
    has a unique one, otherwise the ids.
    """
    recodes = {option.recode for option in offered}
    coded = "" not in recodes and len(recodes) == len(offered)
    keys = [option.recode if coded else option.id for option in offered]
    labels = distinct_labels(
        [
            Label(option.label, option.variable, option.named, key)
            for option, key in zip(offered, keys, strict=True)
        ]
    )
    return {
        option.id: Choice(key=key, label=label, analyze=option.analyze)
        for option, key, label in zip(offered, keys, labels, strict=True)
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


def _label(body: Mapping[str, Any]) -> str:
    image = as_dict(body.get("Image"))
    return html_to_text(body.get("Display")) or html_to_text(image.get("Display"))


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
