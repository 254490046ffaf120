"""Check credentials in four steps: reach, authenticate, list surveys, export."""

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
    """Yield each step before running it. An error that is raised fails the current step.

    The token is sent only to a host that has already responded as the Qualtrics API does.
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
    plural = "" if len(surveys) == 1 else "s"
    yield CheckNote(detail=f"{len(surveys)} survey{plural} on the first page of the list.")
    yield EXPORT
    yield CheckNote(detail=_try_exports(api, surveys))


def _describe(account: Any) -> str:  # noqa: ANN401  # JSON.
    """Return the account's ids. Its name and e-mail address are personal data."""
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
    """Return the first page of the list only, since an account may have thousands of surveys.

    Raises:
        NoSurveys: if the list is empty.
    """
    surveys = [survey for survey in map(read_survey, next(api.survey_pages(), ())) if survey]
    if not surveys:
        raise NoSurveys(
            "The token is valid, but its user cannot see any survey.",
            remedy="In Qualtrics, share a survey with the token's user (Collaborate) and allow it "
            "to view results. Surveys shared through a group are not listed, but can be used by "
            "their ID.",
        )
    return surveys


def _try_exports(api: QualtricsApi, surveys: list[Survey]) -> str:
    """Start an export of one response without answers from one of the first surveys.

    Qualtrics checks the permission to view results at the start, so the check does not wait for the
    export or download it.

    Raises:
        RemoteError: the error for the first survey, if no export could be started.
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
            return f"Started a test export of “{survey.name}”."
    raise refusals[0]
