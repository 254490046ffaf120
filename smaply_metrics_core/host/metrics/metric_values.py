"""Makes metrics of values that were entered."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.metrics.metric_lists import MetricInput
from smaply_metrics_core.models.metric import Metric
from smaply_metrics_core.models.survey import KnownQuestion

MAX_WORKSPACE: Final = 200


def new_metric_id() -> str:
    """Return an id for a new metric."""
    return f"met_{secrets.token_hex(6)}"


def new_metrics(
    source: str,
    connection_id: str,
    new: Sequence[MetricInput],
    questions: Sequence[Mapping[str, KnownQuestion]],
    now: datetime,
) -> tuple[Metric, ...]:
    """Return the metrics to add to a connection, with the questions that each of them uses.

    Raises:
        InputError: when a name or a workspace is not valid.
    """
    return tuple(
        validated_metric(
            id=new_metric_id(),
            **{field: getattr(one, field) for field in MetricInput.model_fields},
            source=source,
            connection_id=connection_id,
            questions=known,
            version=1,
            # Lists keep the order of the metrics.
            created_at=now + timedelta(microseconds=number),
            updated_at=now,
        )
        for number, (one, known) in enumerate(zip(new, questions, strict=True))
    )


def changed_metric(old: Metric, **changed: object) -> Metric:
    """Return a metric with other values; see ``validated_metric``."""
    values = {field: getattr(old, field) for field in Metric.model_fields}
    return validated_metric(**(values | changed))


def validated_metric(**values: object) -> Metric:
    """Return a metric of values that were entered.

    Raises:
        InputError: when the name or the workspace is not valid.
    """
    workspace = values["workspace"]
    if not isinstance(workspace, str) or not 1 <= len(workspace) <= MAX_WORKSPACE:
        raise InputError(
            "The name of the workspace is not valid.",
            remedy=f"Enter 1 to {MAX_WORKSPACE} characters.",
        )
    try:
        return Metric.model_validate(values)
    except ValueError:
        raise InputError(
            "The name of the metric is not valid.", remedy="Enter 1 to 300 characters."
        ) from None
