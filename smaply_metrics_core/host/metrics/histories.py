"""The past values of metrics, as an account may show them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from smaply_metrics_core.host.store import history, question_versions
from smaply_metrics_core.host.store import metrics as rows
from smaply_metrics_core.host.store.accounts import read_account
from smaply_metrics_core.host.store.history import HistoryEntry

if TYPE_CHECKING:
    from sqlalchemy import Connection


def read_histories(
    db: Connection,
    account: str,
    metric_ids: Sequence[str],
    *,
    since: datetime | None,
    last: int | None,
) -> dict[str, tuple[HistoryEntry, ...]]:
    """Return the past values of each metric, oldest first, in four statements.

    Raises:
        NotFound: when the account does not have one of the metrics.
        InputError: when ``last`` is below 1.
    """
    settings = read_account(db, account)
    found = rows.read_with_fingerprints(db, account, metric_ids, settings)
    fingerprints = {metric_id: fingerprint for metric_id, (_, fingerprint) in found.items()}
    past = history.of_metrics(db, account, fingerprints, since, last)
    metrics = {metric_id: metric for metric_id, (metric, _) in found.items()}
    versions = question_versions.read_many(
        db,
        account,
        [
            (one.connection_id, one.definition.survey_id, one.definition.question_id or "")
            for one in metrics.values()
        ],
    )
    shown = {}
    for metric_id, metric in metrics.items():
        definition = metric.definition
        questions = versions[metric.connection_id, definition.survey_id]
        entries = [one.shown(definition, settings.minimum_group) for one in past[metric_id]]
        changes = questions.changes(definition.question_id, settings.zone)
        shown[metric_id] = tuple(history.with_changes(entries, changes))
    return shown
