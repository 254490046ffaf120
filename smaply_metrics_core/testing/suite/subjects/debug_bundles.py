"""Contract tests: what a source counts again from its own debug bundle."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final
from unittest import SkipTest

from smaply_metrics_core.bundle.contents import MANIFEST, Manifest
from smaply_metrics_core.bundle.reader import open_bundle
from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.query import MetricQuery
from smaply_metrics_core.models.tally import Tally
from smaply_metrics_core.testing.assertions import expect, unexpected, unknown_instant
from smaply_metrics_core.testing.clock import ManualClock
from smaply_metrics_core.testing.suite.lab import SECONDS
from smaply_metrics_core.testing.suite.queries import SECOND, ZONE, ask
from smaply_metrics_core.testing.suite.subjects.secret_leaks import SecretLeakTests
from smaply_metrics_core.testing.suite.subjects.tallies import Answers

FROM_BUNDLE: Final = (
    "let `recompute_metric` read what `debug_export` has written, and count it as `fetch_metric` "
    "does"
)


class DebugBundleTests(SecretLeakTests):
    """The optional hook ``recompute_metric``."""

    def _offers_it(self) -> None:
        if "recompute_metric" not in self.loaded().hooks:
            raise SkipTest("this source does not calculate from a bundle: the hook is optional")

    def _again(self, as_of: datetime, *queries: MetricQuery) -> Answers:
        """Answer queries from the source's own bundle, as of an instant."""
        clock = ManualClock(as_of)
        manifest = Manifest(
            source=self.loaded().id,
            survey_id=self.survey_id,
            zone=ZONE,
            week_start=1,
            include_personal=False,
            made_at=self.now,
        )
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / "bundle.zip"
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                archive.writestr(MANIFEST, manifest.model_dump_json())
                for name, content in self._bundle(personal=False).items():
                    archive.writestr(name, content)
            try:
                with (
                    open_bundle(path, Path(place)) as reader,
                    self.loaded(clock=clock).offline(
                        deadline=Deadline.after(SECONDS, clock)
                    ) as session,
                ):
                    return session.recompute(self.survey_id, queries, reader)
            except MetricsError as error:
                raise unexpected(error, "Calculating from the bundle") from None

    def test_a_bundle_gives_the_same_numbers(self) -> None:
        """What is counted again from the debug bundle is what was counted from the survey tool."""
        self._offers_it()
        asked, answers = self._calculations()
        again = self._again(self.now, *(query for _, query in asked))
        for _, query in asked:
            expect(
                _comparable(again[query.id]) == _comparable(answers[query.id]),
                f"{query.id}: from the bundle it is {_shown(again[query.id])}, from the survey "
                f"tool {_shown(answers[query.id])}.",
                FROM_BUNDLE,
            )

    def test_a_bundle_is_counted_as_of_its_instant(self) -> None:
        """Counting again as of a past instant leaves out what was recorded after it."""
        self._offers_it()
        at = self.recorded_at
        if at is None:
            raise unknown_instant()
        query = ask("responses", self.survey_id)
        now, before = (
            self._again(instant, query)[query.id] for instant in (at + SECOND, at - SECOND)
        )
        counted = [
            one.window("current").total.responses if isinstance(one, Tally) else -1
            for one in (now, before)
        ]
        expect(
            counted[0] > counted[1] >= 0,
            f"As of a second after {at} there are {counted[0]} responses, and as of a second "
            f"before it {counted[1]}.",
            "leave out responses that were recorded after `context.now()`",
        )


def _comparable(answer: Tally | MetricsError) -> object:
    """Give what has to be the same; why somebody did not answer may be lost in raw data."""
    if isinstance(answer, MetricsError):
        return answer.kind
    window = answer.window("current")
    total = window.total
    return total.responses, total.answered, _some(total.answers), _some(window.excluded)


def _some(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: number for name, number in counts.items() if number}


def _shown(answer: Tally | MetricsError) -> str:
    if isinstance(answer, MetricsError):
        return f"{answer.kind}: {answer.message}"
    total = answer.window("current").total
    return f"{total.answered} answers of {total.responses} responses"
