"""Contract tests: the debug bundle, and no credential anywhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial
from unittest import SkipTest

from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.leak_detection.secret_encodings import contains_secret
from smaply_metrics_core.testing.suite.lab import ScenarioResult
from smaply_metrics_core.testing.suite.subjects.bundle_contents import (
    BUNDLE,
    beside,
    holds,
    problems_named,
    stamps_of,
)
from smaply_metrics_core.testing.suite.subjects.isolation import IsolationTests

FEWEST_FILES = 2
OF_THE_SURVEY = "write the survey that was asked for, and no other"


class SecretLeakTests(IsolationTests):
    """Bundle, logs, errors, cassettes."""

    def test_the_debug_bundle_is_complete(self) -> None:
        """The bundle holds the survey's responses and its definition, none of them empty."""
        self.questionnaire()
        files = self._bundle(personal=False)
        empty = [name for name, content in files.items() if not content]
        expect(
            len(files) >= FEWEST_FILES and not empty,
            f"Empty in the bundle: {', '.join(empty)}."
            if empty
            else f"The bundle holds {', '.join(files) or 'nothing'} alone.",
            "write the raw responses and the definition, each into a file of its own",
        )
        expect(
            any("definition" in name for name in files),
            f"The bundle holds {', '.join(files)}, and no definition of the survey.",
            "write it into `definition.json`: support reads there what the answers mean",
        )
        named, asked = (
            [one for one, _ in self._outcomes[name].exchanges if one.names(self.survey_id)]
            for name in ("questionnaire", "bundle")
        )
        expect(
            asked or not named,
            f"No request for the bundle names the survey {self.survey_id}.",
            OF_THE_SURVEY,
        )
        for one in self.surveys():
            expect(
                one.id in self.survey_id
                or not any(
                    request.names(one.id) for request, _ in self._outcomes[BUNDLE].exchanges
                ),
                f"A request for the bundle of the survey {self.survey_id} names {one.id}.",
                OF_THE_SURVEY,
            )
        self._check_definition(files)
        self._check_rows(files)
        problems = problems_named(files)
        expect(
            not problems,
            f"The bundle reports a problem: {', '.join(problems)}.",
            "a survey that can be measured can also be exported for support",
        )

    def _check_definition(self, files: Mapping[str, bytes]) -> None:
        """See that the questions that can be asked stand in the definition."""
        defined = b"".join(content for name, content in files.items() if "definition" in name)
        missing = [
            one.id for one in self.questionnaire().questions if not holds(defined, one.id, one.text)
        ]
        expect(
            not missing,
            f"The definition in the bundle lacks the questions {', '.join(missing[:3])}.",
            "write the whole definition of the survey, as the survey tool gives it",
        )

    def _check_rows(self, files: Mapping[str, bytes]) -> None:
        """See that every response is there, where what is sent for a metric tells its time."""
        if self.recorded_at is None:
            return
        self._calculations()
        sent = [answer.content for _, answer in self._outcomes["calculations"].exchanges]
        instants, fields = beside(self.recorded_at, sent)
        rows = b"".join(content for name, content in files.items() if "definition" not in name)
        stamps = stamps_of(self.recorded_at)
        told = any(holds(content, *stamps) for content in sent)
        missing = [one for one in instants if not holds(rows, one, *stamps_of(one))]
        if told and not holds(rows, *stamps):
            missing.append(str(self.recorded_at))
        expect(
            not missing,
            f"The bundle lacks responses that are sent for a metric: {', '.join(missing[:3])}.",
            "write every response into the bundle, from the first page to the last, also those "
            "that are left out, with the time at which it was recorded",
        )
        asked = {one.id for one in self.questionnaire().walk()} & fields
        gone = sorted(one for one in asked if not holds(rows, one))
        expect(
            not gone,
            f"The responses in the bundle lack the answers to {', '.join(gone[:3])}.",
            "write the responses as the survey tool gives them, without personal columns alone",
        )

    def test_the_debug_bundle_is_clean(self) -> None:
        """No secret is in the bundle, and no personal column unless it was asked for."""
        files = self._bundle(personal=False)
        for number, (name, content) in enumerate(files.items(), start=1):
            expect(
                not contains_secret(name.encode(), self.secrets()),
                f"The name of file {number} of the bundle holds a secret.",
                "name files by what is in them",
            )
            expect(
                not contains_secret(content, self.secrets()),
                f"The file {name} of the bundle holds a secret.",
                "write what the survey tool answered, never what was sent to it",
            )
            told = [text for text in self.personal if holds(name.encode() + b" " + content, text)]
            expect(
                not told,
                f"The file {number} of the bundle, or its name, holds {', '.join(told)}.",
                "leave out columns about the respondents unless bundle.include_personal",
            )
        if not self.personal:
            return
        everything = b"".join(self._bundle(personal=True).values())
        missing = [text for text in self.personal if not holds(everything, text)]
        expect(
            not missing,
            f"A bundle with personal columns lacks {', '.join(missing)}.",
            "include columns about the respondents when bundle.include_personal, or correct "
            "`personal`",
        )

    def everything(self) -> Iterator[tuple[str, ScenarioResult]]:
        """Run every scenario that was not run yet, and give each as soon as it has run."""
        runs: list[Callable[[], object]] = [
            self._checked,
            self._wrong,
            self.surveys,
            self.questionnaire,
            self._unknown,
            self._calculations,
            self._grouped,
            self._ranges,
            self._parts,
            self._combined,
            self._pieces,
            self._batch,
            partial(self._bundle, personal=False),
        ]
        if self.personal:
            runs.append(partial(self._bundle, personal=True))
        given = set[str]()
        for run in runs:
            run()  # It may run others before.
            new = [name for name in self._outcomes if name not in given]
            given.update(new)
            yield from ((name, self._outcomes[name]) for name in new)

    def test_no_credential_is_told(self) -> None:
        """No secret stands in any log, error, repr, pickle, progress or answer of the source."""
        for scenario, outcome in self.everything():
            self.expect_silence(f"In the scenario “{scenario}”", outcome)
        for where, outcome in self.every_disturbance():
            self.expect_silence(where, outcome)

    def test_no_credential_is_recorded(self) -> None:
        """No cassette holds a secret or an e-mail address, in any form."""
        if self.cassettes is None:
            raise SkipTest("this source is tested without recordings")
        from smaply_metrics_core.testing.recording.sensitive_data import find_sensitive_data

        for path in sorted(self.cassettes.glob("*.yaml")):
            found = find_sensitive_data(path, self.secrets())
            expect(
                not found,
                f"The cassette {path.name} holds {', '.join(found)}.",
                "remove it, change the secret if it is a real one, and record again",
            )
