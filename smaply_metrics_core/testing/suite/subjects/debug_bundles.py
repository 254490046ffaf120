"""Contract tests of debug bundles: contents, privacy and recomputation."""

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
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret
from smaply_metrics_core.testing.suite.bundles import (
    BUNDLE,
    Files,
    bundle_files,
    contains_text,
    find_json_rows,
    problem_files,
    timestamp_texts,
)
from smaply_metrics_core.testing.suite.issued_secrets import derived_secrets
from smaply_metrics_core.testing.suite.lab import RESPONSES, SECONDS, Answers, Lab
from smaply_metrics_core.testing.suite.queries import SECOND, ZONE, build_query, require_responses
from smaply_metrics_core.testing.suite.subject import ContractSubject

MIN_FILES: Final = 2
REQUEST_THE_SURVEY: Final = "export only the requested survey"
RECOMPUTE: Final = (
    "make `recompute_metric` read the files of `debug_export` and count them like `fetch_metric`"
)


class DebugBundleTests(ContractSubject):
    """The bundle of a survey, and the optional hook ``recompute_metric``."""

    def test_the_debug_bundle_is_complete(self) -> None:
        """The bundle contains the survey's responses and its definition."""
        self.lab.questionnaire()
        files = bundle_files(self.lab, personal=False)
        empty = [name for name, content in files.items() if not content]
        expect(
            len(files) >= MIN_FILES and not empty,
            f"The bundle has empty files: {', '.join(empty)}."
            if empty
            else f"The bundle contains only {', '.join(files) or 'no files'}.",
            "write the raw responses and the definition into separate files",
        )
        expect(
            any("definition" in name for name in files),
            f"The bundle contains {', '.join(files)}, but no definition of the survey.",
            "write the survey definition, which support needs, into `definition.json`",
        )
        _check_requests(self.lab)
        _check_definition(self.lab, files)
        _check_rows(self.lab, files)
        problems = problem_files(files)
        expect(
            not problems,
            f"The bundle reports a problem: {', '.join(problems)}.",
            "export the complete data of the survey; metrics are calculated from the same data",
        )

    def test_the_debug_bundle_is_clean(self) -> None:
        """The bundle contains no secret, and personal columns only if requested."""
        files = bundle_files(self.lab, personal=False)
        run = self.lab.results[BUNDLE]
        issued = derived_secrets(run.exchanges, self.sign_in)
        secrets = tuple(dict.fromkeys((*self.lab.secrets(), *run.secrets, *issued)))
        for number, (name, content) in enumerate(files.items(), start=1):
            expect(
                not contains_secret(name.encode(), secrets),
                f"The name of file {number} of the bundle contains a secret.",
                "name files after their content",
            )
            expect(
                not contains_secret(content, secrets),
                f"The file {name} of the bundle contains a secret.",
                "write only what the survey tool returned, never what was sent to it",
            )
            personal = [
                text
                for text in self.personal
                if contains_text(name.encode() + b" " + content, text)
            ]
            expect(
                not personal,
                f"File {number} of the bundle, or its name, contains {', '.join(personal)}.",
                "exclude columns about the respondents unless bundle.include_personal is true",
            )
        if not self.personal:
            return
        everything = b"".join(bundle_files(self.lab, personal=True).values())
        missing = [text for text in self.personal if not contains_text(everything, text)]
        expect(
            not missing,
            f"A bundle with personal columns does not contain {', '.join(missing)}.",
            "include columns about the respondents if bundle.include_personal is true, or correct "
            "`personal`",
        )

    def test_a_bundle_gives_the_same_numbers(self) -> None:
        """Values recomputed from the debug bundle equal those from the survey tool."""
        _require_recomputation(self.lab)
        queries, answers = self.lab.calculations()
        recomputed = _recompute(self.lab, self.now, *(query for _, query in queries))
        for _, query in queries:
            expect(
                _comparable(recomputed[query.id]) == _comparable(answers[query.id]),
                f"{query.id}: the bundle has {_shown(recomputed[query.id])}, but the survey tool "
                f"{_shown(answers[query.id])}.",
                RECOMPUTE,
            )

    def test_a_bundle_is_counted_as_of_its_instant(self) -> None:
        """Recomputing as of a past instant excludes the responses recorded after it."""
        _require_recomputation(self.lab)
        require_responses(self.lab.questionnaire())
        at = self.recorded_at
        if at is None:
            raise unknown_instant()
        query = build_query(RESPONSES, self.survey_id)
        after, before = (
            _recompute(self.lab, instant, query)[query.id] for instant in (at + SECOND, at - SECOND)
        )
        counts = [
            one.window("current").total.responses if isinstance(one, Tally) else -1
            for one in (after, before)
        ]
        expect(
            counts[0] > counts[1] >= 0,
            f"One second after {at} there are {counts[0]} responses, and one second before it "
            f"{counts[1]}.",
            "exclude responses that were recorded after `context.now()`",
        )


