"""The metrics that are compared, and their results in the terms of the study."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, timedelta
from typing import Any, Final, NamedTuple

from smaply_metrics_core import (
    Definition,
    ExclusionReason,
    GroupBy,
    MetricQuery,
    MetricsError,
    Result,
    Window,
)
from smaply_metrics_core.calculations import allowed_calculations, calculate
from tests.one_study.study import Study
from tests.one_study.tools import NOW, LoadedStudy

Json = Any
Values = Mapping[tuple[str, ...], object]
"""Numbers of a result by their place."""

_BOTH_KINDS: Final = frozenset({ExclusionReason.UNFINISHED, ExclusionReason.PREVIEW})
_NUMBERS: Final = (
    *("value", "responses", "answered", "excluded", "recorded", "low_sample", "effective_n"),
    *("interval", "interval_reason", "filtered_out", "hidden", "edge", "running"),
)
"""The parts of a window or group that are compared."""


class StudyMetric(NamedTuple):
    """A metric in the terms of the study.

    Attributes:
        name: What it measures.
        parts: The parts of its definition.
        windows: Its windows.
        zone: The time zone of its periods.
    """

    name: str
    parts: Mapping[str, Json]
    windows: tuple[Window, ...]
    zone: str


def metrics_of(study: Study) -> list[StudyMetric]:
    """Return the metrics of a study: each calculation that it allows, and each kind of grouping."""
    times = sorted(row.recorded for row in study.rows if not row.excluded)
    middle, end = times[len(times) // 2], times[-1] + timedelta(seconds=1)
    both = (
        Window(start=middle, end=end),
        Window(name="previous", start=times[0], end=middle),
    )
    found = []
    for name, parts in _parts(study):
        zone = parts.pop("zone", study.zone)
        windows = both if parts.get("type") == "comparison" else (Window(),)
        if parts.pop("second_half", False):
            windows = both[:1]
        found.append(StudyMetric(name, parts, windows, zone))
    return found


def _parts(study: Study) -> Iterator[tuple[str, dict[str, Json]]]:
    roles = study.roles
    yield "responses", {"calculation": "responses"}
    yield from _calculations(study, roles.scale, set())
    done = {*_allowed(study, roles.scale)}
    if roles.group != roles.scale:
        yield from _calculations(study, roles.group, done)
    scale = {"calculation": "average", "question_id": roles.scale}
    every_kind = {"include": _BOTH_KINDS, **scale}
    yield "average, excluded ones included", every_kind
    yield "average of the second half", {**scale, "second_half": True}
    yield "average, second half and first", {**scale, "type": "comparison"}
    weighted = {**scale, "weight": roles.weight}
    yield "average, weighted", weighted
    yield (
        "top box, weighted, second half and first",
        {
            **weighted,
            "calculation": "top_box",
            "type": "comparison",
        },
    )
    yield "distribution, weighted", {**weighted, "calculation": "distribution"}
    for period in ("day", "week", "month"):
        yield f"average by {period}", {**scale, "group_by": f"period:{period}"}
    far = "America/St_Johns"
    yield (
        "answered by day elsewhere",
        {
            "calculation": "answered",
            "question_id": roles.scale,
            "group_by": "period:day",
            "zone": far,
        },
    )
    yield "average by question", {**scale, "group_by": f"question:{roles.group}"}
    keys = study.questions[roles.group].counted_keys
    for exclude, name in ((False, "only some answers"), (True, "without some answers")):
        only = {"kind": "question", "of": roles.group, "values": tuple(keys[:2])}
        yield f"average, {name}", {**scale, "filters": ({**only, "exclude": exclude},)}
    if roles.field:
        yield "average by field", {**scale, "group_by": f"field:{roles.field}"}
        values = sorted({row.fields[roles.field] or "" for row in study.rows} - {""})
        only = {"kind": "field", "of": roles.field, "values": tuple(values[:1])}
        yield "median of a field's value", {**scale, "calculation": "median", "filters": (only,)}
    for question_id in filter(None, (roles.several, roles.category)):
        yield from _calculations(study, question_id, {"responses", "net_score"})
    if roles.number:
        for name in ("answered", "average", "median", "sum", "minimum", "maximum"):
            yield f"{name} of a number", {"calculation": name, "question_id": roles.number}
        number = {"calculation": "average", "question_id": roles.number}
        yield "average of a number by month", {**number, "group_by": "period:month"}
    if roles.text:
        yield "answered, of a text", {"calculation": "answered", "question_id": roles.text}


def _allowed(study: Study, question_id: str) -> tuple[str, ...]:
    question = study.questions[question_id]
    return tuple(map(str, allowed_calculations(question.kind, question.choices)))


def _calculations(
    study: Study, question_id: str, without: set[str]
) -> Iterator[tuple[str, dict[str, Json]]]:
    """Yield a metric for each calculation that a question allows."""
    keys = study.questions[question_id].counted_keys
    for name in _allowed(study, question_id):
        if name in without:
            continue
        parts: dict[str, Json] = {"calculation": name, "question_id": question_id}
        if name == "share":
            parts["answers"] = tuple(keys[-2:])
        if name == "net_score":
            parts |= {"top_answers": tuple(keys[-2:]), "bottom_answers": tuple(keys[:2])}
        yield f"{name} ({question_id})", parts


def results(loaded: LoadedStudy, metrics: list[StudyMetric]) -> dict[str, Values | MetricsError]:
    """Return the numbers of each metric as a tool's source counts them, from one fetch."""
    queries = {one.name: _query(loaded, one) for one in metrics}
    with loaded.session() as session:
        answers = session.fetch(loaded.survey_id, [*queries.values()])
    found: dict[str, Values | MetricsError] = {}
    for one in metrics:
        tally = answers[one.name]
        if isinstance(tally, MetricsError):
            found[one.name] = tally
            continue
        found[one.name] = _values(loaded, one, calculate(queries[one.name], tally, NOW))
    return found


