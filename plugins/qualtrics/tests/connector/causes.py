"""Every cause of trouble that people meet with Qualtrics, brought about in a sandbox.

``test_causes.py`` runs each and holds the table in the docs to what is said. To write the table
anew, run ``python -m plugins.qualtrics.tests.connector.causes`` from the root of the repository.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from plugins.qualtrics.tests.connector.example import write_example
from plugins.qualtrics.tests.connector.support import SURVEY, TOKEN, Account, account, query
from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.credentials import parse_credentials
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_qualtrics.credentials import QualtricsCredentials

DOCS: Final = Path(__file__).parents[4] / "docs" / "qualtrics.md"
BEGIN: Final = "<!-- causes: made by plugins/qualtrics/tests/connector/causes.py -->\n"
END: Final = "<!-- end of causes -->\n"
HOST: Final = "your host"
ADDRESS: Final = "127.0.0.1"
HEAD: Final = "| Cause | Shown as | What is said | What to do |\n| --- | --- | --- | --- |\n"


@dataclass(frozen=True)
class Cause:
    """One cause, what it is shown as, and how it comes about.

    Attributes:
        shown: The issue and the kind of the problem.
        bring_about: Changes the account; what it then raises or gives is the problem.
    """

    title: str
    shown: str
    bring_about: Callable[[Account], Problem]


def checking(step: str, change: Callable[[Account], None]) -> Callable[[Account], Problem]:
    """Change the account, then check the connection: the problem of one step."""

    def bring_about(own: Account) -> Problem:
        change(own)
        with own.session() as session:
            problems = {result.name: result.problem for result in session.check()}
        problem = problems[step]
        assert problem is not None, f"{step} passed"
        return problem

    return bring_about


def measuring(
    change: Callable[[Account], None], calculation: str = "average", **options: str
) -> Callable[[Account], Problem]:
    """Change the account, then measure: the problem of the metric."""

    def bring_about(own: Account) -> Problem:
        change(own)
        try:
            own.measure(query(calculation, options.get("question"), group_by=options.get("by")))
        except MetricsError as error:
            return error.to_problem()
        raise AssertionError("it was measured")

    return bring_about


def entering(base_url: str, token: str = TOKEN) -> Callable[[Account], Problem]:
    """Enter credentials into the form: the problem of the form."""

    def bring_about(_: Account) -> Problem:
        try:
            parse_credentials(QualtricsCredentials, {"api_token": token, "base_url": base_url})
        except MetricsError as error:
            return error.to_problem()
        raise AssertionError("they were accepted")

    return bring_about


def nothing(_: Account) -> None:
    """Leave the account as it is."""


def fault(route: str, **options: object) -> Callable[[Account], None]:
    """Put a lasting fault on a route."""
    return lambda own: own.sandbox.state.add_fault(route, times=0, **options)


def added_again(own: Account) -> None:
    """Move a question to the trash and add it again."""
    own.sandbox.state.delete_question(SURVEY, "QID2", to_trash=True)
    own.sandbox.state.restore_question(SURVEY, "QID2", "QID99")


CAUSES: Final = (
    Cause(
        "Host pasted as a URL",
        "wrong input: credentials_invalid",
        entering("https://iad1.qualtrics.com/"),
    ),
    Cause(
        "Host that is not Qualtrics'",
        "wrong input: credentials_invalid",
        entering("iad1.qualtrics.com.example.com"),
    ),
    Cause(
        "Line break inside the token",
        "wrong input: credentials_invalid",
        entering("iad1.qualtrics.com", "first half\nsecond half"),
    ),
    Cause(
        "Another service answers at the host",
        "connection: unreachable",
        checking("reach", fault("whoami", kind="html", status=200)),
    ),
    Cause(
        "Host of the wrong data centre",
        "connection: remote_error",
        checking(
            "authenticate",
            lambda own: own.sandbox.state.set_account(proxied_to="sjc1.qualtrics.com"),
        ),
    ),
    Cause(
        "Export through the wrong data centre",
        "connection: remote_error",
        measuring(
            lambda own: own.sandbox.state.set_account(proxied_to="sjc1.qualtrics.com"),
            "responses",
        ),
    ),
    Cause(
        "Token revoked, or replaced by a new one",
        "authentication: credential_refused",
        checking("authenticate", lambda own: own.sandbox.state.set_token(None)),
    ),
    Cause(
        "The token's user or account deactivated",
        "authentication: credential_refused",
        checking("authenticate", lambda own: own.sandbox.state.set_account(deactivated=True)),
    ),
    Cause(
        "API access not enabled",
        "authentication: access_missing",
        checking("authenticate", lambda own: own.sandbox.state.set_account(api_access=False)),
    ),
    Cause(
        "No survey visible",
        "surveys: no_surveys",
        checking("list_surveys", lambda own: own.sandbox.state.share(SURVEY, listed=False)),
    ),
    Cause(
        "Survey not shared, or deleted",
        "data: survey_unavailable",
        measuring(lambda own: own.sandbox.state.share(SURVEY, shared=False), "responses"),
    ),
    Cause(
        "Results may not be viewed",
        "data: results_unavailable",
        measuring(lambda own: own.sandbox.state.share(SURVEY, results=False), "responses"),
    ),
    Cause(
        "Question deleted and added again",
        "data: question_unavailable",
        measuring(added_again, question="QID2"),
    ),
    Cause(
        "Question deleted for good",
        "data: question_unavailable",
        measuring(lambda own: own.sandbox.state.delete_question(SURVEY, "QID2"), question="QID2"),
    ),
    Cause(
        "Calculation that the question does not allow",
        "data: calculation_refused",
        measuring(nothing, question="QID6"),
    ),
    Cause(
        "Group by free text",
        "data: grouping_refused",
        measuring(nothing, "responses", by="question:QID6"),
    ),
    Cause(
        "Export failed at Qualtrics",
        "data: export_failed",
        measuring(fault("export_progress", kind="failed"), "responses"),
    ),
    Cause(
        "Export never ready",
        "connection: deadline_exceeded",
        measuring(fault("export_progress", kind="stuck"), "responses"),
    ),
    Cause(
        "Export cut short on its way",
        "data: export_failed",
        measuring(fault("export_file", kind="truncated_zip"), "responses"),
    ),
    Cause(
        "A web page in place of data",
        "connection: source_unavailable",
        measuring(fault("definition", kind="html", status=200), "responses"),
    ),
    Cause(
        "Too many requests (429)",
        "connection: rate_limited",
        checking("reach", fault("whoami", kind="status", status=429)),
    ),
    Cause(
        "Qualtrics is down (503)",
        "connection: source_unavailable",
        checking("reach", fault("whoami", kind="status", status=503)),
    ),
)


def shown_as(problem: Problem) -> str:
    """Name a problem's issue and kind."""
    return f"{problem.issue or 'wrong input'}: {problem.kind}"


def row(cause: Cause, problem: Problem, host: str) -> str:
    """Write one row of the table; the sandbox's address stands for the account's host."""
    cells = (cause.title, shown_as(problem), problem.message, problem.remedy)
    return (
        "| "
        + " | ".join(cells).replace(host, HOST).replace(ADDRESS, HOST).replace("\n", " ")
        + " |\n"
    )


def main() -> None:
    """Write the table of the docs anew."""
    rows = []
    for cause in CAUSES:
        with (
            tempfile.TemporaryDirectory() as folder,
            account(write_example(Path(folder))) as own,
        ):
            rows.append(row(cause, cause.bring_about(own), own.sandbox.host))
    before, _, rest = DOCS.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    DOCS.write_text(f"{before}{BEGIN}{HEAD}{''.join(rows)}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
