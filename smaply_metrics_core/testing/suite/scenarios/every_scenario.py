"""All scenarios of a contract class, for the tests of all results or cassettes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from unittest import SkipTest

from smaply_metrics_core.testing.suite.bundles import bundle_files
from smaply_metrics_core.testing.suite.lab import Lab
from smaply_metrics_core.testing.suite.scenario_result import ScenarioResult
from smaply_metrics_core.testing.suite.scenarios.batch import batch
from smaply_metrics_core.testing.suite.scenarios.combined_queries import combined_queries
from smaply_metrics_core.testing.suite.scenarios.date_ranges import date_ranges
from smaply_metrics_core.testing.suite.scenarios.empty_surveys import empty_surveys
from smaply_metrics_core.testing.suite.scenarios.query_partitions import query_partitions
from smaply_metrics_core.testing.suite.scenarios.query_parts import query_parts
from smaply_metrics_core.testing.suite.scenarios.unknown_survey import unknown_survey


def every_scenario(lab: Lab) -> Iterator[tuple[str, ScenarioResult]]:
    """Run every scenario that has not run yet, and yield each result."""
    runs: list[Callable[[], object]] = [
        lab.check,
        lab.check_wrong_credentials,
        lab.surveys,
        lab.questionnaire,
        partial(unknown_survey, lab),
        lab.calculations,
        lab.groups,
        partial(date_ranges, lab),
        partial(query_parts, lab),
        partial(combined_queries, lab),
        partial(query_partitions, lab),
        partial(batch, lab),
        partial(bundle_files, lab, personal=False),
    ]
    if lab.facts.empty_survey_ids:
        runs.append(partial(empty_surveys, lab))
    if lab.facts.personal:
        runs.append(partial(bundle_files, lab, personal=True))
    seen = set[str]()
    for run in runs:
        with suppress(SkipTest):  # As without responses.
            run()  # May run other scenarios first.
        new = [name for name in lab.results if name not in seen]
        seen.update(new)
        yield from ((name, lab.results[name]) for name in new)
