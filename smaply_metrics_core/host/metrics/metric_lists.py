"""Several metrics at once: pages of a list, and metrics to add."""

from __future__ import annotations

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.entered import EnteredModel
from smaply_metrics_core.models.metric import Display, Metric
from smaply_metrics_core.models.query import Definition


class MetricInput(EnteredModel):
    """A metric to add.

    Attributes:
        name: 1 to 300 characters.
        workspace: The workspace, a name that the host app chooses, of 1 to 200 characters.
    """

    name: str
    definition: Definition
    display: Display = Display()
    workspace: str = "default"


class MetricListPage(Frozen):
    """One page of the metrics of an account.

    Attributes:
        metrics: The metrics of this page, oldest first.
        matching: How many metrics match the search and the other conditions.
    """

    metrics: tuple[Metric, ...]
    matching: int
