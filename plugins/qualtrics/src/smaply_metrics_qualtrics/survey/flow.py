"""The order in which respondents meet the questions of a survey, and the loops of its blocks.

Respondents and exports follow the survey flow, which refers to blocks, also within groups, branches
and randomizers. The ``Blocks`` of a definition are in the order in which they were created.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from smaply_metrics_qualtrics.html_text import html_to_text
from smaply_metrics_qualtrics.json_values import as_dict, as_list
from smaply_metrics_qualtrics.survey.choices import with_carried
from smaply_metrics_qualtrics.survey.labels import Label, distinct_labels, text_with_names

_NO_LOOPS: Final = (None, "", "None", False)

Bodies = Mapping[str, Mapping[str, Any]]
"""The definitions of questions by id."""


@dataclass(frozen=True)
class QuestionOrder:
    """The questions of a survey in the order of the survey flow.

    Attributes:
        loops: Each question with the labels of its loops by id; ``None`` outside of loops.
        open_loops: The questions whose loops only the response schema lists completely.
        unreached: The questions that the survey flow does not lead to. They come last.
        trashed: The deleted questions.
    """

    loops: Mapping[str, Mapping[str, str] | None]
    open_loops: frozenset[str]
    unreached: tuple[str, ...]
    trashed: tuple[str, ...]


def question_order(
    body: Mapping[str, Any], bodies: Bodies, schema_loops: Mapping[str, Sequence[str]]
) -> QuestionOrder:
    """Return the questions of a survey definition in the order of the survey flow.

    A block that occurs several times counts where it occurs first. Questions of other blocks, and
    of no block, are included because their earlier answers are exported.

    Args:
        body: The survey definition.
        bodies: The definitions of its questions by id.
        schema_loops: The loops of each question in the response schema.
    """
    blocks = blocks_by_id(body.get("Blocks"))
    visited = {
        str(element.get("ID")): None
        for element in flow_elements(body.get("SurveyFlow"))
        if str(element.get("ID")) in blocks
    }
    order: dict[str, Mapping[str, str] | None] = {}
    open_loops: set[str] = set()
    trashed: dict[str, None] = {}
    reached: int | None = None
    for block_id in (*visited, *blocks):
        if block_id not in visited and reached is None:
            reached = len(order)
        block = blocks[block_id]
        inside = [question_id for question_id in _inside(block) if question_id in bodies]
        if block.get("Type") == "Trash":
            trashed |= dict.fromkeys(inside)
            continue
        is_open = _takes_loops_from_a_question(block)
        # Many questions share the loops of a block, so they are labelled once.
        labelled: dict[tuple[str, ...], Mapping[str, str] | None] = {}
        for question_id in inside:
            if question_id in order:
                continue
            more = tuple(schema_loops.get(question_id, ())) if is_open else ()
            if more not in labelled:
                labelled[more] = block_loops(block, bodies, more)
            order[question_id] = labelled[more]
            if is_open:
                open_loops.add(question_id)
    flow_ends = len(order) if reached is None else reached
    order |= {qid: None for qid in bodies if qid not in order and qid not in trashed}
    return QuestionOrder(
        loops=order,
        open_loops=frozenset(open_loops),
        unreached=tuple(order)[flow_ends:] if visited else (),
        trashed=tuple(question_id for question_id in trashed if question_id not in order),
    )


def flow_elements(flow: object) -> Iterator[Mapping[str, Any]]:
    """Yield every element of a survey flow, including nested ones."""
    pending = [flow]
    while pending:
        element = as_dict(pending.pop())
        yield element
        pending.extend(reversed(as_list(element.get("Flow"))))


def display_orders(body: Mapping[str, Any], question_ids: Sequence[str]) -> frozenset[str]:
    """Return the names of the columns that contain display orders."""
    flow = (str(element.get("FlowID")) for element in flow_elements(body.get("SurveyFlow")))
    ids = (*flow, *blocks_by_id(body.get("Blocks")), *question_ids)
    return frozenset(f"{one}_DO" for one in ids)


def block_loops(
    block: Mapping[str, Any], bodies: Bodies, more: Sequence[str]
) -> Mapping[str, str] | None:
    """Return the labels of the loops of a loop & merge block by id; ``None`` for other blocks.

    Args:
        block: The block.
        bodies: The definitions of the questions by id.
        more: The loops that only the schema lists, because the block takes them from a question.
    """
    settings = as_dict(block.get("Options"))
    if settings.get("Looping") in _NO_LOOPS:
        return None
    looping = as_dict(settings.get("LoopingOptions"))
    source = bodies.get(str(looping.get("QID")), {})
    answers = {option.id: option for option in with_carried(source, bodies)}
    listed = as_dict(looping.get("Static"))
    loops = tuple(dict.fromkeys((*listed, *more)))
    labels = []
    for loop in loops:
        answer = answers.get(loop)
        if answer is not None:
            labels.append(Label(answer.label, answer.variable, answer.named, f"loop {loop}"))
            continue
        merged = list(as_dict(listed.get(loop)).values())
        text = next(filter(None, map(html_to_text, merged)), "")
        named = next(filter(None, map(text_with_names, merged)), "")
        labels.append(Label(text or f"Loop {loop}", "", named, f"loop {loop}"))
    return dict(zip(loops, distinct_labels(labels), strict=True))


def _takes_loops_from_a_question(block: Mapping[str, Any]) -> bool:
    looping = as_dict(block.get("Options")).get("Looping")
    listed = as_dict(as_dict(as_dict(block.get("Options")).get("LoopingOptions")).get("Static"))
    return looping not in _NO_LOOPS and (looping != "Static" or not listed)


def blocks_by_id(blocks: object) -> dict[str, Mapping[str, Any]]:
    """Return the blocks by id, in order. A definition contains a mapping or a list."""
    named = blocks.items() if isinstance(blocks, dict) else enumerate(as_list(blocks))
    return {str(as_dict(block).get("ID") or key): as_dict(block) for key, block in named}


def _inside(block: Mapping[str, Any]) -> list[str]:
    elements = (as_dict(item) for item in as_list(block.get("BlockElements")))
    return [str(item.get("QuestionID")) for item in elements]
