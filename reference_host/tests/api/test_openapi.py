"""The OpenAPI document: its operations and what each one documents."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from reference_host.tests.api.openapi_client import body_schema, calls, resolved
from smaply_metrics_host.app import create_app
from smaply_metrics_host.settings import HostSettings

if TYPE_CHECKING:
    from collections.abc import Iterator

CALLS = """
    viewer  GET     /api/session                                    show_session
    editor  GET     /api/sources                                    list_sources
    admin   GET     /api/sources/{source_id}/form                   show_source_form
    editor  GET     /api/connections                                list_connections
    admin   POST    /api/connections                                connect
    editor  GET     /api/connections/{connection_id}                show_connection
    admin   PATCH   /api/connections/{connection_id}                edit_connection
    admin   DELETE  /api/connections/{connection_id}                delete_connection
    admin   POST    /api/connections/{connection_id}/check          check_connection
    admin   POST    /api/connections/{connection_id}/rename         rename_connection
    editor  GET     /api/connections/{connection_id}/surveys        list_surveys
    admin   GET     /api/connections/{connection_id}/chosen-surveys  show_chosen_surveys
    admin   PUT     /api/connections/{connection_id}/chosen-surveys  choose_surveys
    editor  GET     /api/connections/{connection_id}/questionnaire  show_questionnaire
    editor  POST    /api/connections/{connection_id}/options        list_options
    editor  GET     /api/windows                                    list_windows
    editor  POST    /api/previews                                   start_preview
    viewer  GET     /api/metrics                                    list_metrics
    editor  POST    /api/metrics                                    create_metric
    viewer  GET     /api/metrics/{metric_id}                        show_metric
    editor  PATCH   /api/metrics/{metric_id}                        edit_metric
    editor  DELETE  /api/metrics/{metric_id}                        delete_metric
    viewer  GET     /api/metrics/{metric_id}/maps                   list_metric_uses
    viewer  GET     /api/cards                                      load_cards
    editor  POST    /api/cards/refresh                              refresh_cards
    viewer  GET     /api/maps                                       list_maps
    editor  POST    /api/maps                                       create_map
    viewer  GET     /api/maps/{map_id}                              show_map
    editor  PATCH   /api/maps/{map_id}                              rename_map
    editor  DELETE  /api/maps/{map_id}                              delete_map
    editor  POST    /api/maps/{map_id}/stages                       add_stage
    editor  PATCH   /api/maps/{map_id}/stages/{stage_id}            rename_stage
    editor  DELETE  /api/maps/{map_id}/stages/{stage_id}            remove_stage
    editor  POST    /api/maps/{map_id}/lanes                        add_lane
    editor  PATCH   /api/maps/{map_id}/lanes/{lane_id}              rename_lane
    editor  DELETE  /api/maps/{map_id}/lanes/{lane_id}              remove_lane
    editor  PUT     /api/maps/{map_id}/texts                        write_text
    editor  POST    /api/maps/{map_id}/placed-cards                 place_card
    editor  PATCH   /api/maps/{map_id}/placed-cards/{card_id}       restyle_card
    editor  DELETE  /api/maps/{map_id}/placed-cards/{card_id}       take_card_off
    editor  GET     /api/maps/{map_id}/share-links                  list_share_links
    editor  POST    /api/maps/{map_id}/share-links                  create_share_link
    editor  DELETE  /api/maps/{map_id}/share-links/{link_id}        revoke_share_link
    admin   POST    /api/debug-bundles                              start_debug_bundle
    viewer  GET     /api/jobs/{job_id}                              show_job
    viewer  POST    /api/jobs/{job_id}/cancel                       cancel_job
    viewer  GET     /api/jobs/{job_id}/file                         download_file
    viewer  GET     /api/account                                    show_account
    admin   PUT     /api/account                                    change_account
    admin   GET     /api/account/share-links                        list_account_share_links
    admin   GET     /api/people                                     list_people
    admin   POST    /api/people                                     invite_person
    admin   PATCH   /api/people/{person_id}                         change_role
    admin   DELETE  /api/people/{person_id}                         remove_person
    viewer  GET     /api/workspaces                                 list_workspaces
    admin   POST    /api/workspaces                                 add_workspace
    admin   PATCH   /api/workspaces/{workspace_id}                  rename_workspace
"""


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The OpenAPI document, which no test changes; generating it takes half a second."""
    home = tmp_path_factory.mktemp("home")
    app = create_app(HostSettings.from_environment(home, "http://127.0.0.1:1", {}))
    made: dict[str, Any] = app.openapi()
    return made


