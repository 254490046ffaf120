"""The contract that a source implements: seven hooks, and one that it may leave out.

A source is a module or an object whose functions are marked with ``hookimpl`` and that an entry
point of the group ``smaply_metrics.sources`` names; the entry point's name is the source's id. An
implementation may leave out arguments that it does not use. Hooks are called on worker threads,
several at a time; they keep no state between calls, and wait only with ``context.pause``.
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
from smaply_metrics_core.models.credentials import Credentials
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.source import Destination, SourceDescription
from smaply_metrics_core.models.survey import Questionnaire, Survey
from smaply_metrics_core.models.tally import Tally

OPTIONAL: Final = frozenset({"recompute_metric"})
"""The hooks that a source may leave out."""


@hookspec(firstresult=True)
def describe_source() -> SourceDescription:  # type: ignore[empty-body]
    """Return what this source is and needs. Called without credentials; does no I/O."""


@hookspec(firstresult=True)
def destinations(credentials: Credentials) -> Sequence[Destination]:  # type: ignore[empty-body]
    """Return where these credentials lead. Does no I/O.

    The core refuses destinations that the operator does not allow, before any other hook sees
    the credentials, and holds the HTTP client to them.
    """


@hookspec(firstresult=True)
def validate_credentials(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext
) -> Iterator[CheckStep | CheckNote]:
    """Check the credentials, step by step.

    Yield each declared ``CheckStep`` when it begins; the core times it until the next one. Yield a
    ``CheckNote`` to add a detail or a warning to the step that runs. Raise to fail the step: the
    rest is then skipped.
    """


@hookspec(firstresult=True)
def list_surveys(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext
) -> Iterator[Survey]:
    """Yield every survey that the credentials can see, page after page, each once."""


@hookspec(firstresult=True)
def list_questions(  # type: ignore[empty-body]
    credentials: Credentials, context: SourceContext, survey_id: str
) -> Questionnaire:
    """Return one survey with its questions and fields.

    Raises ``SurveyUnavailable`` if it is gone or not shared.
    """


@hookspec(firstresult=True)
def fetch_metric(  # type: ignore[empty-body]
    credentials: Credentials,
    context: SourceContext,
    survey_id: str,
    queries: Sequence[MetricQuery],
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer all queries of one survey from one download of its responses.

    Yield ``(query.id, Tally)``, or ``(query.id, error)`` for a query that cannot be answered: its
    siblings still get theirs. Raise for what concerns the whole survey. Never yield partial data
    as a tally.
    """


@hookspec(firstresult=True)
def debug_export(
    credentials: Credentials, context: SourceContext, survey_id: str, bundle: BundleWriter
) -> None:
    """Write the survey's raw responses and its definition into the bundle, for support.

    Personal columns only when ``bundle.include_personal``.
    """


@hookspec(firstresult=True)
def recompute_metric(  # type: ignore[empty-body]
    context: SourceContext, survey_id: str, queries: Sequence[MetricQuery], bundle: BundleReader
) -> Iterator[tuple[str, Tally | MetricsError]]:
    """Answer queries again from what ``debug_export`` wrote, as ``fetch_metric`` answers them.

    Optional: for ``smaply-metrics bundle check``. There are no credentials, and ``context.http``
    reaches nothing. ``context.now()`` is the instant as of which to answer, and a ``pause`` takes
    no time; leave out responses that were recorded later.
    """
