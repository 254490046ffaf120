"""Export responses in pages of ids, and check that none is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from smaply_metrics_core import ExportFailed, SourceContext
from smaply_metrics_limesurvey.client import JsonObject, ResponseSource, Summary
from smaply_metrics_limesurvey.survey.columns import ID, SUBMITTED, Column, as_int

MOST_IDS: Final = 5_000
FEWEST_IDS: Final = 500
_CELLS: Final = 250_000
"""The size of a page in cells: its time grows faster than its number of responses."""


def ids_per_page(columns: int) -> int:
    """Return how many ids to request at once, for a number of columns."""
    return max(FEWEST_IDS, min(MOST_IDS, _CELLS // max(columns, 1)))


def export_pages(
    api: ResponseSource,
    context: SourceContext,
    survey_id: str,
    columns: Sequence[Column],
    page: int,
) -> Iterator[list[JsonObject]]:
    """Yield the responses of a survey, complete and incomplete, in pages.

    The number is compared with the one that LimeSurvey states before and after: responses that are
    given or deleted in between are allowed for, and nothing else.

    Args:
        api: The server, or a debug bundle.
        context: Receives the progress.
        survey_id: The survey.
        columns: The columns, including ``id`` and ``submitdate``.
        page: How many ids to request at once.

    Raises:
        ResultsUnavailable: if the user may not export them, or the survey is not active.
        ExportFailed: if responses are missing or damaged.
    """
    before = api.summary(survey_id)
    names = [one.name for one in columns]
    headings = {one.heading for one in columns}
    all_, complete, first = 0, 0, 1
    while all_ < before.all:
        context.progress(all_, before.all, "Downloading the responses")
        last = first + page - 1
        rows = api.export(survey_id, names, first, last)
        _check(rows, headings, first, last)
        all_ += len(rows)
        complete += sum(1 for one in rows if one[SUBMITTED])
        if rows:
            yield rows
            first = last + 1
            continue
        # A gap, since deleted ids are not used again; or the rest was deleted in the meantime.
        following = api.export(survey_id, [ID], first, None)
        if not following:
            break
        first = min(as_int(one.get(ID)) for one in following)
        if first <= last:
            raise _damaged()
    after = api.summary(survey_id)
    _check_complete(Summary(all_, complete), before, after)


def _check(rows: Sequence[JsonObject], headings: set[str], first: int, last: int) -> None:
    previous = first - 1
    for one in rows:
        number = as_int(one.get(ID))
        if not previous < number <= last or not headings <= {*one}:
            raise _damaged()
        previous = number


def _check_complete(found: Summary, before: Summary, after: Summary) -> None:
    pairs = zip(found, before, after, strict=True)
    if not all(min(one, other) <= count <= max(one, other) for count, one, other in pairs):
        raise ExportFailed(
            f"LimeSurvey sent {found.all} of {before.all} responses, {found.complete} of "
            f"{before.complete} complete.",
            remedy="Try again; if it happens again, the operator of LimeSurvey checks its log.",
        )


def _damaged() -> ExportFailed:
    return ExportFailed("LimeSurvey sent other responses or columns than were requested.")
