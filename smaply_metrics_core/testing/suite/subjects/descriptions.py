"""Contract tests: how a source presents itself, and how it tries credentials."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import CredentialsInvalid, InputError, MetricsError
from smaply_metrics_core.models.check import CheckReport, StepResult
from smaply_metrics_core.models.credentials import CredentialField, credential_fields
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.sources import Source, SourceSession
from smaply_metrics_core.testing.assertions import broken, expect, unexpected
from smaply_metrics_core.testing.suite.lab import Lab, ScenarioResult

SHORTEST_SECRET = 12
AUTHENTICATE = "authenticate"


KINDS_OF_FACTS: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "credentials": ((Mapping,), "a dictionary"),
    "wrong_credentials": ((Mapping,), "a dictionary"),
    "survey_id": ((str,), "a text"),
    "unknown_survey_id": ((str,), "a text"),
    "recorded_at": ((datetime, type(None)), "a datetime with a time zone"),
    "now": ((datetime,), "a datetime with a time zone"),
    "personal": ((tuple, list), "a tuple of texts"),
    "expected": ((Mapping,), "a dictionary"),
    "cassettes": ((Path, type(None)), "a Path"),
}
"""What a type checker says of a class with wrong facts, for those who run none."""


class DescriptionTests(Lab):
    """Description, form, check."""

    def _fields(self) -> tuple[CredentialField, ...]:
        return credential_fields(self.loaded().description.credentials)

    def test_the_description_says_all_that_people_need(self) -> None:
        """The source loads, and has a title, checks, and a form whose fields explain themselves."""
        description = self.loaded().description
        expect(
            description == self.loaded().description,
            "describe_source says something else at the second call.",
            "give the same description whenever it is asked for",
        )
        expect(
            description.title.strip() and description.title != description.id,
            f"The title of the source is “{description.title}”.",
            "give SourceDescription a title that people know, such as the product's name",
        )
        for field in self._fields():
            expect(
                field.label.strip() and (field.help.strip() or not field.required),
                f"The field {field.name} of the form has no label, or no help.",
                "annotate it with FormField(label=…, help=…): say where people find the value",
            )
        secret = [field.name for field in self._fields() if field.secret]
        names = {step.name for step in description.checks if step.required}
        expect(
            not secret or AUTHENTICATE in names,
            f"The source takes a secret ({', '.join(secret)}) and no required step tries it.",
            f"declare the check step “{AUTHENTICATE}” as required",
        )

    def test_the_facts_of_the_test_are_good_enough(self) -> None:
        """The secrets are long enough to be searched for, and the wrong ones are others."""
        for name, (kinds, wanted) in KINDS_OF_FACTS.items():
            given = getattr(self, name)
            expect(
                isinstance(given, kinds) and getattr(given, "tzinfo", self) is not None,
                f"The fact `{name}` is a {type(given).__name__}, and should be {wanted}.",
                "give it as one; docs/testing.md explains all facts",
            )
        expect(
            self.credentials and self.wrong_credentials and self.survey_id,
            "The contract test lacks credentials, wrong credentials, or a survey.",
            "set `credentials`, `wrong_credentials` and `survey_id` on the class",
        )
        expect(
            all(len(secret) >= SHORTEST_SECRET for secret in self.secrets()),
            f"A secret has fewer than {SHORTEST_SECRET} characters.",
            "use a longer made-up one: a short text stands somewhere by chance",
        )
        expect(
            dict(self.credentials) != dict(self.wrong_credentials),
            "The wrong credentials are the right ones.",
            "change the secret; without a secret, the place where the credentials lead",
        )

    def test_the_form_takes_what_is_right(self) -> None:
        """White space around a value does no harm, and no secret is shown."""
        source = self.loaded()
        try:
            plain = source.parse(self.credentials)
            padded = source.parse({k: f"  {v}\n" for k, v in self.credentials.items()})
        except MetricsError as error:
            raise unexpected(error, "Taking the credentials") from None
        expect(
            plain == padded,
            "White space around the values makes other credentials of them.",
            "base the model on `Credentials`, which trims every text before it is checked",
        )
        shown = f"{plain!r} {plain} {plain.model_dump_json()}"
        expect(
            not any(secret in shown for secret in self.secrets()),
            "The credentials show a secret when they are printed.",
            "declare it as SecretStr or Token",
        )

    def test_the_form_refuses_what_is_missing(self) -> None:
        """A required field that is left out is named, and so is one that does not exist."""
        source = self.loaded()
        required = [field for field in self._fields() if field.required]
        expect(
            required,
            "Every field of the form may be left out, so people connect with nothing.",
            "give the secret, or the place where the credentials lead, no default",
        )
        for field in required:
            rest = {name: v for name, v in self.credentials.items() if name != field.name}
            expect(
                field.name in _refused_fields(source, rest),
                f"The form takes credentials without {field.name}, or does not name it.",
                "give the field no default, or make it optional",
            )
        given = {**self.credentials, "no_such_field": "x"}
        expect(
            "no_such_field" in _refused_fields(source, given),
            "The form takes a field that it does not have.",
            'leave `extra="forbid"` as `Credentials` sets it',
        )

    def _checked(self) -> CheckReport:
        return self.run("check", run_check)

    def test_the_check_passes(self) -> None:
        """With the right credentials every declared step passes, in the order declared."""
        steps = self._checked().steps
        declared = tuple(step.name for step in self.loaded().description.checks)
        expect(
            tuple(step.name for step in steps) == declared,
            f"The steps came as {', '.join(step.name for step in steps)}; declared are "
            f"{', '.join(declared)}.",
            "yield each declared CheckStep when it begins, in that order",
        )
        for step in steps:
            said = step.problem.message if step.problem else step.detail
            expect(
                step.status == "passed",
                f"The step “{step.name}” ended as {step.status}: {said}",
                "let it pass for credentials that work; a warning is for something to mend",
            )

    def _wrong(self) -> ScenarioResult:
        return self.outcome("wrong_credentials", run_check, values=self.wrong_credentials)

    def test_wrong_credentials_are_refused(self) -> None:
        """Wrong credentials fail a required step: the one that authenticates, with a secret."""
        outcome = self._wrong()
        if outcome.error is not None:
            expect(
                isinstance(outcome.error, InputError) and not self.secrets(),
                f"Wrong credentials ended in {outcome.error.kind}: {outcome.error.message}",
                "raise inside the step that fails: validate_credentials reports, it does not end",
            )
            return
        failed = _failed(outcome.value)
        expect(
            failed.name == AUTHENTICATE or not self.secrets(),
            f"Wrong credentials failed the step “{failed.name}”.",
            f"try the secret in “{AUTHENTICATE}” and in no step before it",
        )

    def test_wrong_credentials_are_never_called_an_outage(self) -> None:
        """What people are told of wrong credentials sends them to the credentials."""
        outcome = self._wrong()
        if outcome.error is not None:
            problem = outcome.error.to_problem()
        else:
            found = _failed(outcome.value).problem
            assert found is not None  # noqa: S101  # A failed step has one.
            problem = found
        expect(
            problem.issue is not Issue.CONNECTION and not problem.retryable,
            f"Wrong credentials are told as {problem.kind}, issue {problem.issue}: "
            f"{problem.message}",
            "raise CredentialRefused when the secret is not accepted, AccessMissing when its user "
            "may not use the API; an outage is a network failure or a 5xx answer",
        )
        expect(
            problem.issue is not Issue.AUTHENTICATION or self.secrets(),
            "The form has no secret field, and what was entered there is refused as one.",
            "declare what opens the account as `Token` or SecretStr: nothing else is kept secret",
        )
        expect(
            problem.issue is Issue.AUTHENTICATION or not self.secrets(),
            f"Wrong credentials are told as {problem.kind}, issue {problem.issue}.",
            "raise CredentialRefused",
        )
        expect(
            problem.remedy.strip(),
            "The problem of wrong credentials has no remedy.",
            "say where people find the right ones",
        )


def run_check(session: SourceSession) -> CheckReport:
    """Try the credentials of a session, step by step."""
    return CheckReport(steps=tuple(session.check()))


def _failed(report: CheckReport) -> StepResult:
    for step in report.steps:
        if step.status == "failed":
            return step
    raise broken(
        "The check passed with wrong credentials.",
        "ask the survey tool something that only a valid secret is answered, and raise "
        "CredentialRefused when it says no",
    )


def _refused_fields(source: Source, values: Mapping[str, str]) -> set[str]:
    try:
        source.parse(values)
    except CredentialsInvalid as error:
        return {field.name for field in error.fields}
    except MetricsError as error:
        raise unexpected(error, "Taking credentials that do not fit") from None
    return set()
