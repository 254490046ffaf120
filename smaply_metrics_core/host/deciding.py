"""Putting what the store knows about a metric before the refresh policy."""

from __future__ import annotations

from typing import TYPE_CHECKING

from smaply_metrics_core.refresh import Decision, RefreshPolicy, RefreshState, decide

if TYPE_CHECKING:
    from datetime import datetime

    from smaply_metrics_core.host.store.connections import AccountSettings
    from smaply_metrics_core.host.store.states import MetricState


def decide_metric(  # noqa: PLR0913  # Everything that the policy looks at.
    state: MetricState,
    account: AccountSettings,
    policy: RefreshPolicy,
    now: datetime,
    *,
    running_until: datetime | None = None,
    forced: bool = False,
) -> Decision:
    """Decide about one stored metric of a connected source.

    ``running_until`` is when the lease of a refresh that runs would end by itself.
    """
    attempt, connection = state.attempt, state.connection
    return decide(
        RefreshState(
            fingerprint=state.metric.definition.fingerprint(
                zone=account.zone, week_start=account.week_start
            ),
            attempt_fingerprint=attempt.fingerprint if attempt else None,
            last_attempt_started=attempt.started_at if attempt else None,
            last_attempt_ended=attempt.ended_at if attempt else None,
            last_attempt_failed=attempt.failed if attempt else False,
            running_until=running_until,
            connection_refused_at=connection.refused_at if connection else None,
            connection_woken_at=connection.woken_at if connection else None,
            retry_not_before=connection.retry_not_before if connection else None,
            retry_said_at=connection.retry_said_at if connection else None,
            forced_requested=forced,
            survey_last_forced_at=state.forced_at,
        ),
        policy,
        now,
    )
