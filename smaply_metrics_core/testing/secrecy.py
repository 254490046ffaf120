"""Contract tests: the debug bundle, and no credential anywhere."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from unittest import SkipTest

from smaply_metrics_core.bundle import README, write_bundle
from smaply_metrics_core.sources import SourceSession
from smaply_metrics_core.testing.apart import ApartContract
from smaply_metrics_core.testing.disguises import gives_away
from smaply_metrics_core.testing.harness import Outcome
from smaply_metrics_core.testing.verdict import expect

FEWEST_FILES = 2


def _written(instant: datetime) -> tuple[bytes, ...]:
    """Give the ways in which survey tools write an instant."""
    return tuple(
        text.encode()
        for at in (instant, instant.astimezone(UTC))
        for text in (f"{at:%Y-%m-%dT%H:%M:%S}", f"{at:%Y-%m-%d %H:%M:%S}", f"{at.timestamp():.0f}")
    )


class SecrecyContract(ApartContract):
    """Bundle, logs, errors, cassettes."""

    def _bundle(self, *, personal: bool) -> dict[str, bytes]:
        scenario = "bundle_with_personal" if personal else "bundle"
        return self.run(scenario, lambda session: self._write(session, personal=personal))

    def _write(self, session: SourceSession, *, personal: bool) -> dict[str, bytes]:
        # Responses of people are in it: it does not stay on the disk.
        with tempfile.TemporaryDirectory() as folder:
            path = write_bundle(
                Path(folder) / "bundle.zip",
                self.secrets(),
                personal,
                lambda bundle: session.debug_export(self.survey_id, bundle),
            )
            with zipfile.ZipFile(path) as archive:
                return {name: archive.read(name) for name in archive.namelist() if name != README}

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
            "write the survey that was asked for, and no other",
        )
        self._check_last_page(files)
        problems = [name for name in files if "problem" in name]
        expect(
            not problems,
            f"The bundle reports a problem: {problems}.",
            "a survey that can be measured can also be exported for support",
        )

    def _check_last_page(self, files: Mapping[str, bytes]) -> None:
        """See that the response of ``recorded_at`` is there, where what is sent tells its time."""
        if self.recorded_at is None:
            return
        self._calculations()
        exchanges = self._outcomes["calculations"].exchanges
        stamps = _written(self.recorded_at)
        sent = any(stamp in answer.content for _, answer in exchanges for stamp in stamps)
        expect(
            not sent or any(stamp in content for content in files.values() for stamp in stamps),
            f"The bundle lacks the response of {self.recorded_at}, which is sent for a metric.",
            "write every response into the bundle, from the first page to the last, with the time "
            "at which it was recorded",
        )

    def test_the_debug_bundle_is_clean(self) -> None:
        """No secret is in the bundle, and no personal column unless it was asked for."""
        files = self._bundle(personal=False)
        for name, content in files.items():
            expect(
                not gives_away(content, self.secrets()),
                f"The file {name} of the bundle holds a secret.",
                "write what the survey tool answered, never what was sent to it",
            )
            told = [text for text in self.personal if text.encode() in content]
            expect(
                not told,
                f"The file {name} of the bundle holds {', '.join(told)}.",
                "leave out columns about the respondents unless bundle.include_personal",
            )
        if not self.personal:
            return
        everything = b"".join(self._bundle(personal=True).values())
        missing = [text for text in self.personal if text.encode() not in everything]
        expect(
            not missing,
            f"A bundle with personal columns lacks {', '.join(missing)}.",
            "include columns about the respondents when bundle.include_personal, or correct "
            "`personal`",
        )

    def everything(self) -> dict[str, Outcome]:
        """Run every scenario that was not run yet, and give what came of each."""
        self._checked()
        self._wrong()
        self.surveys()
        self.questionnaire()
        self._unknown()
        self._calculations()
        self._grouped()
        self._ranges()
        self._parts()
        self._combined()
        self._pieces()
        self._batch()
        self._bundle(personal=False)
        if self.personal:
            self._bundle(personal=True)
        return self._outcomes

    def test_no_credential_is_told(self) -> None:
        """No secret stands in any log, error, repr, pickle, progress or answer of the source."""
        secrets = self.secrets()
        for scenario, outcome in self.everything().items():
            told = outcome.hearing.told(secrets)
            expect(
                not told,
                f"In the scenario “{scenario}” a secret stands in {', '.join(told)}.",
                "send it with http.secret_auth, and name it in no message",
            )
        for where, outcome in self.every_disturbance():
            told = outcome.hearing.told(secrets)
            expect(
                not told,
                f"{where}: a secret stands in {', '.join(told)}.",
                "send it with http.secret_auth, and name it in no message, whatever fails",
            )

    def test_no_credential_is_recorded(self) -> None:
        """No cassette holds a secret or an e-mail address, in any form."""
        if self.cassettes is None:
            raise SkipTest("this source is tested without recordings")
        from smaply_metrics_core.testing.scanning import offences

        for path in sorted(self.cassettes.glob("*.yaml")):
            found = offences(path, self.secrets())
            expect(
                not found,
                f"The cassette {path.name} holds {', '.join(found)}.",
                "remove it, change the secret if it is a real one, and record again",
            )
