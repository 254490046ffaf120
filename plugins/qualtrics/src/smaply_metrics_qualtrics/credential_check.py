"""Trying credentials, step by step: reach, authenticate, list surveys, export."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from smaply_metrics_core import (
    Blame,
    CheckNote,
    CheckStep,
    ExportFailed,
    FieldProblem,
    NoSurveys,
    Problem,
    RemoteError,
    ResultsUnavailable,
    Survey,
    SurveyUnavailable,
)
from smaply_metrics_qualtrics.api.client import QualtricsApi
from smaply_metrics_qualtrics.api.errors import wrong_host
from smaply_metrics_qualtrics.api.exports import ExportRequest
from smaply_metrics_qualtrics.check_steps import AUTHENTICATE, EXPORT, LIST_SURVEYS, REACH
from smaply_metrics_qualtrics.survey.definition import read_definition, read_survey

_MOST_TRIED: Final = 3
_SHOWN: Final = {"brandId": "brand", "userId": "user", "datacenter": "data centre"}


def check(api: QualtricsApi) -> Iterator[CheckStep | CheckNote]:
    """Go through the steps; raise to fail the one that runs.

    The token is shown only to a host that has answered as Qualtrics' API does without it.
    """
    yield REACH
    api.reach()
    yield AUTHENTICATE
    account = api.whoami()
    yield CheckNote(detail=_describe(account))
    if api.use_host:
        yield CheckNote(problem=_wrong_host(api))
    yield LIST_SURVEYS
    surveys = _first_surveys(api)
    yield CheckNote(detail=f"Surveys on the first page of the list: {len(surveys)}.")
    yield EXPORT
    yield CheckNote(detail=_try_exports(api, surveys))


def _describe(account: Any) -> str:  # noqa: ANN401  # JSON.
    """Name the account by ids: its name and e-mail address are nobody's business here."""
    parts = (
        f"{label} {account[name]}"
        for name, label in _SHOWN.items()
        if isinstance(account.get(name), str)
    )
    return ", ".join(parts)


def _wrong_host(api: QualtricsApi) -> Problem:
    suggestion = FieldProblem(
        name="base_url", message=f"Use {api.use_host}.", suggestion=api.use_host
    )
    problem = wrong_host(api.host, api.use_host).to_problem()
    return problem.model_copy(update={"blame": Blame.CONFIGURATION, "fields": (suggestion,)})


def _first_surveys(api: QualtricsApi) -> list[Survey]:
    """Read the first page alone: some accounts see thousands of surveys.

    Raises:
        NoSurveys: when there is none.
    """
    surveys = [survey for survey in map(read_survey, next(api.survey_pages(), ())) if survey]
    if not surveys:
        raise NoSurveys(
            "The token is accepted, but its user can see no survey.",
            remedy="In Qualtrics, share a survey with the token's user (Collaborate), with the "
            "permissions to view results. A survey that is shared through a group is not in this "
            "list, yet can be used by its id.",
        )
    return surveys


def _try_exports(api: QualtricsApi, surveys: list[Survey]) -> str:
    """Start an export of one response, of no answers, from the first survey that lets us.

    Qualtrics refuses at the start those who may not view results, so nothing is waited for and
    nothing downloaded.

    Raises:
        ResultsUnavailable: when none of the first surveys lets us, and the like.
    """
    request = ExportRequest(metadata=("status", "recordedDate"), limit=1).body()
    refusals: list[RemoteError] = []
    for survey in surveys[:_MOST_TRIED]:
        try:
            read_definition(api.definition(survey.id), survey.id)
            api.start_export(survey.id, request)
        except (ResultsUnavailable, SurveyUnavailable, ExportFailed) as error:
            refusals.append(error)
        else:
            return f"An export of “{survey.name}” could be started."
    raise refusals[0]
