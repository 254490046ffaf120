"""Saves the form of a connection in a job, and stores what the form shows afterwards."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

from fastapi import Request
from pydantic import SecretStr
from starlette.datastructures import FormData
from starlette.responses import Response

from smaply_metrics_core.host import (
    ConnectionView,
    CredentialField,
    InputError,
    MetricsError,
    NotFound,
    Problem,
    SourceForm,
    StepResult,
)
from smaply_metrics_host.app_state import AppState
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.routes.column_edits import (
    ColumnEditor,
    ShownColumns,
    SubmittedColumns,
    Values,
    submitted_columns,
)
from smaply_metrics_host.routes.jobs import started
from smaply_metrics_host.store.people import Person

_TO_THE_FORM: Final = re.compile(r" under `?Edit Configuration`?(?=[.,;:]| and\b)")

NAME: Final = "connection_name"
"""The field of the connection's name, which no source may have as a field of its own."""

Save = Callable[[Values, Job], Awaitable[ConnectionView]]


@dataclass(frozen=True)
class Refused:
    """A configuration that was not saved.

    Attributes:
        ended: The completed steps of the check; empty if it did not start.
        typed: The form values without secrets, which are never sent back.
        title: The title of the banner.
        columns: The columns of a table as they were chosen, if they are why it was not saved.
    """

    problem: Problem
    ended: tuple[StepResult, ...]
    typed: Mapping[str, str]
    title: str
    columns: ShownColumns | None = None


@dataclass(frozen=True)
class Proposed:
    """A form with a value that the source proposes; it is not saved.

    Attributes:
        field: The field.
        value: The value; empty if there is nothing to propose.
        typed: The form values with the proposal, without secrets.
        secrets: The labels of the secrets that were entered, and are never sent back.
    """

    field: CredentialField
    value: str
    typed: Mapping[str, str]
    secrets: tuple[str, ...]


def fit_form(problem: Problem) -> Problem:
    """Return a problem with a remedy for a person who is on the form itself.

    Remedies are written for people on other pages, whom they send to Edit Configuration.
    """
    return problem.model_copy(update={"remedy": _TO_THE_FORM.sub("", problem.remedy)})


def address(source: str) -> str:
    """Return the URL of the page of a connection, or of a source with at most one."""
    return f"/settings/integrations/{source}"


def name_in(given: FormData) -> str:
    """Return the name of the connection in a form, without white space around it."""
    name = given.get(NAME, "")
    return name.strip() if isinstance(name, str) else ""


@dataclass(frozen=True)
class SubmittedForm:
    """The submitted form of a connection; nothing is saved.

    Attributes:
        form: The fields of the source.
        page: The URL of the page with the form, which shows what a job stores.
        connection_id: The connection that is edited; empty for a new one.
        name: The name of the connection.
        values: The values of the source's fields, without blank ones.
        columns: The columns of a table, if the form shows them.
    """

    form: SourceForm
    page: str
    connection_id: str
    name: str
    values: Values
    columns: SubmittedColumns | None

    @classmethod
    def read(
        cls, form: SourceForm, given: FormData, page: str, connection_id: str = ""
    ) -> SubmittedForm:
        """Return a submitted form.

        Raises:
            InputError: when its columns are not complete.
        """
        columns = submitted_columns(form, given)
        return cls(form, page, connection_id, name_in(given), _values(form, given), columns)

    @property
    def typed(self) -> dict[str, str]:
        """What the form shows again: its values without secrets, and the name."""
        typed = {name: value for name, value in self.values.items() if isinstance(value, str)}
        return {**typed, NAME: self.name}

    @property
    def secrets(self) -> tuple[str, ...]:
        """The labels of the secrets that were entered, and are never sent back."""
        return tuple(
            one.label for one in self.form.fields if one.secret and one.name in self.values
        )


def start_saving(
    request: Request, app_state: AppState, person: Person, submitted: SubmittedForm, save: Save
) -> Response:
    """Start a job that checks a configuration and saves it, and show the job.

    Columns in the form are written to the text of their field first.

    Args:
        request: The request of the form.
        app_state: The parts of the host.
        person: The Admin.
        submitted: The form.
        save: Checks and stores the values.
    """
    form = submitted.form
    editor = ColumnEditor(app_state, person, form.id, submitted.connection_id)
    job = app_state.jobs.start(
        person,
        f"Checking {form.title}",
        partial(_save, editor, submitted, save),
        checks=form.steps,
        back=submitted.page,
    )
    return started(request, job)


async def _save(editor: ColumnEditor, submitted: SubmittedForm, save: Save, job: Job) -> JobResult:
    """Save, and store the outcome with the job for the page that shows it."""
    text: dict[str, str] = {}
    columns = submitted.columns
    if columns is not None:
        try:
            text[columns.field.name] = (await editor.write(columns, submitted.values)).value
        except MetricsError as error:
            return await refuse_columns(editor, submitted, job, error, "Not saved")
    try:
        job.memo = view = await save({**submitted.values, **text}, job)
    except MetricsError as error:
        ended = job.view.steps
        title = "Connection Failed" if ended else "Not saved"
        typed = {**submitted.typed, **text}
        refused = Refused(fit_form(error.to_problem()), ended, typed, title)
        return refuse(editor.app_state, submitted, job, refused)
    return JobResult(f"{address(view.id)}?job={job.id}")


def refuse(app_state: AppState, submitted: SubmittedForm, job: Job, refused: Refused) -> JobResult:
    """Store with a job what failed, and return the result for the page that shows it."""
    job.memo = refused
    html = app_state.templates.fragment(
        "connection_refused.html",
        problem=refused.problem,
        title=refused.title,
        ended=refused.ended,
        source=submitted.form.id,
    )
    return JobResult(f"{submitted.page}?job={job.id}", html, refused.problem)


async def refuse_columns(
    editor: ColumnEditor, submitted: SubmittedForm, job: Job, error: MetricsError, title: str
) -> JobResult:
    """Store why columns were not written, with what was chosen for them."""
    columns = submitted.columns
    shown, typed = None, submitted.typed
    if columns is not None and isinstance(error, InputError):
        with suppress(MetricsError):  # The first error is shown.
            sheet = await editor.chosen(columns, submitted.values)
            shown = ShownColumns(columns.field, sheet, is_open=True, typed=typed, secrets=())
    refused = Refused(fit_form(error.to_problem()), (), typed, title, shown)
    return refuse(editor.app_state, submitted, job, refused)


def _values(form: SourceForm, given: FormData) -> Values:
    """Return the submitted values of the source's fields, without blank ones.

    A button with a suggested value submits it as ``use:NAME``.
    """
    values: dict[str, str | SecretStr] = {}
    for field in form.fields:
        value = given.get(f"use:{field.name}") or given.get(field.name)
        if isinstance(value, str) and value.strip():
            values[field.name] = SecretStr(value) if field.secret else value
    return values


def left_by(app_state: AppState, person: Person, job_id: str) -> object:
    """Return the stored outcome of a job; ``None`` if it has expired."""
    if not job_id:
        return None
    try:
        return app_state.jobs.find(person, job_id).memo
    except NotFound:
        return None
