"""Refuses surveys that an Admin has not chosen for metrics."""

from __future__ import annotations

from smaply_metrics_core.errors import SurveyNotChosen
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import chosen_surveys
from smaply_metrics_core.host.store.connections import ConnectionRow


def require_chosen(runtime: Runtime, row: ConnectionRow, survey_id: str) -> None:
    """Raise if metrics may not use a survey of a connection; the stored choice is read.

    Raises:
        SurveyNotChosen: when an Admin restricted the connection to other surveys.
    """
    with runtime.store.reading() as db:
        if chosen_surveys.is_chosen(db, row, survey_id):
            return
    raise SurveyNotChosen(
        "This survey cannot be used, because an Admin restricted the connection to chosen surveys "
        "and it is not one of them.",
        summary="An Admin restricted the connection to other surveys.",
    )
