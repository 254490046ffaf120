"""Contract tests of the credentials check, with valid and with wrong credentials."""

from __future__ import annotations

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.check import CheckReport, StepResult
from smaply_metrics_core.models.problem import Issue
from smaply_metrics_core.testing.assertions import broken, expect
from smaply_metrics_core.testing.suite.lab import AUTHENTICATE
from smaply_metrics_core.testing.suite.subject import ContractSubject


class CredentialCheckTests(ContractSubject):
    """The check with valid and with wrong credentials."""

    def test_the_check_passes(self) -> None:
        """With valid credentials every declared step passes, in the declared order."""
        steps = self.lab.check().steps
        declared = tuple(step.name for step in self.lab.load_source().description.checks)
        expect(
            tuple(step.name for step in steps) == declared,
            f"The steps came as {', '.join(step.name for step in steps)}; declared are "
            f"{', '.join(declared)}.",
            "yield each declared CheckStep when it begins, in that order",
        )
        for step in steps:
            reason = step.problem.message if step.problem else step.detail
            expect(
                step.status == "passed",
                f"The step “{step.name}” ended as {step.status}: {reason}",
                "let it pass for credentials that work; a warning is for something to mend",
            )

    def test_wrong_credentials_are_refused(self) -> None:
        """Wrong credentials fail a required step; with a secret, the one that authenticates."""
        result = self.lab.check_wrong_credentials()
        if result.error is not None:
            expect(
                isinstance(result.error, InputError) and not self.lab.secrets(),
                f"Wrong credentials ended in {result.error.kind}: {result.error.message}",
                "raise inside the step that fails: validate_credentials reports, it does not end",
            )
            return
        failed = _failed_step(result.value)
        expect(
            failed.name == AUTHENTICATE or not self.lab.secrets(),
            f"Wrong credentials failed the step “{failed.name}”.",
            f"try the secret in “{AUTHENTICATE}” and in no step before it",
        )

    def test_wrong_credentials_are_never_reported_as_an_outage(self) -> None:
        """Wrong credentials are reported as a problem of the credentials."""
        result = self.lab.check_wrong_credentials()
        if result.error is not None:
            problem = result.error.to_problem()
        else:
            found = _failed_step(result.value).problem
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
            problem.issue is not Issue.AUTHENTICATION or self.lab.secrets(),
            "The form has no secret field, and what was entered there is refused as one.",
            "declare what opens the account as `Token` or SecretStr: nothing else is kept secret",
        )
        expect(
            problem.issue is Issue.AUTHENTICATION or not self.lab.secrets(),
            f"Wrong credentials are told as {problem.kind}, issue {problem.issue}.",
            "raise CredentialRefused",
        )
        expect(
            problem.remedy.strip(),
            "The problem of wrong credentials has no remedy.",
            "say where people find the right ones",
        )


def _failed_step(report: CheckReport) -> StepResult:
    """Return the step that rejected wrong credentials.

    Raises:
        AssertionError: if there is none.
    """
    for step in report.steps:
        if step.status == "failed":
            return step
    raise broken(
        "The check passed with wrong credentials.",
        "ask the survey tool something that only a valid secret is answered, and raise "
        "CredentialRefused when it says no",
    )
