"""Makes metrics of values that were entered."""

from __future__ import annotations

import secrets
from typing import Final

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.metric import Metric

MAX_WORKSPACE: Final = 200


def new_metric_id() -> str:
    """Return an id for a new metric."""
    return f"met_{secrets.token_hex(6)}"


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
