"""Every route of the app: access, CSRF tokens, security headers, hostile input."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlencode

import pytest
from fastapi import routing

from reference_host.tests.api.seeded_account import Prepared, prepare, program, snapshot
from reference_host.tests.app_fixture import NAMES, TOKEN
from smaply_metrics_core.host import EnteredUnit, Role
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.metric_form.drafts import PutAside
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.rendering.templating import HERE
from smaply_metrics_host.uploads.staged_uploads import StagedUpload, new_upload_id
from smaply_metrics_host.web.authentication import COOKIE
from smaply_metrics_host.web.middleware import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    import httpx
    from fastapi import FastAPI

    from reference_host.tests.app_fixture import World

OPEN: Final = {
    "GET /charts/vega.js",
    "GET /healthz",
    "GET /livez",
    "GET /readyz",
    "GET /openapi.json",
    "GET /sign-in",
    "GET /sign-in/{token}",
    "POST /sign-in/{token}",
    "GET /static/{digest}/{name}",
}
SHARED: Final = {
    "GET /shared/{token}/cards",
    "GET /shared/{token}/charts.json",
    "GET /shared/{token}/charts/{digest}.svg",
    "GET /shared/{token}/events",
    "GET /shared/{token}/map",
}
"""Pages that require the token of a share link instead of a role."""
VIEWER: Final = {
    "GET /",
    "GET /jobs/{job_id}",
    "GET /jobs/{job_id}/events",
    "GET /jobs/{job_id}/file",
    "POST /jobs/{job_id}/cancel",
    "GET /maps",
    "GET /maps/{map_id}",
    "GET /maps/{map_id}/cards",
    "GET /maps/{map_id}/cards/{card_id}",
    "GET /maps/{map_id}/cards/{card_id}/card.{file_type}",
    "GET /maps/{map_id}/charts.json",
    "GET /maps/{map_id}/charts/{digest}.svg",
    "GET /maps/{map_id}/events",
    "GET /metrics",
    "POST /sign-out",
}
EDITOR: Final = ("/maps", "/metrics", "/settings", "/settings/integrations")
"""Pages for Editors: these, and all pages below the first two."""
OWNED: Final = {
    "map_id",
    "metric_id",
    "person_id",
    "workspace_id",
    "card_id",
    "job_id",
    "draft",
    "upload_id",
    "table_id",
    "link_id",
}
"""Parameters with ids of one account."""
CACHEABLE: Final = re.compile(r"/static/|/charts/vega\.js|/maps/[^/]+/charts[/.]")
"""Paths whose responses browsers may cache: static files, and charts with a digest."""
HOSTILE: Final = (
    "9" * 5000,
    "-1e999",
    "../../../etc/passwd",
    "<img src=x onerror=alert(1)>\0\u202e\u2066\x07\ufffe😀",
    "javascript:alert(1)",
)


@dataclass(frozen=True)
class Route:
    """A route of the app.

    Attributes:
        needs: The required role; None if it is public.
        queries: The names of its query parameters.
    """

    method: str
    path: str
    needs: Role | None
    queries: tuple[str, ...]

    @property
    def api(self) -> bool:
        """Whether it is an operation of the API."""
        return self.path.startswith("/api/")

    @property
    def names(self) -> set[str]:
        """The names of its path parameters."""
        return set(re.findall(r"{(\w+)}", self.path))

    def at(self, values: dict[str, str]) -> str:
        """Return its path with values."""
        return re.sub(r"{(\w+)}", lambda found: values[found[1]], self.path)


@dataclass
class Visitor:
    """A client that requests every route and stores the responses."""

    client: httpx.Client
    csrf: str = ""
    answers: list[httpx.Response] = field(default_factory=list)

    def request(
        self, route: Route, address: str, *, csrf: str | None = None, **given: str
    ) -> httpx.Response:
        """Send a form or a JSON body; an event stream is not read."""
        headers = {"x-csrf-token": self.csrf if csrf is None else csrf}
        sent: dict[str, Any] = {}
        if route.method not in SAFE:
            sent = {"json": given} if route.api else {"data": given}
        with self.client.stream(
            route.method, address, headers=headers, follow_redirects=False, **sent
        ) as answer:
            if "event-stream" not in answer.headers.get("content-type", ""):
                answer.read()
            else:
                answer._content = b""  # noqa: SLF001  # The stream does not end.
        self.answers.append(answer)
        return answer


def every_route(app: FastAPI) -> Iterator[Route]:
    """Yield the routes of the app."""
    roles = {
        (method.upper(), path): Role[call["x-role"].upper()]
        for path, calls in app.openapi()["paths"].items()
        for method, call in calls.items()
    }
    # Earlier releases of FastAPI have a flat list of routes.
    walk: Callable[[Any], Iterable[Any]] = getattr(routing, "iter_route_contexts", iter)
    for one in walk(app.routes):
        dependant = getattr(one, "dependant", None)
        queries = tuple(each.alias for each in dependant.query_params) if dependant else ()
        for method in one.methods - {"HEAD"}:
            name = f"{method} {one.path}"
            needs = (
                None if name in OPEN | SHARED else roles.get((method, one.path)) or _needed(name)
            )
            yield Route(method, one.path, needs, queries)


def _needed(name: str) -> Role:
    """Return the required role of a page."""
    if name in VIEWER:
        return Role.VIEWER
    path = name.partition(" ")[2]
    if path in EDITOR or path.startswith(("/maps/", "/metrics/")):
        return Role.EDITOR
    assert path.startswith("/settings/"), f"add the required role of {name} here"
    return Role.ADMIN


def visitor(world: World, role: Role | None, account: str) -> Visitor:
    """Return a client of a signed-in person."""
    client = program(world, role, account)
    return Visitor(client, client.headers.pop("x-csrf-token", ""))


def path_values(world: World, prepared: Prepared) -> dict[str, str]:
    """Return values of path parameters: ids of an account, and a job and a draft of its Admin."""
    app_state = world.app_state
    (admin,) = (
        one
        for one in app_state.people.of_account(prepared.account)
        if one.name == NAMES[Role.ADMIN]
    )

    async def work(job: Job) -> JobResult:
        job.file = app_state.downloads.path(job.id)
        job.file.write_bytes(b"a file")
        return JobResult("")

    async def begin() -> str:
        job = app_state.jobs.start(admin, "A file", work)
        await job.ended()
        return job.id

    async def stage() -> str:
        upload = StagedUpload(new_upload_id(), "visits.csv", MetricForm(), "visits")
        await app_state.staged_uploads.put(admin, upload, b"recorded_at,nps\n2026-01-05,9\n")
        return upload.id

    add_table = app_state.metrics.entered_values.add
    table = world.run(add_table(world.actor(), "Calls", EnteredUnit.POINTS)).table
    return {
        "source": prepared.connection,
        "source_id": "csv_example",
        "connection_id": prepared.connection,
        "map_id": prepared.map,
        "metric_id": prepared.metric,
        "person_id": prepared.person,
        "workspace_id": prepared.workspace,
        "stage_id": prepared.stage,
        "lane_id": prepared.text_lane,
        "card_id": prepared.card,
        "file_type": "csv",
        "page": "new",
        "part": "stages",
        "part_id": prepared.stage,
        "link_id": prepared.share_link,
        "job_id": world.run(begin()),
        "draft": app_state.drafts.put(admin, PutAside(MetricForm())),
        "upload_id": world.run(stage()),
        "table_id": table.id,
        "digest": "0" * 16,
        "name": "base.css",
        "token": "unknown",
    }


def fields_of_forms() -> dict[str, str]:
    """Return a value for each field of all forms."""
    text = "".join(one.read_text(encoding="utf-8") for one in (HERE / "templates").glob("*.html"))
    names = set(re.findall(r'name="([a-z_0-9-]+)"', text)) | {"week_start", "filter-0-of"}
    return dict.fromkeys(names - {"csrf_token"}, "x")


def check_headers(answer: httpx.Response, secrets: list[str]) -> None:
    """Check the security headers, and that the response contains no secret."""
    where, headers = f"{answer.request.method} {answer.url.path}", answer.headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy, where
    assert "frame-ancestors 'none'" in policy, where
    assert "unsafe" not in policy, where
    assert headers["x-content-type-options"] == "nosniff", where
    shared = answer.url.path.startswith("/shared/")
    assert headers["referrer-policy"] == ("no-referrer" if shared else "same-origin"), where
    cacheable = CACHEABLE.match(answer.url.path) is not None and answer.status_code == 200
    assert cacheable or "no-store" in headers["cache-control"], where
    assert headers.get("location", "/").startswith("/"), where
    for secret in secrets:
        assert secret not in answer.text, where


@dataclass
class AccessCheck:
    """Clients with each role in one account, and an Admin of another account.

    Attributes:
        values: The values of path parameters.
        given: The values of forms.
    """

    people: dict[Role | None, Visitor]
    other: Visitor
    values: dict[str, str]
    given: dict[str, str]

    def check(self, route: Route) -> None:
        """Check the access to a route with each role, and without a CSRF token."""
        query = urlencode({name: self.given.get(name, "") for name in route.queries})
        address = route.at(self.values) if route.api else f"{route.at(self.values)}?{query}"
        name = f"{route.method} {route.path}"
        stranger = self.people[None].request(route, address)
        if route.needs is None:
            assert stranger.status_code in ({404} if name in SHARED else {200, 422}), name
            return
        sent_on = stranger.status_code, stranger.headers.get("location")
        assert sent_on == ((401, None) if route.api else (303, "/sign-in")), name
        for role in Role:
            if role < route.needs:
                refused = self.people[role].request(route, address, **self.given)
                assert refused.status_code == 403, name
        if OWNED & route.names and not route.api:  # test_fuzz covers the API.
            assert self.other.request(route, address, **self.given).status_code == 404, name
        admin = self.people[Role.ADMIN]
        if route.method in SAFE:
            assert admin.request(route, address).status_code < 500, name
            return
        for csrf in ("", "00" * 64, self.other.csrf):
            assert admin.request(route, address, csrf=csrf, **self.given).status_code == 403, name


@pytest.mark.usefixtures("canned_charts")
def test_every_route_checks_access(world: World) -> None:
    """Requests without a session, role, account or CSRF token are refused and change nothing.

    Takes 5 s: a new route is tried on every change, as each role and with each fault.
    """
    ours, theirs = prepare(world, "acme"), prepare(world, "globex")
    people = {role: visitor(world, role, "acme") for role in (*Role, None)}
    other = visitor(world, Role.ADMIN, "globex")
    cell = {"lane": ours.text_lane, "stage": ours.stage, "text": "x", "metric": ours.metric}
    given = {**cell, "name": "Somebody", "role": "viewer", "theme": "light"}
    access = AccessCheck(people, other, path_values(world, ours), given)
    # So that opening a page starts no refresh.
    world.run(world.app_state.metrics.cards.load(world.actor(), wait=120.0))
    before = snapshot(world, ours), snapshot(world, theirs)

    for route in every_route(world.app):
        access.check(route)

    assert (snapshot(world, ours), snapshot(world, theirs)) == before
    for one in (*people.values(), other):
        session = one.client.cookies.get(COOKIE)
        for answer in one.answers:
            check_headers(answer, [TOKEN, session] if session else [TOKEN])


@pytest.mark.deep(reason="sends invalid input to every page")
def test_hostile_input_is_handled(world: World) -> None:
    """Hostile values in forms and URLs cause no server error and no unescaped markup."""
    ours = prepare(world, "acme")
    admin = visitor(world, Role.ADMIN, "acme")
    values = path_values(world, ours)
    fields = fields_of_forms()

    for route in every_route(world.app):
        if route.api or route.path in {"/sign-out", "/charts/vega.js"}:
            continue  # One ends the session; the other is slow and has no input.
        for hostile in HOSTILE:
            sent = dict.fromkeys(fields, hostile)
            query = urlencode(dict.fromkeys(route.queries, hostile))
            answer = admin.request(route, f"{route.at(values)}?{query}", **sent)
            assert answer.status_code < 500, f"{route.method} {route.path} with {hostile[:20]!r}"
            assert "<img src=x" not in answer.text, route.path
            assert 'href="javascript' not in answer.text, route.path
