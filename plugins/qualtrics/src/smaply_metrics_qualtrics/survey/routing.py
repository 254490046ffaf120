"""Which respondents see a question: its display logic, skip logic before it, and the survey flow.

Only whether the rules are equal matters, so they are reduced to numbers: digests of what they
contain. Rules that apply together are added up, so that their order does not matter, and one is
subtracted where it ends.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from smaply_metrics_qualtrics.json_values import as_dict, as_list, as_number, as_text
from smaply_metrics_qualtrics.survey.flow import blocks_by_id

_EVERYONE: Final = 0
_END_OF_SURVEY: Final = "ENDOFSURVEY"
_MOST_LEVELS: Final = 12
"""The maximum depth at which the conditions of a rule are read; Qualtrics nests three levels."""

_NOT_CONDITIONS: Final = frozenset({"SkipLogicID", "SkipToDestination"})
"""The number of a skip rule, and where it leads: that is how far it applies."""


class _Block(NamedTuple):
    """The skip logic of a block.

    Attributes:
        skips: For each question: the skips that may pass over it.
        ends: The skips that lead to the end of the survey.
    """

    skips: Mapping[str, int]
    ends: int


def question_routings(body: Mapping[str, Any], question_ids: Iterable[str]) -> dict[str, str]:
    """Return the routing of each question, as in ``Question.routing``.

    The display logic of single choices and rows is not part of it.

    Args:
        body: The survey definition.
        question_ids: The questions.
    """
    blocks = {
        block_id: _read_block(block)
        for block_id, block in blocks_by_id(body.get("Blocks")).items()
        if block.get("Type") != "Trash"
    }
    reached = _reached(body.get("SurveyFlow"), blocks)
    listed = as_dict(body.get("Questions"))
    never = _digest("not in the survey flow") if reached else _EVERYONE
    places: dict[str, tuple[int, int]] = {}
    for block_id, block in blocks.items():
        for question_id, skips in block.skips.items():
            places.setdefault(question_id, (reached.get(block_id, never), skips))
    routings = {}
    for question_id in question_ids:
        display = _condition(as_dict(listed.get(question_id)).get("DisplayLogic"))
        rules = (*places.get(question_id, (never, _EVERYONE)), display)
        routings[question_id] = f"{_digest(rules):x}" if any(rules) else ""
    return routings


def _reached(flow: object, blocks: Mapping[str, _Block]) -> dict[str, int]:
    """Return which respondents reach the blocks of the survey flow."""
    visits: defaultdict[str, set[int]] = defaultdict(set)
    ended = 0
    pending = [(as_dict(flow), _EVERYONE)]
    while pending:
        element, within = pending.pop()
        block_id = str(element.get("ID"))
        if block_id in blocks:
            visits[block_id].add(_digest((within, ended)) if within or ended else _EVERYONE)
            if ends := blocks[block_id].ends:
                ended += _digest((within, ends))
        elif element.get("Type") == "EndSurvey":
            ended += _digest((within, "end"))
        if rule := _flow_rule(element):
            within = _digest((within, rule))
        inside = [(as_dict(one), within) for one in as_list(element.get("Flow"))]
        pending.extend(reversed(inside))
    return {
        block_id: _EVERYONE if _EVERYONE in found else sum(found)
        for block_id, found in visits.items()
    }


def _flow_rule(element: Mapping[str, Any]) -> int:
    """Return the rule for the elements inside of a branch or a randomizer."""
    if element.get("Type") == "Branch":
        return _condition(element.get("BranchLogic"))
    if element.get("Type") == "BlockRandomizer":
        shown, of = as_number(element.get("SubSet")), len(as_list(element.get("Flow")))
        if shown is not None and shown < of:
            return _digest((shown, of))
    return _EVERYONE


def _read_block(block: Mapping[str, Any]) -> _Block:
    skips: dict[str, int] = {}
    applying = 0
    until: defaultdict[str, int] = defaultdict(int)
    for element in map(as_dict, as_list(block.get("BlockElements"))):
        question_id = str(element.get("QuestionID"))
        applying -= until.pop(question_id, 0)
        skips.setdefault(question_id, applying)
        for skip in as_list(element.get("SkipLogic")):
            rule = _digest((question_id, _conditions(skip)))
            applying += rule
            until[as_text(as_dict(skip).get("SkipToDestination"))] += rule
    return _Block(skips, until[_END_OF_SURVEY])


def _condition(logic: object) -> int:
    """Return a display logic or branch logic as a number; ``_EVERYONE`` without conditions."""
    found = _conditions(logic)
    if not isinstance(found, dict) or not any(isinstance(one, dict) for one in found.values()):
        return _EVERYONE
    return _digest(found)


def _conditions(value: object, levels: int = _MOST_LEVELS) -> dict[str, Any] | str | None:
    """Return conditions without what does not decide; ``None`` if nothing is left.

    Descriptions quote the texts of other questions. False and missing are the same, and so are a
    number and its text, and a list and an object with numbers as names.
    """
    if isinstance(value, list):
        value = dict(enumerate(value))
    if isinstance(value, dict):
        if not levels:
            return None
        found = {
            name: item
            for name, of in as_dict(value).items()
            if not name.endswith("Description") and name not in _NOT_CONDITIONS
            if (item := _conditions(of, levels - 1)) is not None
        }
        return found or None
    return None if value is None or value is False or value == "" else str(value)


def _digest(of: object) -> int:
    text = json.dumps(of, sort_keys=True)
    return int.from_bytes(sha256(text.encode()).digest()[:16])