def _check_requests(lab: Lab) -> None:
    """Check that the requests for the bundle are about the author's survey and no other."""
    survey_id = lab.facts.survey_id
    for_questions, for_bundle = (
        [request for request, _ in lab.results[name].exchanges]
        for name in ("questionnaire", BUNDLE)
    )
    expect(
        any(request.names(survey_id) for request in for_bundle)
        or not any(request.names(survey_id) for request in for_questions),
        f"No request for the bundle has the survey id {survey_id}.",
        REQUEST_THE_SURVEY,
    )
    for survey in lab.surveys():
        expect(
            survey.id in survey_id or not any(request.names(survey.id) for request in for_bundle),
            f"A request for the bundle of the survey {survey_id} has the survey id {survey.id}.",
            REQUEST_THE_SURVEY,
        )


def _check_definition(lab: Lab, files: Files) -> None:
    """Check that the definition contains every question."""
    definition = b"".join(content for name, content in files.items() if "definition" in name)
    missing = [
        one.id
        for one in lab.questionnaire().questions
        if not contains_text(definition, one.id, one.text)
    ]
    expect(
        not missing,
        f"The definition in the bundle does not contain the questions {', '.join(missing[:3])}.",
        "write the complete survey definition as returned by the survey tool",
    )


def _check_rows(lab: Lab, files: Files) -> None:
    """Check that the bundle contains every response that is downloaded for a metric.

    Responses are found by their times, which requires ``recorded_at``.
    """
    at = lab.facts.recorded_at
    if at is None:
        return
    lab.calculations()
    sent = [response.content for _, response in lab.results["calculations"].exchanges]
    instants, fields = find_json_rows(at, sent)
    rows = b"".join(content for name, content in files.items() if "definition" not in name)
    timestamps = timestamp_texts(at)
    missing = [one for one in instants if not contains_text(rows, one, *timestamp_texts(one))]
    is_sent = any(contains_text(content, *timestamps) for content in sent)
    if is_sent and not contains_text(rows, *timestamps):
        missing.append(str(at))
    expect(
        not missing,
        "The bundle does not contain all responses that are downloaded for a metric: "
        f"{', '.join(missing[:3])}.",
        "write every response with its recording time, from the first page to the last, including "
        "excluded responses",
    )
    sent_questions = {one.id for one in lab.questionnaire().walk()} & fields
    lacking = sorted(one for one in sent_questions if not contains_text(rows, one))
    expect(
        not lacking,
        f"The responses in the bundle have no answers to {', '.join(lacking[:3])}.",
        "write the responses as returned by the survey tool, except personal columns",
    )


def _require_recomputation(lab: Lab) -> None:
    """Skip the test for a source without the optional hook.

    Raises:
        SkipTest: if the source does not have the hook.
    """
    if "recompute_metric" not in lab.load_source().hooks:
        raise SkipTest("this source does not implement the optional hook recompute_metric")


def _recompute(lab: Lab, as_of: datetime, *queries: MetricQuery) -> Answers:
    """Return the answers to queries from the source's own bundle, as of a time."""
    clock = ManualClock(as_of)
    manifest = Manifest(
        source=lab.load_source().id,
        survey_id=lab.facts.survey_id,
        zone=ZONE,
        week_start=1,
        include_personal=False,
        made_at=lab.facts.now,
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "bundle.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(MANIFEST, manifest.model_dump_json())
            for name, content in bundle_files(lab, personal=False).items():
                archive.writestr(name, content)
        try:
            with (
                open_bundle(path, Path(folder)) as reader,
                lab.load_source(clock=clock).offline(
                    deadline=Deadline.after(SECONDS, clock)
                ) as session,
            ):
                return session.recompute(lab.facts.survey_id, queries, reader)
        except MetricsError as error:
            raise unexpected(error, "Recomputing from the bundle") from None


def _comparable(answer: Tally | MetricsError) -> object:
    """Return the parts that must be equal, without the reasons for missing answers."""
    if isinstance(answer, MetricsError):
        return answer.kind
    window = answer.window("current")
    total = window.total
    return total.responses, total.answered, _positive(total.answers), _positive(window.excluded)


def _positive(counts: Mapping[str, int]) -> dict[str, int]:
    return {name: count for name, count in counts.items() if count}


def _shown(answer: Tally | MetricsError) -> str:
    if isinstance(answer, MetricsError):
        return f"{answer.kind}: {answer.message}"
    total = answer.window("current").total
    return f"{total.answered} answers of {total.responses} responses"
