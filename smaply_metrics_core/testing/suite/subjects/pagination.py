"""Contract tests of lists and downloads in several requests."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Final
from unittest import SkipTest
from urllib.parse import parse_qsl

from smaply_metrics_core.testing.assertions import expect, warn
from smaply_metrics_core.testing.faults.replay import (
    Disturbance,
    RecordedRequest,
    RecordedResponse,
    Replay,
)
from smaply_metrics_core.testing.suite.fault_injection import (
    Scenario,
    changed_answers,
    http_scenarios,
    reports_missing_data,
)
from smaply_metrics_core.testing.suite.subject import ContractSubject

LONG: Final = 3
"""A download with this number of requests has to report its progress."""

_PAGING: Final = re.compile(
    r"(next|prev(ious)?)(page|url|link|cursor|token)?|(page|end|start)?cursor|page(token|size|no|num"
    r"(ber)?|index)?|perpage|offset|skip|has(more|next(page)?)|total(pages|count|results)?|limit",
    re.IGNORECASE,
)
"""Names of parameters and fields with which survey tools divide lists into pages."""


class PaginationTests(ContractSubject):
    """Lists end, downloads report their progress, and paging is tested at all."""

    def test_a_pagination_loop_ends_in_an_error(self) -> None:
        """A list in which any page leads back to any earlier one ends in an error."""
        lists = [
            (scenario, pages)
            for scenario in http_scenarios(self.lab)
            for pages in page_runs(scenario)
        ]
        if not lists:
            raise SkipTest("no list has several pages")
        for listed, pages in lists:
            some = tuple(dict.fromkeys((*pages[:2], *pages[-2:])))
            for earlier, later in combinations(some, 2):
                request, _ = listed.exchanges[later - 1]
                _, previous = listed.exchanges[earlier - 1]
                replay = Replay(
                    listed.exchanges,
                    _answer_with(previous),
                    only=lambda one, key=request.key: one.key == key,  # type: ignore[misc]
                )
                result = self.lab.replay(listed.work, replay)
                where = (
                    f"{listed.name}: page {pages.index(later) + 1} of {len(pages)} leads back like "
                    f"page {pages.index(earlier) + 1}"
                )
                expect(
                    not replay.is_endless,
                    f"{where}, and the source sent {len(replay.requests)} requests in an endless "
                    "loop.",
                    "follow lists with `smaply_metrics_core.http.pages`, which detects loops",
                )
                expect(
                    reports_missing_data(result.value, listed.result.value)
                    or all(changed_answers(result, listed.result)),
                    f"{where}, and the source returns the list as complete.",
                    "raise SourceUnavailable for a loop; `http.pages` does this",
                )

    def test_a_long_download_reports_its_progress(self) -> None:
        """A metric whose download takes several requests reports its progress."""
        scenario = next(one for one in http_scenarios(self.lab) if one.name == "calculations")
        requests = len(scenario.positions_of_data())
        if requests < LONG:
            raise SkipTest("metrics are downloaded in fewer than three requests")
        expect(
            scenario.result.progress,
            f"fetch_metric sends {requests} requests and never reports its progress.",
            "call `context.progress(done, total, what)` after each part of a download: users see "
            "it, and it ends a cancelled call",
        )

    def test_responses_come_in_several_requests(self) -> None:
        """A survey tool with pages is tested with more responses than a page has."""
        scenarios = {one.name: one for one in http_scenarios(self.lab)}
        known = {request.key for request, _ in scenarios["questionnaire"].exchanges}
        calculations = scenarios["calculations"]
        if any(page_runs(calculations)):
            return
        responses = [one for one in calculations.exchanges if one[0].key not in known]
        paging = sorted({name for one in responses for name in _paging_names(*one)})
        if paging:
            warn(
                f"All responses of {self.survey_id} came in one request, although the survey tool "
                f"has pages ({', '.join(paging[:3])}): a source that reads only the first page "
                "passes.",
                "set `survey_id` to a survey with more responses than a page, or make the pages of "
                "the test smaller",
            )


def page_runs(scenario: Scenario) -> Iterator[tuple[int, ...]]:
    """Yield the numbers of the requests for each list of a scenario that has several pages."""
    run: list[int] = []
    for number in (*scenario.positions_of_data(), 0):
        if run and not (number and _is_next_page(scenario, run[-1], number)):
            if len(run) > 1:
                yield tuple(run)
            run = []
        run.append(number)


def _is_next_page(scenario: Scenario, one: int, other: int) -> bool:
    """Whether two requests are for pages of one list, not for two resources or a poll."""
    first, second = (scenario.exchanges[number - 1][0] for number in (one, other))
    if first.key == second.key:
        return False
    return first.operation == second.operation or scenario.name == "surveys"


def _answer_with(page: RecordedResponse) -> Disturbance:
    """Respond to every request with an earlier page."""
    return lambda _, __: page.response()


def _paging_names(request: RecordedRequest, response: RecordedResponse) -> Iterator[str]:
    """Yield the names in a request and a response that only lists with pages have."""
    names: list[str] = [name for name, _ in parse_qsl(request.target.partition("?")[2])]
    for body in (request.body, response.content):
        try:
            names += _names(json.loads(body))
        except ValueError:
            continue
    for name in names:
        if _PAGING.fullmatch(re.sub(r"[^A-Za-z]", "", name)):
            yield name


def _names(value: object) -> Sequence[str]:
    """Return the names of the fields of a JSON object, and of the objects in it."""
    if not isinstance(value, dict):
        return ()
    inner = (one for one in value.values() if isinstance(one, dict))
    return [*value, *(name for one in inner for name in one)]