def _query(loaded: LoadedStudy, metric: StudyMetric) -> MetricQuery:
    """Return a metric in the terms of a tool."""
    parts = dict(metric.parts)
    question_id = parts.get("question_id", "")
    grouped = "group_by" in parts or parts["calculation"] == "distribution"
    parts.setdefault("type", "series" if grouped else "number")
    if question_id:
        parts["question_id"] = loaded.question(question_id)
    for name in ("answers", "top_answers", "bottom_answers"):
        if name in parts:
            parts[name] = tuple(loaded.key(question_id, key) for key in parts[name])
    for name in ("group_by", "weight"):
        if name in parts:
            kind, _, of = parts[name].partition(":")
            parts[name] = {"kind": kind, "of": loaded.question(of) if kind == "question" else of}
    parts["filters"] = tuple(
        {
            **one,
            "of": loaded.question(one["of"]) if one["kind"] == "question" else one["of"],
            "values": tuple(loaded.key(one["of"], key) for key in one["values"]),
        }
        for one in parts.get("filters", ())
    )
    if parts["type"] == "comparison":
        days = (date(2025, 1, 1), date(2026, 1, 1))  # The windows decide what counts.
        parts["range"] = {"preset": "custom", "start": days[0], "end": days[1]}
    definition = Definition.model_validate({"survey_id": loaded.survey_id, **parts})
    return MetricQuery(
        id=metric.name, definition=definition, windows=metric.windows, zone=metric.zone
    )


def _values(loaded: LoadedStudy, metric: StudyMetric, result: Result) -> Values:
    """Return the numbers of a result. Groups without responses are left out: a file has none."""
    found: dict[tuple[str, ...], object] = {("ungrouped",): result.ungrouped}
    for name in ("current", "previous", "change"):
        part = getattr(result, name)
        if part is not None:
            found |= _flat(part.model_dump(mode="json"), name)
    by = GroupBy.parse(metric.parts["group_by"]) if "group_by" in metric.parts else None
    question_id = by.of if by is not None and by.kind == "question" else ""
    if metric.parts["calculation"] == "distribution":
        question_id = metric.parts["question_id"]
    for group in result.groups:
        if group.responses or group.answered:
            key = loaded.study_key(question_id, group.key) if question_id else group.key
            found |= _flat(group.model_dump(mode="json"), "group", key)
    return found


def _flat(part: Mapping[str, Json], *place: str) -> dict[tuple[str, ...], object]:
    """Return the numbers of a part of a result by their place."""
    found: dict[tuple[str, ...], object] = {}
    wanted = (*_NUMBERS, "difference", "percent", "p_value", "verdict", "detectable")
    for name in (*wanted, "verdict_reason"):
        value = part.get(name)
        if isinstance(value, Mapping):
            found |= {(*place, name, one): number for one, number in value.items()}
        elif name in part:
            found[*place, name] = value
    return found
