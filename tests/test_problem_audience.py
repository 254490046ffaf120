"""Readers see problems according to their roles."""

from __future__ import annotations

import pytest

from smaply_metrics_core import (
    Audience,
    CredentialRefused,
    ExportFailed,
    InputError,
    MetricsError,
    PluginError,
    Problem,
    QuestionUnavailable,
    SourceUnavailable,
    Unreachable,
)
from smaply_metrics_core.host import EncryptionKeyMissing

HOST = "iad1.qualtrics.com:8443"


def read(error: MetricsError, reader: Audience) -> Problem:
    """Return the problem of an error as a reader with this role sees it."""
    return error.to_problem().for_reader(reader, source="Qualtrics")


@pytest.mark.parametrize(
    ("error", "message", "remedy"),
    [
        (
            CredentialRefused(f"{HOST} does not accept the token."),
            "The connection to Qualtrics is broken.",
            "An Admin can fix it.",
        ),
        (
            Unreachable(f"{HOST} cannot be reached."),
            "Qualtrics cannot be read at the moment.",
            "Cards are refreshed automatically once it is available.",
        ),
        (
            SourceUnavailable(f"{HOST} sent 503."),
            "Qualtrics cannot be read at the moment.",
            "Cards are refreshed automatically once it is available.",
        ),
        (
            QuestionUnavailable("QID3 was deleted."),
            "Qualtrics no longer provides the data for this metric.",
            "An Editor can fix it.",
        ),
        (
            PluginError("smaply-metrics-qualtrics 1.0 raised KeyError."),
            "Qualtrics could not be read because of a fault in this installation.",
            "The operator of this installation can fix it.",
        ),
        (
            EncryptionKeyMissing("SMAPLY_METRICS_ENCRYPTION_KEYS is not set."),
            "Qualtrics could not be read because of a fault in this installation.",
            "The operator of this installation can fix it.",
        ),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, MetricsError) else "",
)
def test_a_viewer_reads_what_happened_and_who_can_fix_it(
    error: MetricsError, message: str, remedy: str
) -> None:
    """A Viewer reads one sentence about the failure and one about who can fix it."""
    problem = read(error, Audience.VIEWER)
    assert (problem.message, problem.remedy) == (message, remedy)


def test_a_viewer_reads_no_host_id_or_code() -> None:
    """Host names, error codes and request ids are for Admins and operators."""
    problem = read(Unreachable(HOST, code="SSL_1", request_id="r-1"), Audience.VIEWER)
    for detail in (HOST, "SSL_1", "r-1"):
        assert detail not in problem.model_dump_json()


def test_the_issue_and_kind_are_those_of_the_error() -> None:
    """Programs see the same kind and issue for every role."""
    problem = read(CredentialRefused(HOST), Audience.VIEWER)
    assert (problem.kind, problem.issue) == ("credential_refused", "authentication")


def test_an_editor_reads_all_of_a_problem_that_an_editor_can_fix() -> None:
    """Editors read the details of problems with metrics."""
    error = QuestionUnavailable("Question 3 was deleted.", remedy="Choose another question.")
    assert read(error, Audience.EDITOR) == error.to_problem()


def test_an_editor_reads_a_summary_of_a_problem_that_an_admin_can_fix() -> None:
    """Editors read who can fix a problem with credentials."""
    assert read(CredentialRefused(HOST), Audience.EDITOR).remedy == "An Admin can fix it."


@pytest.mark.parametrize("error", [CredentialRefused(HOST), PluginError("KeyError")])
def test_an_admin_reads_every_problem(error: MetricsError) -> None:
    """No role is above Admin, so Admins read the remedies of operators too."""
    assert read(error, Audience.ADMIN) == error.to_problem()


def test_invalid_input_is_explained_to_all_roles() -> None:
    """The person who entered a value can correct it."""
    error = InputError("“x” is not a date.", remedy="Enter a date such as 2026-05-01.")
    assert read(error, Audience.VIEWER) == error.to_problem()


def test_an_error_can_name_its_audience_and_summary() -> None:
    """An error can override the audience of its class and the derived summary."""
    error = ExportFailed(HOST, audience=Audience.ADMIN, summary="The export is too large.")
    problem = read(error, Audience.EDITOR)
    assert (problem.message, error.to_problem().audience) == ("The export is too large.", "admin")


def test_a_stored_problem_without_an_audience_shows_viewers_no_details() -> None:
    """Problems of earlier releases are read as problems for Admins."""
    stored = Problem.model_validate(
        {"kind": "unreachable", "message": HOST, "remedy": HOST, "blame": "configuration"}
    )
    assert HOST not in stored.for_reader(Audience.EDITOR, source="Qualtrics").model_dump_json()
