"""The surveys of a connection that an Admin chooses for metrics."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated, Final

from fastapi import APIRouter, Depends, Query, Request
from starlette.datastructures import FormData
from starlette.responses import RedirectResponse, Response

from smaply_metrics_core.host import (
    ConnectionView,
    EditConflict,
    InputError,
    MetricsError,
    Problem,
    SurveyChoice,
    SurveyOption,
)
from smaply_metrics_host.app_state import AppState, CurrentAppState
from smaply_metrics_host.dependencies import Admin, FormLimits, checked_form
from smaply_metrics_host.error_handlers import status_of
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.connection_saving import address
from smaply_metrics_host.routes.connections import required
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.web.forms import whole

router = APIRouter(prefix="/settings/integrations/{source}/surveys", include_in_schema=False)

SHOWN: Final = 5_000
"""The number of surveys in the list; search finds the others."""
PATIENCE_SECONDS: Final = 2.0
"""How long a browser waits for the list before it gets the page of a job."""
LONGEST_SEARCH: Final = 300

SurveysForm = Annotated[
    FormData, Depends(checked_form(FormLimits(fields=2 * SHOWN, characters=2_000_000)))
]
"""A form with a field for each chosen survey."""


@dataclass(frozen=True)
class Row:
    """A survey in the list; one that is not ``shown`` keeps its tick in a hidden checkbox."""

    survey: SurveyOption
    ticked: bool
    shown: bool


@dataclass(frozen=True)
class Draft:
    """The choice in the form.

    Attributes:
        restricted: Whether only chosen surveys may be used.
        ticked: The ids of the selected surveys.
        search: The text in the search field.
        stopped: The surveys whose metrics would stop; the person has to confirm it.
        problem: Why the choice was not saved.
    """

    restricted: bool
    ticked: Collection[str]
    search: str = ""
    stopped: tuple[SurveyOption, ...] = ()
    problem: Problem | None = None

    def rows(self, surveys: Collection[SurveyOption]) -> list[Row]:
        """Return the surveys of the list, of which the search shows some."""
        sought = self.search.strip()
        text = sought.casefold()
        rows: list[Row] = []
        for one in surveys:
            matches = text in one.name.casefold() or sought == one.id
            row = Row(one, one.id in self.ticked, matches)
            if row.ticked or (row.shown and len(rows) < SHOWN):
                rows.append(row)
        return rows


@router.get("")
async def show(
    request: Request,
    app_state: CurrentAppState,
    person: Admin,
    source: str,
    waited: Annotated[bool, Query()] = False,  # noqa: FBT002  # A query parameter.
) -> Response:
    """Show the choice; if the survey tool is slow, after a job that lists the surveys."""
    view = await required(app_state, person, source)
    listing = asyncio.ensure_future(app_state.metrics.chosen_surveys.show(person.actor, view.id))
    done, _ = await asyncio.wait({listing}, timeout=None if waited else PATIENCE_SECONDS)
    if done:
        choice = listing.result()
        return _page(request, app_state, view, choice, _stored(choice))

    async def work(_job: Job) -> JobResult:
        await asyncio.shield(listing)
        return JobResult(f"{address(view.id)}/surveys?waited=true")

    title = f"Listing the surveys of {view.label}"
    return started(
        request, app_state.jobs.start(person, title, work, source=view.title, back=address(view.id))
    )


@router.post("")
async def choose(
    request: Request, app_state: CurrentAppState, person: Admin, given: SurveysForm, source: str
) -> Response:
    """Save the choice, search the list, or reload it."""
    view = await required(app_state, person, source)
    chosen = app_state.metrics.chosen_surveys
    choice = await chosen.show(person.actor, view.id, reload="reload" in given)
    draft = Draft(
        restricted=given.get("which") != "all",
        ticked=frozenset(one for one in given.getlist("survey") if isinstance(one, str)),
        search=_text(given, "search")[:LONGEST_SEARCH],
    )
    if "save" not in given:
        return _page(request, app_state, view, choice, draft)
    wanted = draft.ticked if draft.restricted else None
    version = whole(_text(given, "version"))
    try:
        if not version:
            raise InputError("The form has no version.", remedy="Open the form again.")
        stopped = choice.stopped_by(wanted)
        if wanted and stopped and given["save"] != "confirmed":
            draft = Draft(draft.restricted, draft.ticked, draft.search, stopped)
            return _page(request, app_state, view, choice, draft)
        await chosen.edit(person.actor, view.id, wanted, version=version)
    except MetricsError as error:
        problem = error.to_problem()
        if isinstance(error, EditConflict):
            choice = await chosen.show(person.actor, view.id)
            return _page(request, app_state, view, choice, _stored(choice, problem), 409)
        draft = Draft(draft.restricted, draft.ticked, draft.search, problem=problem)
        return _page(request, app_state, view, choice, draft, status_of(error))
    return RedirectResponse(address(view.id), 303)


def _text(given: FormData, name: str) -> str:
    value = given.get(name, "")
    return value if isinstance(value, str) else ""


def _stored(choice: SurveyChoice, problem: Problem | None = None) -> Draft:
    """Return the stored choice; for an unrestricted connection, the surveys in use are selected."""
    ticked = (
        one.id for one in choice.surveys if (one.chosen if choice.restricted else one.metrics)
    )
    return Draft(choice.restricted, frozenset(ticked), problem=problem)


def _page(  # noqa: PLR0913, PLR0917  # The choice and the person's view of it.
    request: Request,
    app_state: AppState,
    view: ConnectionView,
    choice: SurveyChoice,
    draft: Draft,
    status: int = 200,
) -> Response:
    rows = draft.rows(choice.surveys)
    return app_state.templates.page(
        request,
        "connection_surveys.html",
        status=status,
        view=view,
        choice=choice,
        draft=draft,
        rows=rows,
        shown=sum(row.shown for row in rows),
        complete=len(rows) == len(choice.surveys),
    )
