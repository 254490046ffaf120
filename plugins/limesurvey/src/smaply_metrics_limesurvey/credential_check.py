"""Check credentials in four steps: reach, authenticate, list surveys, export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from smaply_metrics_core import (
    CheckNote,
    CheckStep,
    NoSurveys,
    SourceContext,
    Survey,
)
from smaply_metrics_limesurvey.check_steps import AUTHENTICATE, EXPORT, LIST_SURVEYS, REACH
from smaply_metrics_limesurvey.client import LimeSurveyClient, may_export
from smaply_metrics_limesurvey.credentials import LimeSurveyCredentials
from smaply_metrics_limesurvey.rpc import refusals
from smaply_metrics_limesurvey.rpc.json_rpc import JsonRpc
from smaply_metrics_limesurvey.rpc.session import LoginSession
from smaply_metrics_limesurvey.survey.loader import read_survey

_MOST_TRIED: Final = 3


def check(
    credentials: LimeSurveyCredentials, context: SourceContext
) -> Iterator[CheckStep | CheckNote]:
    """Yield each step before running it. An error that is raised fails the current step.

    The password is sent only to an address that has already answered as LimeSurvey does.
    """
    yield REACH
    JsonRpc(credentials.place, context.http, context.now).reach()
    yield AUTHENTICATE
    with LoginSession(credentials, context) as session:
        api = LimeSurveyClient(session)
        for note in credentials.notes:
            yield CheckNote(detail=note)
        yield LIST_SURVEYS
        surveys = [read_survey(one) for one in api.surveys()]
        if not surveys:
            raise NoSurveys(
                "The password is valid, but the user cannot see any survey.",
                remedy="In LimeSurvey, give the user the permissions “Survey: view” and "
                "“Responses: export” in a survey.",
            )
        plural = "" if len(surveys) == 1 else "s"
        yield CheckNote(detail=f"{len(surveys)} survey{plural}.")
        yield EXPORT
        yield CheckNote(detail=_try_exports(api, surveys))


def _try_exports(api: LimeSurveyClient, surveys: list[Survey]) -> str:
    """Export one id of one of the first active surveys.

    Raises:
        ResultsUnavailable: if no export is allowed.
    """
    active = [one for one in surveys if one.is_active][:_MOST_TRIED]
    if not active:
        return "No survey is active, so no export was tried."
    for one in active:
        if may_export(api, one.id):
            return f"Exported “{one.name}”."
    raise refusals.results_not_shared()
