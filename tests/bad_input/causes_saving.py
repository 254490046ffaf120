"""Causes of problems when a connection is saved."""

from __future__ import annotations

import socket

import httpx

from smaply_metrics_core import Issue, Problem
from smaply_metrics_core.host import ConnectionStatus
from tests.bad_input.cause import Where, Works, cause
from tests.bad_input.connected_account import ADMIN, HOST, TOKEN, World, problem_of


@cause(
    "The host is entered as a URL",
    Where.SAVE,
    kind="credentials_invalid",
    says=("Base URL", "only the host name"),
    advises=(f"Use `{HOST}`",),
)
def host_as_url(world: World) -> Problem:
    """A URL from the browser is entered; the correct host is suggested."""
    problem = world.refused(base_url=f"https://{HOST}/Q/MyProjectsSection?x=1")
    assert [(field.name, field.suggestion) for field in problem.fields] == [("base_url", HOST)]
    assert world.calls() == 0
    return problem


@cause(
    "The host is not a Qualtrics host",
    Where.SAVE,
    kind="credentials_invalid",
    says=("not a Qualtrics host", "iad1.qualtrics.com"),
    advises=("Correct the Base URL",),
)
def foreign_host(world: World) -> Problem:
    """A host that only looks similar is rejected without a request."""
    world.transport = _never
    return world.refused(base_url=f"{HOST}.example.com")


@cause(
    "The operator does not allow the host",
    Where.SAVE,
    kind="destination_refused",
    says=(HOST, "does not allow the host"),
    advises=("acme.iad1.qualtrics.com", "ask the operator"),
)
def host_not_allowed(world: World) -> Problem:
    """A host that is not on the allow-list is rejected without a request."""
    world.transport = _never
    world.allowed_hosts = {"qualtrics": ("acme.iad1.qualtrics.com",)}
    return world.refused(base_url=HOST)


@cause(
    "The host name cannot be resolved",
    Where.SAVE,
    kind="unreachable",
    issue=Issue.CONNECTION,
    says=("iad9.qualtrics.com", "cannot be resolved"),
    advises=("typing error",),
)
def host_unknown(world: World) -> Problem:
    """DNS has no such name."""
    world.transport = lambda: httpx.MockTransport(_unknown_name)
    return world.refused(base_url="iad9.qualtrics.com")


@cause(
    "Another service answers at the host",
    Where.SAVE,
    kind="unreachable",
    issue=Issue.CONNECTION,
    says=(HOST, "not a Qualtrics API host"),
    advises=("Datacenter ID",),
)
def other_service(world: World) -> Problem:
    """The service sends a web page; it never gets the token."""
    world.fault("whoami", kind="html", status=200)
    problem = world.refused()
    assert [call["authorized"] for call in world.state.calls()] == [False]
    return problem


@cause(
    "The host is that of another data centre",
    Where.SAVE,
    kind="remote_error",
    issue=Issue.CONNECTION,
    says=(HOST, "sjc1.qualtrics.com"),
    advises=("Enter `sjc1.qualtrics.com`",),
)
def wrong_data_centre(world: World) -> Problem | None:
    """Qualtrics forwards reads; the connection is saved with a warning."""
    world.state.set_account(proxied_to="sjc1.qualtrics.com")
    view = world.connect(world.open())
    assert view.status is ConnectionStatus.WARNING
    return view.problem


@cause(
    "White space around the token",
    Where.SAVE,
    says=("Connected",),
    advises=("Nothing",),
)
def white_space(world: World) -> Works:
    """White space around the token is trimmed."""
    view = world.connect(
        world.open(), api_token=f" \t{TOKEN}\r\n", base_url=f" {world.sandbox.host} "
    )
    assert (view.status, view.problem) == (ConnectionStatus.CONNECTED, None)
    return Works("Connected; white space around the values is trimmed.", "Nothing.")


@cause(
    "A line break or a space inside the token",
    Where.SAVE,
    kind="credentials_invalid",
    says=("API token", "a space or line break"),
    advises=("Correct the API token",),
)
def token_in_two_lines(world: World) -> Problem:
    """A token of two lines is rejected without a request, and is not repeated."""
    problem = world.refused(api_token=f"{TOKEN[:20]}\n{TOKEN[20:]}")
    assert world.calls() == 0
    assert TOKEN[:20] not in problem.model_dump_json()
    return problem


@cause(
    "A non-ASCII character in the token",
    Where.SAVE,
    kind="credentials_invalid",
    says=("API token", "accented or invisible characters"),
    advises=("Correct the API token",),
)
def token_with_accent(world: World) -> Problem:
    """A character that is not valid in headers is rejected without a request."""
    problem = world.refused(api_token=f"{TOKEN[:-1]}é")
    assert world.calls() == 0
    return problem


@cause(
    "The token is mistyped",
    Where.SAVE,
    kind="credential_refused",
    issue=Issue.AUTHENTICATION,
    says=("rejected the API token",),
    advises=("Account Settings → Qualtrics IDs",),
)
def mistyped(world: World) -> Problem:
    """Qualtrics rejects the token, and nothing is saved."""
    return world.refused(api_token=TOKEN[::-1])


@cause(
    "API access is not enabled",
    Where.SAVE,
    kind="access_missing",
    issue=Issue.AUTHENTICATION,
    says=("no access to the Qualtrics API",),
    advises=("Access API", "licence"),
)
def no_api_access(world: World) -> Problem:
    """The token is valid, but its user lacks the permission."""
    world.state.set_account(api_access=False)
    return world.refused()


@cause(
    "No survey is visible",
    Where.SAVE,
    kind="no_surveys",
    issue=Issue.SURVEYS,
    says=("cannot see any survey",),
    advises=("share a survey", "by their ID"),
)
def no_survey(world: World) -> Problem | None:
    """The connection is saved with the issue as a warning."""
    for survey_id in tuple(world.state.surveys):
        world.state.share(survey_id, listed=False)
    view = world.connect(world.open())
    assert view.status is ConnectionStatus.WARNING
    return view.problem


@cause(
    "No key is configured",
    Where.SAVE,
    kind="key_missing",
    says=("SMAPLY_METRICS_ENCRYPTION_KEYS",),
    advises=("smaply-metrics key generate",),
)
def no_key(world: World) -> Problem:
    """Without a key, nothing is stored and no request is sent."""
    world.environment = {"SMAPLY_METRICS_ENCRYPTION_KEYS": ""}
    problem = world.refused()
    assert world.calls() == 0
    assert TOKEN.encode() not in b"".join(
        path.read_bytes() for path in world.home.iterdir() if path.is_file()
    )
    return problem


@cause(
    "The account is already connected",
    Where.SAVE,
    kind="already_exists",
    says=("already",),
    advises=("Edit",),
)
def second_connection(world: World) -> Problem:
    """A second connection to a source requires a name."""
    host = world.open()
    world.connect(host)
    problem = problem_of(lambda: world.connect(host, api_token=TOKEN))
    assert len(host.connections.list(ADMIN)) == 1
    return problem


def _never() -> httpx.BaseTransport:
    """Fail the test, since no request may be sent."""
    raise AssertionError("a request was sent")


def _unknown_name(request: httpx.Request) -> httpx.Response:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    raise httpx.ConnectError("no such name", request=request) from unknown
