"""Calculates the outcome of each metric of a refresh from the source's tallies."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

from smaply_metrics_core.account_settings import AccountSettings
from smaply_metrics_core.calculations.results import calculate
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.host.filtered_counts import FilteredCounts
from smaply_metrics_core.host.store.question_versions import SurveyQuestions
from smaply_metrics_core.models.result import Result
from smaply_metrics_core.models.tally import Tally

Outcome: TypeAlias = tuple[Result, Tally] | MetricsError


def calculate_outcomes(
    filtered: FilteredCounts,
    tallies: Mapping[str, Tally | MetricsError],
    account: AccountSettings,
    questions: SurveyQuestions,
    now: datetime,
) -> dict[str, Outcome]:
    """Return the result and tally, or the error, of each query by its id.

    Args:
        filtered: The queries, of one survey, and what counts the answers that filters remove.
        tallies: The source's answers, by query id.
        account: The settings of the account.
        questions: The versions of the survey's questions; those of the tallies are added.
        now: The current time (aware).
    """
    outcomes: dict[str, Outcome] = {}
    for query in filtered.queries:
        tally = tallies[query.id]
        if isinstance(tally, MetricsError):
            outcomes[query.id] = tally
            continue
        question_id = query.definition.question_id
        questions.note(question_id, tally)
        changes = questions.changes(question_id, account.zone)
        try:
            result = calculate(
                query, tally, now, confidence=account.confidence, question_changes=changes
            )
            result = filtered.add(result, query, tallies)
        except MetricsError as error:
            outcomes[query.id] = error
        else:
            outcomes[query.id] = (result, tally)
    return outcomes
