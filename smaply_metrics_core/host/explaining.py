"""Why a metric was or was not refreshed, and when it will be next: one sentence for people."""

from __future__ import annotations

from datetime import datetime  # pydantic needs it at run time.
from typing import TYPE_CHECKING

from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.refresh import Decision, DecisionKind  # pydantic needs DecisionKind.

if TYPE_CHECKING:
    from smaply_metrics_core.host.store.states import MetricState


class Explanation(Frozen):
    """What the refresh policy says of a metric now.

    Attributes:
        kind: The decision; ``None`` when the account has no connection to the metric's source.
        sentence: Why, and when the next update is due.
        next_at: The first instant at which a load updates it, if nothing else happens.
    """

    metric_id: str
    name: str
    kind: DecisionKind | None
    sentence: str
    next_at: datetime | None


def explain(state: MetricState, decision: Decision | None) -> Explanation:
    """Put a decision into words."""
    return Explanation(
        metric_id=state.metric.id,
        name=state.metric.name,
        kind=decision.kind if decision else None,
        sentence=f"{decision.reason.rstrip('.')}; {_next(state, decision)}."
        if decision
        else f"The account is not connected to {state.metric.source}; the first load after it is "
        "connected again updates it.",
        next_at=decision.next_at if decision else None,
    )


def _next(state: MetricState, decision: Decision) -> str:
    if decision.kind is DecisionKind.DUE:
        return "the next load updates it"
    when = f"{decision.next_at:%Y-%m-%d %H:%M:%S %Z}"
    if decision.kind is not DecisionKind.IN_FLIGHT:
        return f"the first load from {when} on updates it"
    done = "" if state.percent is None else f" and {state.percent:g} % done"
    since = "" if state.running_since is None else f"it began at {state.running_since:%H:%M:%S %Z}"
    return f"{since}{done}; were it never to end, a load from {when} on would update it"