def schemas_in(document: dict[str, Any], part: object) -> Iterator[dict[str, Any]]:
    """Yield every schema with one JSON type in a part of the document, following references."""
    pending, seen = [part], list[object]()
    while pending:
        one = pending.pop()
        if isinstance(one, list):
            pending += one
        if not isinstance(one, dict) or one in seen:
            continue
        seen.append(one)
        if isinstance(one.get("type"), str):
            yield one
        pending.append(resolved(document, one) if "$ref" in one else None)
        pending += [value for name, value in one.items() if name not in {"examples", "default"}]


def test_the_operations_are_stable(document: dict[str, Any]) -> None:
    """Operations and their roles do not change unnoticed."""
    found = [
        (call["x-role"], method, path, call["operationId"])
        for method, path, call in calls(document)
    ]

    assert found == [tuple(line.split()) for line in CALLS.strip().splitlines()]


def test_every_operation_is_described(document: dict[str, Any]) -> None:
    """Each operation has a summary, its role, and a tag with a description."""
    subjects = {tag["name"]: tag["description"] for tag in document["tags"]}

    for _, path, call in calls(document):
        assert re.fullmatch(r"[A-Z].{8,120}[^.]", call["summary"]), path
        assert f"Requires the {call['x-role'].capitalize()} role." in call["description"]
        (tag,) = call["tags"]
        assert subjects[tag]


def test_every_required_value_has_an_example(document: dict[str, Any]) -> None:
    """Required parameters and request bodies have examples."""
    for _, path, call in calls(document):
        for parameter in call.get("parameters", ()):
            assert parameter["schema"].get("examples") or not parameter["required"], path
            assert parameter["schema"]
        schema = body_schema(document, call)
        assert schema is None or schema["examples"], path


def test_every_operation_documents_its_errors(document: dict[str, Any]) -> None:
    """Each possible error status is documented, with a ``Problem`` as its body."""
    for method, path, call in calls(document):
        changes, takes_body = method != "GET", "requestBody" in call
        expected = {401, 422, 503}
        expected |= {403} if changes or call["x-role"] != "viewer" else set()
        expected |= {404} if "{" in path else set()
        expected |= {413, 415} if takes_body else set()
        statuses = {int(status) for status in call["responses"]}
        assert expected <= statuses, path

        for status in statuses:
            answer = resolved(document, call["responses"][str(status)])
            assert answer["description"]
            if status >= 400:
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/Problem"}
    assert "HTTPValidationError" not in document["components"]["schemas"]


def test_every_operation_documents_its_security(document: dict[str, Any]) -> None:
    """Every operation requires the session cookie, and every change the CSRF header."""
    schemes = document["components"]["securitySchemes"]
    assert (schemes["session"]["in"], schemes["session"]["name"]) == ("cookie", "smaply_session")
    assert (schemes["csrf"]["in"], schemes["csrf"]["name"]) == ("header", "X-CSRF-Token")

    for method, path, call in calls(document):
        (needed,) = call["security"]
        assert set(needed) == ({"session"} if method == "GET" else {"session", "csrf"}), path


def test_created_objects_are_linked(document: dict[str, Any]) -> None:
    """A response with a ``Location`` links to the operation that shows the new object."""
    followed = {
        call["operationId"]: (status, list(answer["links"]))
        for _, _, call in calls(document)
        for status, answer in call["responses"].items()
        if "links" in answer and answer["headers"]["Location"]["required"]
    }

    assert followed == {
        "connect": ("201", ["show_connection"]),
        "create_metric": ("201", ["show_metric"]),
        "create_map": ("201", ["show_map"]),
        "start_preview": ("202", ["show_job"]),
        "start_debug_bundle": ("202", ["show_job"]),
    }


def test_request_bodies_have_limits(document: dict[str, Any]) -> None:
    """Texts, lists and numbers of request bodies have limits; unknown fields are forbidden."""
    for _, path, call in calls(document):
        for schema in schemas_in(document, body_schema(document, call)):
            names = set(schema)
            match schema["type"]:
                case "string":
                    assert names & {"maxLength", "enum", "pattern", "format", "const"}, path
                case "array":
                    assert "maxItems" in names, path
                case "number" | "integer":
                    assert names & {"maximum", "enum"}, path
                case "object":
                    assert schema.get("additionalProperties") is False or "maxProperties" in names


def test_it_names_no_server(document: dict[str, Any]) -> None:
    """The document does not contain the address of the host."""
    assert "servers" not in document
    assert "127.0.0.1" not in str(document)
