"""Results and cards as flat JSON: the value and the numbers it was calculated from."""

from __future__ import annotations

from typing import Any

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.metric import Card
from smaply_metrics_core.models.query import MetricType
from smaply_metrics_core.models.result import Change, GroupValue, Result, Unit, WindowResult


def result_json(result: Result) -> dict[str, Any]:
    """Return a result as flat JSON, as ``metric preview --json`` prints it.

    ``value`` is the overall value of the current window. A Comparison adds ``current``,
    ``previous``, ``change``, ``change_unit`` and ``difference``, as does a Series that compares its
    groups, each of which has ``previous`` and ``change``, too. Counts that the account hides are
    ``None``, and ``hidden`` is true. Those of an entered value are ``None`` if its ``n`` is
    unknown; ``entered`` has who entered it.
    """
    current = result.current
    found: dict[str, Any] = {
        "type": result.type,
        "calculation": result.calculation,
        "unit": result.unit,
        "value": _number(result.unit, current.value),
        "reason": current.reason,
        **_interval(current),
        **_counts(current),
        "recorded": current.recorded if current.has_counts else None,
        "entered": _dumped(current.entered),
        "unanswered": dict(sorted(current.unanswered.items())),
        "excluded": dict(sorted(current.excluded.items())),
        "low_sample": current.low_sample,
        "respondents": current.respondents,
        "effective_n": current.effective_n,
        "design_effect": current.design_effect,
        "groups": [_group(result.unit, group) for group in result.groups],
        "ungrouped": None if result.ungrouped_hidden else result.ungrouped,
        "previous_ungrouped": None if result.ungrouped_hidden else result.previous_ungrouped,
        "window": current.window.model_dump(mode="json", exclude={"name"}),
        "counted": list(result.counted),
        "formula": result.formula,
        "scale": result.scale,
        "rolling": result.rolling,
        "notes": list(result.notes),
        "period_change": _dumped(result.period_change),
        "question_changes": [_dumped(change) for change in result.question_changes],
        "confidence": result.confidence,
        "as_of": result.model_dump(mode="json", include={"as_of"})["as_of"],
    }
    return found | _compared(result)


def card_json(card: Card) -> dict[str, Any]:
    """Return a card as flat JSON, as ``card load --json`` prints it.

    A Number has ``value``, a Series has ``groups``, and a Comparison has ``current``, ``previous``
    and ``change``, as does a Series that compares its groups: those of all groups together.
    """
    result = card.result
    dumped = card.model_dump(mode="json", include={"as_of", "next_at", "problem"})
    found: dict[str, Any] = {
        "id": card.metric_id,
        "name": card.name,
        "source": card.source,
        "connection_id": card.connection_id,
        "connection": card.connection,
        "type": card.type,
    }
    if card.type == MetricType.NUMBER:
        found["value"] = None if result is None else _number(result.unit, result.current.value)
    elif card.type == MetricType.SERIES:
        found["groups"] = (
            [] if result is None else [_group(result.unit, group) for group in result.groups]
        )
        found |= {} if result is None else _compared(result)
    else:
        found |= (
            {"current": None, "previous": None, "change": None}
            if result is None
            else _compared(result)
        )
    details = {} if result is None else result_json(result)
    return found | {
        "text": card.text,
        "interval": details.get("interval"),
        "interval_reason": details.get("interval_reason"),
        "interval_reason_text": details.get("interval_reason_text"),
        "answered": details.get("answered"),
        "responses": details.get("responses"),
        "hidden": details.get("hidden"),
        "excluded": details.get("excluded"),
        "as_of": dumped["as_of"],
        "freshness": card.freshness,
        "problem": dumped["problem"],
        "next_at": dumped["next_at"],
        "explanation": card.explanation,
        "window": details.get("window"),
        "unit": details.get("unit"),
        "calculation": details.get("calculation"),
        "low_sample": details.get("low_sample"),
        "respondents": details.get("respondents"),
        "effective_n": details.get("effective_n"),
        "design_effect": details.get("design_effect"),
        "unanswered": details.get("unanswered"),
        "recorded": details.get("recorded"),
        "entered": details.get("entered"),
        "counted": details.get("counted"),
        "formula": details.get("formula"),
        "scale": details.get("scale"),
        "rolling": details.get("rolling"),
        "notes": details.get("notes"),
        "period_change": details.get("period_change"),
        "question_changes": details.get("question_changes"),
        "confidence": details.get("confidence"),
    }


def _compared(result: Result) -> dict[str, Any]:
    """Return the two values of a Comparison and the change as it is displayed.

    ``change`` is in percent of the previous value, or in points when the values themselves are
    percentages or points; ``change_unit`` is the unit. ``difference`` is current minus previous,
    which ``change_interval`` surrounds and ``verdict`` judges.
    """
    previous, change = result.previous, result.change or Change(difference=None)
    if previous is None:
        return {}
    in_points = result.unit in {Unit.PERCENT, Unit.POINTS}
    return {
        "current": _number(result.unit, result.current.value),
        "previous": _number(result.unit, previous.value),
        "change": change.difference if in_points else change.percent,
        "change_unit": "points" if in_points else "percent",
        "change_reason": change.reason,
        "difference": _number(result.unit, change.difference),
        "change_interval": _dumped(change.interval),
        "p_value": change.p_value,
        "verdict": change.verdict,
        "verdict_reason": change.verdict_reason,
        "verdict_reason_text": change.verdict_reason_text,
        "detectable": change.detectable,
        "previous_interval": _dumped(previous.interval),
        "previous_interval_reason": previous.interval_reason,
        "previous_answered": previous.answered if previous.has_counts else None,
        "previous_responses": previous.responses if previous.has_counts else None,
        "previous_entered": _dumped(previous.entered),
        "previous_hidden": previous.hidden,
        "previous_effective_n": previous.effective_n,
        "previous_excluded": dict(sorted(previous.excluded.items())),
        "previous_window": previous.window.model_dump(mode="json", exclude={"name"}),
    }


def _interval(measured: WindowResult) -> dict[str, Any]:
    return {
        "interval": _dumped(measured.interval),
        "interval_reason": measured.interval_reason,
        "interval_reason_text": measured.interval_reason_text,
    }


def _dumped(model: Frozen | None) -> dict[str, Any] | None:
    return None if model is None else model.model_dump(mode="json")


def _group(unit: Unit, group: GroupValue) -> dict[str, Any]:
    previous = group.previous
    return group.model_dump(mode="json") | {
        "value": _number(unit, group.value),
        **_counts(group),
        "previous": None if previous is None else _group(unit, previous),
        "parts": [_group(unit, part) for part in group.parts],
    }


def _counts(measured: WindowResult | GroupValue) -> dict[str, Any]:
    """Return the counts, which are ``None`` if they are hidden or unknown."""
    return {
        "answered": measured.answered if measured.has_counts else None,
        "responses": measured.responses if measured.has_counts else None,
        "hidden": measured.hidden,
    }


def _number(unit: Unit, value: float | None) -> float | None:
    """Return the value, or a count as an integer."""
    return int(value) if unit is Unit.COUNT and value is not None else value
