"""Causes that are met when a connection is saved."""

from __future__ import annotations

import socket

import httpx

from smaply_metrics_core import Issue, Problem
from smaply_metrics_core.host import ConnectionStatus
from tests.bad_input.cause import Where, Works, cause
from tests.bad_input.connected_account import ADMIN, HOST, TOKEN, World, problem_of


@cause(
    "The host is pasted as a URL",
    Where.SAVE,
    kind="credentials_invalid",
    says=("Base URL", "only the host name"),
    advises=(f"Use `{HOST}`",),
)
def host_as_url(world: World) -> Problem:
    """The address of the browser's bar is entered; the right host is offered."""
    problem = world.refused(base_url=f"https://{HOST}/Q/MyProjectsSection?x=1")
    assert [(field.name, field.suggestion) for field in problem.fields] == [("base_url", HOST)]
    assert world.calls() == 0
    return problem


@cause(
    "The host is none of Qualtrics",
    Where.SAVE,
    kind="credentials_invalid",
    says=("not a Qualtrics host", "iad1.qualtrics.com"),
    advises=("Correct Base URL",),
)
def foreign_host(world: World) -> Problem:
    """A host that only looks right is refused; nothing is called."""
    world.transport = _never
    return world.refused(base_url=f"{HOST}.example.com")


@cause(
    "The operator allows other hosts only",
    Where.SAVE,
    kind="destination_refused",
    says=(HOST, "not among the hosts"),
    advises=("acme.iad1.qualtrics.com", "ask the operator"),
)
def host_not_allowed(world: World) -> Problem:
    """A host that the operator has not named is refused; nothing is called."""
    world.transport = _never
    world.allowed_hosts = {"qualtrics": ("acme.iad1.qualtrics.com",)}
    return world.refused(base_url=HOST)


@cause(
    "The host does not resolve",
    Where.SAVE,
    kind="unreachable",
    issue=Issue.CONNECTION,
    says=("iad9.qualtrics.com", "does not resolve"),
    advises=("typing error",),
)
def host_unknown(world: World) -> Problem:
    """The name server knows no such name."""
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
    """A web page answers; the token is never shown to it."""
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
    """Qualtrics forwards what is read; the connection is saved with a warning."""
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
    """What was copied along with the token is trimmed."""
    view = world.connect(
        world.open(), api_token=f" \t{TOKEN}\r\n", base_url=f" {world.sandbox.host} "
    )
    assert (view.status, view.problem) == (ConnectionStatus.CONNECTED, None)
    return Works("Connected: white space around a value is trimmed.", "Nothing.")


@cause(
    "A line break or a space inside the token",
    Where.SAVE,
    kind="credentials_invalid",
    says=("API token", "inside"),
    advises=("Correct API token",),
)
def token_in_two_lines(world: World) -> Problem:
    """Two lines are no token; nothing is called, and the token is not repeated."""
    problem = world.refused(api_token=f"{TOKEN[:20]}\n{TOKEN[20:]}")
    assert world.calls() == 0
    assert TOKEN[:20] not in problem.model_dump_json()
    return problem


@cause(
    "A non-ASCII character in the token",
    Where.SAVE,
    kind="credentials_invalid",
    says=("API token", "characters that no token has"),
    advises=("Correct API token",),
)
def token_with_accent(world: World) -> Problem:
    """A character that no header can carry is refused; nothing is called."""
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
    """Qualtrics refuses it: that is no outage, and nothing is saved."""
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
    """The token is right, and its user lacks the permission."""
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
    advises=("secrets.token_bytes(32)",),
)
def no_key(world: World) -> Problem:
    """Without a key nothing is sealed, so nothing is saved and nothing is called."""
    world.environment = {"SMAPLY_METRICS_ENCRYPTION_KEYS": ""}
    problem = world.refused()
    assert world.calls() == 0
    assert TOKEN.encode() not in b"".join(
        path.read_bytes() for path in world.home.iterdir() if path.is_file()
    )
    return problem


@cause(
    "There is a connection already",
    Where.SAVE,
    kind="already_exists",
    says=("already",),
    advises=("Edit",),
)
def second_connection(world: World) -> Problem:
    """An account has one connection for each source."""
    host = world.open()
    world.connect(host)
    problem = problem_of(lambda: world.connect(host, api_token=TOKEN))
    assert len(host.connections.list(ADMIN)) == 1
    return problem


def _never() -> httpx.BaseTransport:
    """Fail the test when anything is called."""
    raise AssertionError("a request was about to be made")


def _unknown_name(request: httpx.Request) -> httpx.Response:
    unknown = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    raise httpx.ConnectError("no such name", request=request) from unknown
