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
            f"The steps are {', '.join(step.name for step in steps)}, but the declared steps are "
            f"{', '.join(declared)}.",
            "yield each declared CheckStep when it starts, in the declared order",
        )
        for step in steps:
            reason = step.problem.message if step.problem else step.detail
            expect(
                step.status == "passed",
                f"The step “{step.name}” has the status {step.status}: {reason}",
                "make the step pass for valid credentials; a warning is for a problem to fix",
            )

    def test_wrong_credentials_are_refused(self) -> None:
        """Wrong credentials fail a required step; with a secret, the one that authenticates."""
        result = self.lab.check_wrong_credentials()
        if result.error is not None:
            expect(
                isinstance(result.error, InputError) and not self.lab.secrets(),
                f"With wrong credentials, the hook raised {result.error.kind}: "
                f"{result.error.message}",
                "raise the error after the step that fails was yielded",
            )
            return
        failed = _failed_step(result.value)
        expect(
            failed.name == AUTHENTICATE or not self.lab.secrets(),
            f"With wrong credentials, the step “{failed.name}” failed.",
            f"use the secret in the step “{AUTHENTICATE}” and in no step before it",
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
            f"Wrong credentials are reported as {problem.kind}, issue {problem.issue}: "
            f"{problem.message}",
            "raise CredentialRefused if the secret is rejected, and AccessMissing if its user may "
            "not use the API; only a network failure or a 5xx response is an outage",
        )
        expect(
            problem.issue is not Issue.AUTHENTICATION or self.lab.secrets(),
            "The form has no secret, but wrong credentials are reported as a rejected secret.",
            "declare the secret as `Token` or SecretStr; other fields are not protected",
        )
        expect(
            problem.issue is Issue.AUTHENTICATION or not self.lab.secrets(),
            f"Wrong credentials are reported as {problem.kind}, issue {problem.issue}.",
            "raise CredentialRefused",
        )
        expect(
            problem.remedy.strip(),
            "The problem of wrong credentials has no remedy.",
            "add a remedy that says where to find valid credentials",
        )


def _failed_step(report: CheckReport) -> StepResult:
    """Return the step that rejected wrong credentials.

    Raises:
        AssertionError: if no step failed.
    """
    for step in report.steps:
        if step.status == "failed":
            return step
    raise broken(
        "The check passed with wrong credentials.",
        "send a request that requires a valid secret, and raise CredentialRefused if it fails",
    )
