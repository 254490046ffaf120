"""The hooks that a source implements: seven required ones and three optional ones.

A source is a module or an object with functions marked with ``hookimpl``. An entry point of the
group ``smaply_metrics.sources`` refers to it; the entry point's name is the source's id.
Implementations may omit arguments that they do not use. Hooks are called on worker threads, also
concurrently: they must not keep state between calls, and wait only with ``context.pause``.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smaply_metrics_core.bundle.reader import BundleReader
from smaply_metrics_core.bundle.writer import BundleWriter
from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.hook_markers import hookspec
from smaply_metrics_core.models.check import CheckNote, CheckStep
from smaply_metrics_core.models.columns import ColumnEdit, ColumnSheet
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally

OPTIONAL: Final = frozenset({"edit_columns", "propose_value", "recompute_metric"})
"""The optional hooks."""


@hookspec(firstresult=True)
def describe_source() -> SourceDescription:  # type: ignore[empty-body]
    """Return the description of this source. Called without credentials; must not do I/O."""


@hookspec(firstresult=True)
def destinations(credentials: Credentials) -> Sequence[Destination]:  # type: ignore[empty-body]
    """Return the hosts, addresses and folders that these credentials point to. Must not do I/O.

    The core rejects destinations that the operator does not allow before any other hook receives
    the credentials. The HTTP client connects to nothing else.
    """


@hookspec(firstresult=True)
def validate_credentials(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext
) -> Iterator[CheckStep | CheckNote]:
    """Check the credentials, step by step.

    Yield each declared ``CheckStep`` when it begins; it ends when the next one is yielded. Yield a
    ``CheckNote`` to add a detail or a warning to the running step. Raise an error to fail the
    running step and skip the remaining ones.
    """


@hookspec(firstresult=True)
def list_surveys(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext
) -> Iterator[Survey]:
    """Yield every survey that is visible with the credentials, each once."""


@hookspec(firstresult=True)
def list_questions(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext, survey_id: str
) -> Questionnaire:
    """Return a survey with its questions and fields.

    Raise ``SurveyUnavailable`` if it was deleted or is not shared.
    """


@hookspec(firstresult=True)
def fetch_metric(  # type: ignore[empty-body]
    credentials: Credentials,
    context: SourceContext,
    survey_id: str,
    queries: Sequence[MetricQuery],
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries of a survey from one download of its responses.

    Yield ``(query.id, Tally)``, or ``(query.id, error)`` if a single query cannot be answered.
    Raise errors that concern the whole survey. Never yield a tally of incomplete data.
    """


@hookspec(firstresult=True)
def debug_export(
    credentials: Credentials, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    """Write the survey's raw responses and its definition to the bundle, for support.

    Write personal columns only if ``bundle.include_personal`` is true.
    """


@hookspec(firstresult=True)
def recompute_metric(  # type: ignore[empty-body]
    context: SourceContext, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer queries as ``fetch_metric`` does, from the files that ``debug_export`` wrote.

    Optional; used by ``smaply-metrics bundle check``. There are no credentials, and
    ``context.http`` allows no hosts. Exclude responses recorded after ``context.now()``;
    ``context.pause`` returns immediately.
    """


@hookspec(firstresult=True)
def propose_value(credentials: Credentials, context: SourceContext, field: str) -> str:  # type: ignore[empty-body]
    """Return a value for a field of the credentials form, which an Admin can edit before saving.

    Optional; called for fields with ``FormField(proposable=True)``. The credentials have the other
    values of the form, and the default of this field. The value must be one that the form accepts;
    empty if there is nothing to propose. Nothing is stored.
    """


@hookspec(firstresult=True)
def edit_columns(  # type: ignore[empty-body]
    credentials: Credentials,
    context: SourceContext,
    field: str,
    table: str,
    edits: Sequence[ColumnEdit],
) -> ColumnSheet:
    """Return a table with the roles of its columns, for a form, and the text that states them.

    Optional; called for fields with ``FormField(columns=True)``. The credentials have the text that
    the form has. ``table`` is the chosen table, empty for the first. ``edits`` are what a person
    chose for its columns: return the text with them as ``ColumnSheet.value``. Columns without
    an edit, and all that the form does not show, stay as they are in the text. Raise ``InputError``
    for edits that cannot be written. Nothing is stored.
    """
