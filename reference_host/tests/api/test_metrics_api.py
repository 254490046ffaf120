"""Connections, metrics, cards, previews and debug bundles in the API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.api.seeded_account import (
    FOLDER,
    QUESTION,
    ROWS,
    SOURCE,
    SURVEY,
    program,
)
from reference_host.tests.app_fixture import TOKEN
from smaply_metrics_core.host import Role
from smaply_metrics_host.jobs import MOST_RUNNING, Job, JobResult

if TYPE_CHECKING:
    from collections.abc import Iterator

    import httpx

    from reference_host.tests.api.seeded_account import Prepared
    from reference_host.tests.app_fixture import World

NPS = {"survey_id": SURVEY, "question_id": QUESTION, "calculation": "nps"}


@pytest.fixture
def admin(shared: World, prepared: Prepared) -> httpx.Client:
    """An API client of an Admin."""
    return program(shared, Role.ADMIN, prepared.account)


@pytest.fixture
def editor(shared: World, prepared: Prepared) -> httpx.Client:
    """An API client of an Editor."""
    return program(shared, Role.EDITOR, prepared.account)


@pytest.fixture
def healthy(shared: World) -> Iterator[World]:
    """The app; faults of the sandbox are cleared after the test."""
    yield shared
    shared.sandbox.state.clear_faults()
    shared.sandbox.state.set_token(TOKEN)


def ended(client: httpx.Client, started: httpx.Response) -> dict[str, Any]:
    """Wait for a job and return its final state."""
    assert started.status_code == 202, started.text
    job: dict[str, Any] = client.get(started.headers["location"], params={"wait": 20}).json()
    assert job["state"] != "running"
    return job


def test_surveys_are_chosen_by_admins(
    shared: World, prepared: Prepared, admin: httpx.Client, editor: httpx.Client
) -> None:
    """Editors are offered only these, and metrics of others are refused."""
    base = f"/api/connections/{prepared.connection}"
    folder = shared.app_state.settings.files_of(prepared.account) / FOLDER
    (folder / "returns.csv").write_text(ROWS, encoding="utf-8")
    before = admin.get(f"{base}/chosen-surveys", params={"reload": True}).json()
    assert (before["restricted"], before["version"]) == (False, 1)
    assert {one["id"]: one["metrics"] for one in before["surveys"]} == {SURVEY: 1, "returns": 0}
    assert editor.get(f"{base}/chosen-surveys").status_code == 403

    choice = {"version": 1, "survey_ids": ["returns"]}
    chosen = admin.put(f"{base}/chosen-surveys", json=choice)
    assert (chosen.status_code, chosen.json()["version"]) == (200, 2)
    again = admin.put(f"{base}/chosen-surveys", json=choice)
    assert (again.status_code, again.json()["kind"]) == (409, "changed_meanwhile")
    empty = admin.put(f"{base}/chosen-surveys", json={"version": 2, "survey_ids": []})
    assert empty.status_code == 422
    listed = editor.get(f"{base}/surveys").json()
    assert ([one["id"] for one in listed["surveys"]], listed["restricted"]) == (["returns"], True)
    query = {"survey_id": SURVEY}
    refused = editor.get(f"{base}/questionnaire", params=query)
    assert (refused.status_code, refused.json()["kind"]) == (422, "survey_not_chosen")
    (card,) = editor.get("/api/cards").json()
    assert card["freshness"] == "not_chosen"

    every = {"version": 2, "survey_ids": None}
    assert admin.put(f"{base}/chosen-surveys", json=every).json()["restricted"] is False


def test_a_source_is_connected_and_its_secret_masked(healthy: World, admin: httpx.Client) -> None:
    """An Admin connects, checks, edits and deletes; no response contains the token."""
    form = admin.get("/api/sources/qualtrics/form").json()
    values = {"base_url": healthy.sandbox.host, "api_token": TOKEN}

    made = admin.post("/api/connections", json={"source": "qualtrics", "values": values})
    again = admin.post("/api/connections", json={"source": "qualtrics", "values": values})
    shown = admin.get(made.headers["location"])
    checked = admin.post(f"{made.headers['location']}/check")
    edited = admin.patch(made.headers["location"], json={"values": {"api_token": TOKEN}})
    deleted = admin.delete("/api/connections/qualtrics")

    assert [field["label"] for field in form["fields"]] == ["API token", "Base URL"]
    assert made.status_code == 201
    assert again.status_code == 409
    assert {field["name"] for field in shown.json()["fields"]} == {"base_url", "api_token"}
    assert checked.json()["status"] == edited.json()["status"] == "connected"
    assert deleted.json() == {
        "id": made.json()["id"],
        "source": "qualtrics",
        "name": "Qualtrics",
        "metrics": [],
    }
    assert all(TOKEN not in answer.text for answer in (made, again, shown, checked, edited))
    assert admin.get(made.headers["location"]).status_code == 404


@pytest.mark.parametrize(
    ("changed", "status", "kind"),
    [
        ({"api_token": "another-token"}, 422, "credential_refused"),
        ({"api_token": ""}, 422, "credentials_invalid"),
        ({"base_url": "https://iad1.qualtrics.com/"}, 422, "credentials_invalid"),
        ({"colour": "red"}, 422, "credentials_invalid"),
    ],
)
def test_rejected_credentials_are_not_stored(
    healthy: World, admin: httpx.Client, changed: dict[str, str], status: int, kind: str
) -> None:
    """A failed check returns 422 and stores nothing."""
    values = {"base_url": healthy.sandbox.host, "api_token": TOKEN, **changed}

    answer = admin.post("/api/connections", json={"source": "qualtrics", "values": values})

    assert (answer.status_code, answer.json()["kind"]) == (status, kind)
    assert admin.get("/api/connections/qualtrics").status_code == 404


def test_a_viewer_sees_no_connection_and_an_editor_no_fields(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """Viewers cannot list connections; Editors see them without fields."""
    viewer = program(shared, Role.VIEWER, prepared.account)

    (shown,) = editor.get("/api/connections").json()

    assert shown["id"] == prepared.connection
    assert shown["fields"] == []
    assert viewer.get("/api/connections").status_code == 403
    assert editor.delete(f"/api/connections/{SOURCE}").status_code == 403


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        ({"status": 429, "headers": {"Retry-After": "90"}}, 503),
        ({"kind": "malformed"}, 502),
        ({"status": 401}, 502),
    ],
)
def test_a_failing_survey_tool_is_not_invalid_input(
    healthy: World, prepared: Prepared, fault: dict[str, Any], status: int
) -> None:
    """An outage returns 502, a rate limit 503 with ``Retry-After``."""
    healthy.connect(account=prepared.account)
    editor = program(healthy, Role.EDITOR, prepared.account)
    healthy.sandbox.state.add_fault("surveys", times=0, **fault)

    answer = editor.get("/api/connections/qualtrics/surveys")

    assert answer.status_code == status
    assert answer.json()["remedy"]
    if status == 503:
        assert 60 < int(answer.headers["retry-after"]) <= 90


def test_an_editor_reads_no_details_of_a_connection_problem(
    healthy: World, prepared: Prepared
) -> None:
    """A problem that an Admin can fix has no host name or remedy for an Editor."""
    healthy.connect(account=prepared.account)
    editor = program(healthy, Role.EDITOR, prepared.account)
    healthy.sandbox.state.set_token("another-token")
    definition = {"survey_id": "SV_RelationshipA01", "calculation": "responses"}
    body = {"connection": "qualtrics", "definition": definition}

    listed = editor.get("/api/connections/qualtrics/surveys", params={"reload": True})
    preview = ended(editor, editor.post("/api/previews", json=body))
    connection = editor.get("/api/connections/qualtrics")

    assert listed.json()["message"] == "The connection to the survey tool is broken."
    assert preview["problem"]["message"] == "The connection to Qualtrics is broken."
    for problem in (listed.json(), preview["problem"]):
        assert problem["remedy"] == "An Admin can fix it."
        assert problem["kind"] == "credential_refused"
    for answer in (listed, connection):
        assert healthy.sandbox.host not in answer.text
    assert healthy.sandbox.host not in str(preview)


def test_a_metric_is_chosen_step_by_step(editor: httpx.Client) -> None:
    """The API returns surveys, questions, valid options and the windows of a date range."""
    base = f"/api/connections/{SOURCE}"

    page = editor.get(f"{base}/surveys", params={"search": "PURCH", "limit": 1}).json()
    found = editor.get(f"{base}/questionnaire", params={"survey_id": SURVEY}).json()
    draft = {"type": "series", "question_id": QUESTION, "calculation": "nps"}
    options = editor.post(f"{base}/options", json={"survey_id": SURVEY, "draft": draft}).json()
    windows = editor.get("/api/windows", params={"preset": "last_month", "comparison": True}).json()

    assert [survey["id"] for survey in page["surveys"]] == [SURVEY]
    assert [question["id"] for question in found["questions"]] == [QUESTION]
    assert "field:country" in {option["value"] for option in options["group_bys"]}
    assert [window["name"] for window in windows] == ["current", "previous"]


def test_a_preview_is_a_job_with_a_rendered_result(editor: httpx.Client) -> None:
    """A preview contains the result, texts and a chart; nothing is saved."""
    definition = {**NPS, "type": "series", "group_by": {"kind": "field", "of": "country"}}
    body = {"connection": SOURCE, "definition": definition, "display": {"chart": "bar"}}

    job = ended(editor, editor.post("/api/previews", json=body))

    assert job["state"] == "done"
    assert [group["key"] for group in job["preview"]["result"]["groups"]] == ["AT", "DE"]
    drawing = job["preview"]["drawing"]
    assert drawing["chart"] == "bar"
    assert drawing["counted"] == "n = 100"
    assert drawing["vega_lite"]["$schema"].endswith("v6.json")
    assert [row[0] for row in drawing["table"]["rows"]] == ["AT", "DE"]
    assert editor.get("/api/metrics").json()["total"] == 1


def test_a_preview_of_an_unknown_question_fails(editor: httpx.Client) -> None:
    """A preview of a question that does not exist ends with a problem."""
    body = {"connection": SOURCE, "definition": {**NPS, "question_id": "gone"}}

    job = ended(editor, editor.post("/api/previews", json=body))

    assert job["state"] == "failed"
    assert job["problem"]["kind"] == "question_unavailable"


def test_a_job_can_be_cancelled(shared: World, prepared: Prepared, editor: httpx.Client) -> None:
    """Cancelling ends a running job; ``wait`` limits how long a request waits for it."""
    (person,) = (
        one for one in shared.app_state.people.of_account(prepared.account) if one.name == "Emil"
    )
    job = shared.run(_endless(shared, person))

    waiting = editor.get(f"/api/jobs/{job.id}", params={"wait": 0.05}).json()
    no_file = editor.get(f"/api/jobs/{job.id}/file")
    stopped = editor.post(f"/api/jobs/{job.id}/cancel").json()

    assert (waiting["state"], stopped["state"]) == ("running", "cancelled")
    assert no_file.status_code == 404


def test_a_job_belongs_to_the_person_who_started_it(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """Other people of the account cannot find a job."""
    body = {"connection": SOURCE, "definition": NPS}
    location = editor.post("/api/previews", json=body).headers["location"]

    assert program(shared, Role.ADMIN, prepared.account).get(location).status_code == 404


def test_the_number_of_running_jobs_is_limited(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """One job above the limit returns 429."""
    (person,) = (
        one for one in shared.app_state.people.of_account(prepared.account) if one.name == "Emil"
    )
    jobs = [shared.run(_endless(shared, person)) for _ in range(MOST_RUNNING)]

    answer = editor.post("/api/previews", json={"connection": SOURCE, "definition": NPS})

    assert answer.status_code == 429
    assert answer.json()["kind"] == "too_many_jobs"
    for job in jobs:
        editor.post(f"/api/jobs/{job.id}/cancel")


def test_a_metric_is_created_changed_and_deleted(prepared: Prepared, editor: httpx.Client) -> None:
    """A conflicting edit returns 409; deleting a metric removes its cards and lists the maps."""
    body = {
        "connection": SOURCE,
        "workspace": prepared.workspace,
        "name": "  NPS by month ",
        "definition": {**NPS, "type": "series", "group_by": {"kind": "period", "of": "month"}},
    }

    made = editor.post("/api/metrics", json=body)
    address = made.headers["location"]
    first = editor.patch(address, json={"version": 1, "name": "NPS of each month"})
    second = editor.patch(address, json={"version": 1, "name": "Monthly NPS"})
    listed = editor.get("/api/metrics", params={"search": "each", "workspace": prepared.workspace})
    used = editor.get(f"/api/metrics/{prepared.metric}/maps").json()
    deleted = editor.delete(f"/api/metrics/{prepared.metric}").json()

    assert (made.status_code, made.json()["name"]) == (201, "NPS by month")
    assert (first.status_code, first.json()["version"]) == (200, 2)
    assert (second.status_code, second.json()["kind"]) == (409, "changed_meanwhile")
    assert editor.get(address).json()["name"] == "NPS of each month"
    assert [one["name"] for one in listed.json()["metrics"]] == ["NPS of each month"]
    assert (listed.json()["total"], listed.json()["matching"]) == (2, 1)
    assert [(one["id"], one["cards"]) for one in used] == [(prepared.map, 1)]
    assert deleted["maps"] == used
    assert editor.get(f"/api/maps/{prepared.map}").json()["cards"] == []


@pytest.mark.parametrize(
    ("changed", "status", "kind"),
    [
        ({"connection": "qualtrics"}, 404, "not_found"),
        ({"workspace": "wor_of_others"}, 404, "not_found"),
        ({"definition": {**NPS, "survey_id": "gone"}}, 404, "survey_unavailable"),
        ({"definition": {**NPS, "question_id": "gone"}}, 422, "question_unavailable"),
        ({"definition": {**NPS, "type": "series"}}, 422, "query_invalid"),
        ({"name": "\n"}, 422, "invalid_input"),
    ],
)
def test_an_invalid_metric_is_refused(
    prepared: Prepared,
    editor: httpx.Client,
    changed: dict[str, Any],
    status: int,
    kind: str,
) -> None:
    """A metric is validated against its survey before it is stored."""
    body = {
        "connection": SOURCE,
        "workspace": prepared.workspace,
        "name": "NPS",
        "definition": NPS,
        **changed,
    }

    answer = editor.post("/api/metrics", json=body)

    assert (answer.status_code, answer.json()["kind"]) == (status, kind)


def test_cards_return_immediately_or_wait_for_a_refresh(
    shared: World, prepared: Prepared, editor: httpx.Client
) -> None:
    """``refresh=False`` returns stored values; ``wait`` returns the refreshed ones."""
    viewer = program(shared, Role.VIEWER, prepared.account)
    which = {"metric": prepared.metric}

    (stored,) = viewer.get("/api/cards", params={**which, "refresh": False}).json()
    (fresh,) = viewer.get("/api/cards", params={**which, "wait": 20, "draw": "dark"}).json()
    forced = editor.post(
        "/api/cards/refresh", json={"metrics": [prepared.metric], "wait": 20}
    ).json()

    assert (stored["freshness"], stored["result"], stored["drawing"]) == ("never", None, None)
    assert (fresh["freshness"], fresh["text"]) == ("fresh", "\u221240")
    assert fresh["drawing"]["headline"]["text"] == "\u221240"
    assert forced[0]["as_of"] > fresh["as_of"]
    assert len(viewer.get("/api/cards").json()) == 1
    assert viewer.post("/api/cards/refresh", json={"metrics": ["m"]}).status_code == 403


def test_a_debug_bundle_is_a_job_with_a_file(admin: httpx.Client) -> None:
    """The file is a zip; for a survey that does not exist, ``missing`` has the problem."""
    jobs = [
        ended(
            admin,
            admin.post("/api/debug-bundles", json={"connection": SOURCE, "survey_id": survey}),
        )
        for survey in (SURVEY, "gone/../survey")
    ]
    files = [admin.get(job["file"]) for job in jobs]

    assert [job["state"] for job in jobs] == ["done", "done"]
    assert [job["missing"] and job["missing"]["kind"] for job in jobs] == [
        None,
        "survey_unavailable",
    ]
    for file, name in zip(files, (SURVEY, "gone_survey"), strict=True):
        assert file.headers["content-type"] == "application/zip"
        assert f'filename="{SOURCE}-{name}-20' in file.headers["content-disposition"]
        assert file.content.startswith(b"PK")


async def _endless(world: World, person: Any) -> Job:  # noqa: ANN401  # A Person.
    import asyncio

    async def work(_: Job) -> JobResult:
        await asyncio.sleep(60)
        return JobResult("")

    return world.app_state.jobs.start(person, "Something long", work)
