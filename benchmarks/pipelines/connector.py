"""The connector, from the downloaded file to the results."""

from __future__ import annotations

import httpx
from pydantic import BaseModel

from benchmarks.data.survey import SURVEY, queries
from benchmarks.pipelines.shared import Files, PipelineResult
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.context import Deadline, SourceContext, SystemClock
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import Calculation
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_qualtrics.responses.fetch import count_export
from smaply_metrics_qualtrics.responses.query_plan import prepare
from smaply_metrics_qualtrics.survey.definition import read_definition

_SECONDS = 3_600


def _build_models(base: type[BaseModel]) -> None:
    """Build the validators of models, as a running host has done: it is no part of the time."""
    for model in base.__subclasses__():
        model.model_rebuild()
        _build_models(model)


_build_models(Frozen)


def numbers(files: Files) -> PipelineResult:
    """Count a download as the connector does, and calculate the results."""
    clock = SystemClock()
    survey, asked = read_definition(files.definition, SURVEY), queries()
    # It sends no request: a client with a real transport takes as long to make as a block to count.
    with httpx.Client(transport=httpx.MockTransport(lambda _: httpx.Response(500))) as client:
        context = SourceContext(
            http=client,
            deadline=Deadline.after(_SECONDS, clock),
            destinations=(),
            folder=files.needed.parent,
            clock=clock,
        )
        parts = [prepare(query, survey) for query in asked]
        outcomes = count_export(
            files.needed, parts, survey.owners, context, seen=files.seen, as_of=clock.now()
        )
    found: PipelineResult = {}
    for query in asked:
        outcome = outcomes[query.id]
        if not isinstance(outcome, Tally):
            raise outcome
        found[query.id] = _numbers(calculate(query, outcome, clock.now()))
    return found


def _numbers(result: Result) -> dict[str, float]:
    if not result.groups:
        return {} if result.current.value is None else {"": result.current.value}
    counts = result.calculation is Calculation.DISTRIBUTION
    values = {group.key: group.answered if counts else group.value for group in result.groups}
    return {key: float(value) for key, value in values.items() if value is not None}
