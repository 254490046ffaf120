"""Hides what would describe fewer respondents than an account allows to be shown.

A group below the minimum is hidden. A reader can subtract what is shown from the total, so more
groups are hidden, smallest first, until the hidden ones together have at least the minimum, and
until they are not all of the same size, which their sum would disclose. All groups of one size are
hidden together, so that the order of groups discloses nothing either. Responses in no group are
one more group. Groups without responses describe no respondent, so they are hidden last. If groups
are compared with an earlier period, a group that is hidden in one of the two is hidden in both.

Rows of a matrix are no parts of a sum, since the same people answered all of them: each is hidden
if it is small. So is each entered value; one whose number of answers is unknown is shown. In the
distribution of a row, answers are hidden as groups are. Rolling windows overlap, and their
differences disclose single periods: the periods are hidden as groups are, and with them each window
that contains a hidden one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple, Protocol

from smaply_metrics_core.calculations.formula_text import without_base
from smaply_metrics_core.calculations.group_changes import adjust_together
from smaply_metrics_core.errors import SmallGroupRefused
from smaply_metrics_core.models.query import ENTERED, Definition, MetricType, is_by_row
from smaply_metrics_core.models.result import Change, GroupValue, Result, WindowResult
from smaply_metrics_core.models.uncertainty import UncertaintyReason, Verdict

UNORDERED: Final = frozenset({"field", "question"})
"""Groups that a source may order by size: the hidden ones are moved to the end, by label."""

_NO_VALUE: Final = {
    "value": None,
    "responses": 0,
    "answered": 0,
    "low_sample": False,
    "effective_n": None,
    "entered": None,
    "interval": None,
    "interval_reason": UncertaintyReason.NO_VALUE,
    "interval_reason_text": UncertaintyReason.NO_VALUE.sentence,
    "hidden": True,
}


class _Counted(Protocol):
    @property
    def responses(self) -> int: ...

    @property
    def answered(self) -> int: ...


class MeasuredWindow(_Counted, Protocol):
    """The counts behind the value of a window, as in ``WindowResult``."""

    @property
    def fewest_respondents(self) -> int | None:
        """The fewest respondents who can have given the answers; ``None`` if each gave one."""

    @property
    def filtered_out(self) -> int | None:
        """The smallest number of answers that the filters removed, if they were counted."""


def hide_small_groups(result: Result, definition: Definition, minimum: int) -> Result:
    """Return a result without the values and counts that describe too few respondents.

    Args:
        result: The result.
        definition: The definition that it was calculated for.
        minimum: The fewest answers of a group that is shown; 0 hides nothing.
    """
    if not minimum:
        return result
    if too_narrow(result, definition, minimum):
        return _without_values(result, str(refusal(minimum)))
    few = f"There are fewer than {minimum:,} answers."
    previous = result.previous
    if previous is not None and must_hide(previous, definition, minimum):
        result = _without_previous(result, previous, few)
    if result.type is MetricType.COMPARISON:
        if must_hide(result.current, definition, minimum):
            return result.model_copy(
                update={
                    "current": _without_value(result.current, few),
                    "change": _no_change(f"No current value: {few}"),
                    **_texts_without_counts(result),
                }
            )
        return result
    if must_hide(result.current, definition, minimum):
        return _without_values(result, few)
    return _with_hidden_groups(result, definition, minimum)


def too_narrow(result: Result, definition: Definition, minimum: int) -> bool:
    """Whether the filters keep or remove so few answers that no value may be shown.

    So they are if the removed answers were not counted.
    """
    if not (minimum and definition.filters):
        return False
    windows = [result.current, *([] if result.previous is None else [result.previous])]
    return any(must_hide(window, definition, minimum) for window in windows)


def must_hide(window: MeasuredWindow, definition: Definition, minimum: int) -> bool:
    """Whether the overall value of a window must not be shown."""
    if not minimum:
        return False
    removed = window.filtered_out
    # A filter selects entered values; it does not take answers from one.
    if (
        definition.filters
        and definition.calculation not in ENTERED
        and (removed is None or 0 < removed < minimum)
    ):
        return True
    if not window.responses:
        return False
    people = window.fewest_respondents
    return answers_of(window, definition) < minimum or (people is not None and people < minimum)


def refusal(minimum: int) -> SmallGroupRefused:
    """Return the error for filters that are too narrow. It does not disclose which part is."""
    return SmallGroupRefused(
        f"The filters keep or remove fewer than {minimum:,} answers, so no value is shown.",
        remedy="Remove a filter, or choose a longer date range.",
    )


def hidden_cells(sizes: Mapping[str, int], empty: Sequence[str], minimum: int) -> set[str] | None:
    """Return the cells of a sum that must be hidden; ``None`` if the sum must be, too.

    Args:
        sizes: The number of answers of each cell that has responses.
        empty: The cells without responses.
        minimum: The fewest answers of a cell that is shown.
    """
    hidden = {key for key, size in sizes.items() if size < minimum}
    if not hidden:
        return set()
    larger = sorted({size for size in sizes.values() if size >= minimum})
    tiers = [*({key for key, size in sizes.items() if size == one} for one in larger), {*empty}]
    for tier in tiers:
        if _is_safe(hidden, sizes, minimum):
            break
        hidden |= tier
    return hidden if _is_safe(hidden, sizes, minimum) else None


def _is_safe(hidden: set[str], sizes: Mapping[str, int], minimum: int) -> bool:
    found = [sizes.get(key, 0) for key in hidden]
    return sum(found) >= minimum and len({*found}) > 1


class _GroupSizes(NamedTuple):
    """The groups of a result by key, and the responses in no group, as cells of one sum."""

    sizes: Mapping[str, int]
    empty: Sequence[str]


_UNGROUPED: Final = "\0ungrouped"
"""No key of a group."""


def _with_hidden_groups(result: Result, definition: Definition, minimum: int) -> Result:
    if result.groups and result.current.respondents is not None:
        # Not even the total may be shown: that of groups of one respondent each discloses them.
        return _without_values(result, "The number of respondents in each group is not known.")
    hidden = _hidden_groups(result, definition, minimum)
    if hidden is None:
        return _without_values(result, f"There are groups with fewer than {minimum:,} answers.")
    if result.previous is not None and not result.previous.hidden:
        earlier = _hidden_groups(_as_of_previous(result, result.previous), definition, minimum)
        if earlier is None:
            few = f"There are groups with fewer than {minimum:,} answers."
            result = _without_previous(result, result.previous, few)
        else:
            hidden |= earlier
    parts = {group.key: _hidden_parts(group, minimum) for group in result.groups}
    hidden |= {key for key, cells in parts.items() if cells is None}
    if not (hidden or any(parts.values())):
        return result
    why = group_reason(minimum)
    groups = [_shown_group(one, hidden, parts[one.key] or set(), why) for one in result.groups]
    if result.group_by is not None and result.group_by.kind in UNORDERED:
        groups.sort(key=lambda group: (group.hidden, group.label if group.hidden else ""))
    compared = result.period_change
    if compared is not None and not hidden.isdisjoint({compared.current, compared.previous}):
        compared = None
    no_group = _UNGROUPED in hidden
    return result.model_copy(
        update={
            # Hidden groups are not among those that are judged together.
            "groups": tuple(groups)
            if result.confidence is None
            else adjust_together(groups, result.confidence),
            "ungrouped": 0 if no_group else result.ungrouped,
            "previous_ungrouped": 0 if no_group else result.previous_ungrouped,
            "ungrouped_hidden": no_group,
            "period_change": compared,
        }
    )


def _as_of_previous(result: Result, previous: WindowResult) -> Result:
    """Return the counts of the previous window as if it were the current one."""
    groups = tuple(group.previous for group in result.groups if group.previous is not None)
    update = {"current": previous, "groups": groups, "ungrouped": result.previous_ungrouped}
    return result.model_copy(update=update)


def _without_previous(result: Result, previous: WindowResult, reason: str) -> Result:
    """Return a result without the value of the previous window, and that of its groups."""
    missing = _no_change(f"No previous value: {reason}")
    return result.model_copy(
        update={
            "previous": _without_value(previous, reason),
            "change": None if result.change is None else missing,
            "groups": tuple(
                group
                if group.previous is None
                else group.model_copy(
                    update={"previous": _without_group(group.previous, reason), "change": missing}
                )
                for group in result.groups
            ),
            "previous_ungrouped": 0,
            "notes": (),
            "source_notes": (),
        }
    )


def _hidden_parts(row: GroupValue, minimum: int) -> set[str] | None:
    """Return the answers of a row to hide; ``None`` if the row must be hidden, too."""
    sizes = {part.key: part.answered for part in row.parts if part.answered}
    empty = [part.key for part in row.parts if not part.answered]
    return hidden_cells(sizes, empty, minimum)


def _shown_group(group: GroupValue, hidden: set[str], parts: set[str], reason: str) -> GroupValue:
    """Return a group without its value if it is hidden, and without its hidden parts."""
    if group.key in hidden:
        return _without_group(group, reason)
    if not parts:
        return group
    shown = (_without_group(one, reason) if one.key in parts else one for one in group.parts)
    return group.model_copy(update={"parts": tuple(shown)})


def _hidden_groups(result: Result, definition: Definition, minimum: int) -> set[str] | None:
    """Return the keys to hide; ``None`` if the total must be hidden, too."""
    groups = result.groups
    if is_by_row(result.group_by) or result.calculation in ENTERED:
        return {one.key for one in groups if one.responses and one.answered < minimum}
    if result.rolling is not None:
        periods = _single_periods(groups, result.rolling)
        if periods is None:
            return None
        result = result.model_copy(update={"groups": periods})
    cells = _cells(result, definition)
    hidden = hidden_cells(cells.sizes, cells.empty, minimum)
    if not hidden or result.rolling is None:
        return hidden
    windows = {
        group.key
        for place, group in enumerate(groups)
        if any(one.key in hidden for one in groups[max(0, place + 1 - result.rolling) : place + 1])
    }
    return windows | (hidden & {_UNGROUPED})


def _single_periods(windows: Sequence[GroupValue], length: int) -> tuple[GroupValue, ...] | None:
    """Return the counts of each period of rolling windows, as a reader can calculate them.

    ``None`` if they are not those of rolling windows.
    """
    found: list[GroupValue] = []
    responses, answered = 0, 0
    """Those of the other periods in the window."""
    for place, window in enumerate(windows):
        if place >= length:
            responses -= found[place - length].responses
            answered -= found[place - length].answered
        own = {"responses": window.responses - responses, "answered": window.answered - answered}
        if min(own.values()) < 0:
            return None
        found.append(window.model_copy(update=own))
        responses, answered = window.responses, window.answered
    return tuple(found)


def group_reason(minimum: int) -> str:
    """Return why a group is hidden. It does not disclose which of the hidden groups is small."""
    return f"fewer than {minimum:,} answers, or hidden to protect another group"


def _cells(result: Result, definition: Definition) -> _GroupSizes:
    groups = result.groups
    sizes = {group.key: answers_of(group, definition) for group in groups if group.responses}
    if result.ungrouped:
        rest = answers_of(result.current, definition) - sum(sizes.values())
        # Groups that overlap have no rest.
        sizes[_UNGROUPED] = min(result.ungrouped, rest) if rest >= 0 else result.ungrouped
    return _GroupSizes(sizes, [group.key for group in groups if not group.responses])


def answers_of(counted: _Counted, definition: Definition) -> int:
    """Return the number of answers, or of responses if the metric has no question."""
    return counted.responses if definition.question_id is None else counted.answered


def _without_values(result: Result, reason: str) -> Result:
    """Return a result without any value, count or group: each group has at least one response."""
    previous = result.previous
    return result.model_copy(
        update={
            "current": _without_value(result.current, reason),
            "previous": None if previous is None else _without_value(previous, reason),
            "change": None if result.change is None else _no_change(reason),
            "groups": (),
            "ungrouped": 0,
            "previous_ungrouped": 0,
            "ungrouped_hidden": result.type is MetricType.SERIES,
            "period_change": None,
            **_texts_without_counts(result),
        }
    )


def _texts_without_counts(result: Result) -> dict[str, object]:
    """Return the texts of a result without a total. Notes of a source may name numbers."""
    return {"formula": without_base(result.formula), "notes": (), "source_notes": ()}


def _without_value(window: WindowResult, reason: str) -> WindowResult:
    counts = {
        "unanswered": {},
        "excluded": {},
        "recorded": 0,
        "filtered_out": None,
        "respondents": None,
    }
    return window.model_copy(update={**_NO_VALUE, **counts, "reason": reason})


def _without_group(group: GroupValue, reason: str) -> GroupValue:
    nothing = {"previous": None, "change": None, "parts": ()}
    return group.model_copy(update={**_NO_VALUE, **nothing, "reason": reason})


def _no_change(reason: str) -> Change:
    return Change(
        difference=None,
        reason=reason,
        verdict=Verdict.NOT_JUDGED,
        verdict_reason=UncertaintyReason.NO_VALUE,
        verdict_reason_text=UncertaintyReason.NO_VALUE.change_sentence,
    )
