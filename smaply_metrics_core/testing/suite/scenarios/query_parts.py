"""The scenario in which queries have one part: a filter, an inclusion, a zone, a week start."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Final, NamedTuple

from smaply_metrics_core.date_ranges import midnight, zone_info
from smaply_metrics_core.models.query import (
    Calculation,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricQuery,
    Period,
    Window,
)
from smaply_metrics_core.models.tally import Tally, WindowTally
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.queries import (
    BY_WEEK,
    DAY,
    FAR_ZONES,
    WEEK_STARTS,
    build_query,
    every_group_by,
)
from smaply_metrics_core.testing.suite.tally_invariants import query_tally

SUMMER_ZONES: Final = (
    "America/Anchorage",
    "America/Los_Angeles",
    "America/Denver",
    "America/Chicago",
    "America/New_York",
    "America/Halifax",
    "Atlantic/Azores",
    "Europe/London",
    "Europe/Vienna",
    "Europe/Athens",
    "Australia/Adelaide",
    "Australia/Sydney",
    "Pacific/Auckland",
    "Pacific/Chatham",
)
"""Time zones with daylight saving time; at most hours, one of them is close to midnight."""


class FilterQuery(NamedTuple):
    """A query with one filter.

    Attributes:
        group: The numbers of responses and answered responses in the groups of the filter.
        whole: The counts without the filter.
        query: The query.
    """

    group: Mapping[str, int]
    whole: WindowTally
    query: MetricQuery


def query_parts(lab: Lab) -> Mapping[str, Tally]:
    """Return the tally of each query, by its id."""
    survey_id = lab.facts.survey_id
    queries = [
        *(query for _, _, query in filter_queries(lab)),
        *(query for _, query in share_filter_queries(lab)),
        *(
            build_query(f"with {reason}", survey_id, include=[reason])
            for reason in sorted(ExclusionReason)
        ),
        build_query("with everything", survey_id, include=ExclusionReason),
        *_day_queries(lab),
        *(
            build_query(f"weeks from {start}", survey_id, group_by=BY_WEEK, week_start=start)
            for start in WEEK_STARTS
        ),
    ]
    answers = lab.fetch("parts", *queries)
    return {query.id: query_tally(answers, query) for query in queries}


def filter_queries(lab: Lab) -> Iterator[FilterQuery]:
    """Yield queries that keep or exclude one or two groups of each group-by except periods."""
    answers, question = lab.groups()
    whole = answers["whole"]
    if not isinstance(whole, Tally):
        return
    for group_by, several in every_group_by(lab.questionnaire()):
        tally = answers[str(group_by)]
        if group_by.kind == "period" or not isinstance(tally, Tally):
            continue
        groups = [one for one in tally.window("current").groups if one.counts.responses]
        if not groups:
            continue
        # The counts of two groups cannot be added if a response may be in both.
        for number in (1, 2) if groups[1:] and not several else (1,):
            kept_groups = groups[:number]
            keys = tuple(group.key for group in kept_groups)
            for exclude in (False, True):
                word = "without" if exclude else "only"
                yield FilterQuery(
                    {
                        name: sum(getattr(group.counts, name) for group in kept_groups)
                        for name in ("responses", "answered")
                    },
                    whole.window("current"),
                    build_query(
                        f"{word} {group_by}={'|'.join(keys)}",
                        lab.facts.survey_id,
                        calculation=Calculation.ANSWERED,
                        question=question,
                        filters=[
                            Filter(
                                kind="question" if group_by.kind == "question" else "field",
                                of=group_by.of,
                                values=keys,
                                exclude=exclude,
                            )
                        ],
                    ),
                )


def share_filter_queries(lab: Lab) -> Iterator[tuple[int, MetricQuery]]:
    """Yield queries that filter by the answers of a share, with the count of the share.

    These are only for questions that allow several answers.
    """
    queries, answers = lab.calculations()
    for question, query in queries:
        tally = answers[query.id]
        keys = query.definition.answers
        plain = all(choice.analyze for choice in question.choices)
        if not keys or not plain or not isinstance(tally, Tally) or not tally.multiple:
            continue
        kept = Filter(kind="question", of=question.id, values=keys)
        chosen = tally.window("current").total.chosen
        yield (
            chosen or 0,
            build_query(f"responses in {query.id}", lab.facts.survey_id, filters=[kept]),
        )


def _day_queries(lab: Lab) -> Iterator[MetricQuery]:
    """Yield queries by day around ``recorded_at`` in each of the zones."""
    at = lab.facts.recorded_at
    if at is None:
        return
    for zone in day_zones(at):
        for name, window in _day_windows(at, zone).items():
            yield build_query(
                f"{name} in {zone}",
                lab.facts.survey_id,
                group_by=GroupBy(kind="period", of=Period.DAY),
                windows=(window,),
                zone=zone,
            )


def _day_windows(at: datetime, zone: str) -> Mapping[str, Window]:
    info = zone_info(zone)
    day = at.astimezone(info).date()
    next_day = day + timedelta(days=1)
    return {
        "the day": Window(start=midnight(day, info), end=midnight(next_day, info)),
        "the days": Window(
            start=midnight(day, info) - 2 * DAY, end=midnight(next_day, info) + 2 * DAY
        ),
    }


def day_zones(at: datetime) -> tuple[str, ...]:
    """Return two distant time zones, and those where daylight saving time changes the date."""

    def days(zone: str) -> set[date]:
        offsets = (at.replace(month=n, day=1).astimezone(zone_info(zone)) for n in (1, 7))
        return {(at.astimezone(UTC) + (one.utcoffset() or timedelta())).date() for one in offsets}

    return (*FAR_ZONES, *(zone for zone in SUMMER_ZONES if len(days(zone)) > 1))
