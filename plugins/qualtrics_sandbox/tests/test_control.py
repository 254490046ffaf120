"""Tests of controlling a running sandbox over HTTP and from Python."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from plugins.qualtrics_sandbox.tests.support import NOW, SURVEY, TOKEN, Client
from smaply_metrics_qualtrics_sandbox import SandboxError


def cells(client: Client, header: str) -> list[str]:
    """Return the cells below a header."""
    rows = client.rows()
    return [row[rows[0].index(header)] for row in rows[3:]]


class TestToken:
    """Changing the token and the account."""

    def test_a_revoked_token_is_unauthorized(self, own: Client) -> None:
        """A new token works."""
        assert own.control("/token", {"token": None}).json() == {"ok": True}
        assert own.get("/whoami").status_code == 401
        own.state.set_token("another")
        assert own.get("/whoami").status_code == 401
        assert own.get("/whoami", headers={"X-API-TOKEN": "another"}).status_code == 200

    @pytest.mark.parametrize("body", [None, {}, {"token": 5}, {"token": " "}, {"tokn": "x"}])
    def test_an_invalid_body_changes_nothing(self, own: Client, body: object) -> None:
        """The error states what is required."""
        answer = own.control("/token", body)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert own.get("/whoami").status_code == 200

    def test_a_deactivated_user_is_unauthorized_everywhere(self, own: Client) -> None:
        """Calls work again after reactivation."""
        own.control("/account", {"deactivated": True})
        for path in ("/whoami", "/surveys", f"/surveys/{SURVEY}", f"/survey-definitions/{SURVEY}"):
            assert own.get(path).status_code == 401
        assert own.start({"format": "csv"}).status_code == 401
        own.state.set_account(deactivated=False)
        assert own.get("/whoami").status_code == 200

    def test_a_user_without_api_access_is_forbidden_everywhere(self, own: Client) -> None:
        """The error differs from that of an invalid token."""
        own.control("/account", {"api_access": False})
        answer = own.get("/whoami")
        assert answer.status_code == 403
        assert answer.json()["meta"]["error"] == {
            "errorMessage": "This user does not have access to this API endpoint.",
            "errorCode": "AuthZ_2.0",
        }
        assert own.start({"format": "csv"}).status_code == 403

    def test_an_account_in_another_data_centre_is_forwarded(self, own: Client) -> None:
        """Reads have a notice, and exports cannot be started."""
        own.control("/account", {"proxied_to": "sjc1.qualtrics.com"})
        notice = (
            "Request proxied. For faster response times, use this host instead: sjc1.qualtrics.com"
        )
        for path in ("/whoami", "/surveys", f"/survey-definitions/{SURVEY}", "/surveys/SV_no"):
            assert own.get(path).json()["meta"]["notice"] == notice
        assert own.get("/whoami").json()["result"]["datacenter"] == "sjc1"
        assert own.start({"format": "csv"}).status_code == 400
        own.state.set_account(proxied_to=None)
        assert "notice" not in own.get("/whoami").json()["meta"]
        assert own.start({"format": "csv"}).status_code == 200

    def test_a_forwarded_list_continues_on_the_other_host(self, own: Client) -> None:
        """The query contains the proxy depth, as recorded."""
        own.state.page_size = 1
        own.state.surveys["SV_second"] = own.state.surveys[SURVEY]
        own.state.set_account(proxied_to="sjc1.qualtrics.com")
        assert own.get("/surveys").json()["result"]["nextPage"] == (
            "https://sjc1.qualtrics.com/API/v3/surveys"
            "?proxyDepth=1&proxyInfo=%7B%22proxyDepth%22%3A1%7D&offset=1"
        )

    @pytest.mark.parametrize(
        "body", [{"deactivated": 1}, {"proxied_to": ""}, {"proxied": "x"}, {"api_access": None}]
    )
    def test_an_invalid_account_changes_nothing(self, own: Client, body: object) -> None:
        """Names and types are validated."""
        assert own.control("/account", body).status_code == 400
        assert own.get("/whoami").status_code == 200


class TestResponses:
    """Adding responses."""

    def test_missing_metadata_is_filled_in(self, own: Client) -> None:
        """A response is recorded now, finished, with status 0 and a new id."""
        answer = own.control(f"/surveys/{SURVEY}/responses", {"responses": [{}, {}]})
        assert answer.json() == {"added": 2}
        assert cells(own, "RecordedDate")[4:] == ["2026-03-01 12:00:00"] * 2
        assert cells(own, "Status")[4:] == ["0", "0"]
        assert cells(own, "Finished")[4:] == ["1", "1"]
        ids = cells(own, "ResponseId")
        assert len(set(ids)) == 6
        assert own.get(f"/surveys/{SURVEY}").json()["result"]["responseCounts"]["auditable"] == 6

    def test_cells_are_set_by_header_or_import_id(self, own: Client) -> None:
        """Recodes, ids and labels become recodes, and the NPS group is set."""
        own.state.add_responses(
            SURVEY,
            [
                {"NPS": 7, "QID2": "Shop", "QID3_1": "2", "More": "ä", "Region": "West"},
                {"QID1": "10", "Channel": 30, "QID12": ["Advice", "9"], "Region": None},
                {"QID12": "1", "Well_2_TEXT": "cake", "Finished": False, "status": 8},
            ],
        )
        assert cells(own, "NPS")[4:] == ["7", "10", ""]
        assert cells(own, "NPS_NPS_GROUP")[4:] == ["2", "3", ""]
        assert cells(own, "Channel")[4:] == ["20", "30", ""]
        assert cells(own, "Rate_1")[4:] == ["0", "", ""]
        assert cells(own, "Well_1")[4:] == ["", "1", "1"]
        assert cells(own, "Well_9")[4:] == ["", "1", ""]
        assert cells(own, "Finished")[4:] == ["1", "1", "0"]
        assert cells(own, "Status")[4:] == ["0", "0", "8"]

    def test_dates_can_be_given(self, own: Client) -> None:
        """Dates have an offset or are in UTC; the default start is slightly earlier."""
        own.state.add_responses(
            SURVEY, [{"recordedDate": "2026-01-02T03:04:05+01:00"}, {"RecordedDate": "2026-01-02"}]
        )
        assert cells(own, "RecordedDate")[4:] == ["2026-01-02 02:04:05", "2026-01-02 00:00:00"]
        assert cells(own, "StartDate")[4] == "2026-01-02 02:00:05"

    @pytest.mark.parametrize(
        "wrong",
        [
            {"QID99": 1},
            {"QID8": 1},
            {"QID12": "Nothing like it"},
            {"QID1": {"a": 1}},
            {"recordedDate": "soon"},
            "QID1",
        ],
    )
    def test_an_invalid_response_adds_none(self, own: Client, wrong: object) -> None:
        """No response is added, and the error names the cause."""
        answer = own.control(f"/surveys/{SURVEY}/responses", {"responses": [{"QID1": 1}, wrong]})
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert len(own.rows()) == 7

    def test_an_unknown_survey_is_an_error(self, own: Client) -> None:
        """The error lists the existing surveys."""
        answer = own.control("/surveys/SV_none/responses", {"responses": []})
        assert answer.status_code == 404
        assert SURVEY in answer.json()["error"]


class TestQuestions:
    """Deleting and restoring questions."""

    def test_a_deleted_question_is_removed(self, own: Client) -> None:
        """It is not in the definition, blocks and exports, and requesting it is a bad request."""
        own.control(f"/surveys/{SURVEY}/questions/QID1/delete")
        result = own.get(f"/survey-definitions/{SURVEY}").json()["result"]
        assert "QID1" not in result["Questions"]
        assert "QID1" not in str(result["Blocks"]["BL_1"]["BlockElements"]).replace("QID12", "")
        assert result["LastModified"] == "2026-03-01T12:00:00Z"
        assert "NPS" not in own.rows()[0]
        assert "Well_1" in own.rows()[0]
        assert own.start({"format": "csv", "questionIds": ["QID1"]}).status_code == 400
        assert own.get(f"/survey-definitions/{SURVEY}/questions/QID1").status_code == 404

    def test_a_restored_question_has_its_answers(self, own: Client) -> None:
        """It has its previous position."""
        before = own.rows()
        blocks = own.get(f"/survey-definitions/{SURVEY}").json()["result"]["Blocks"]
        own.state.delete_question(SURVEY, "QID3")
        answer = own.control(f"/surveys/{SURVEY}/questions/QID3/restore")
        assert answer.json() == {"questionId": "QID3"}
        assert own.rows() == before
        again = own.get(f"/survey-definitions/{SURVEY}").json()["result"]
        assert again["Blocks"] == blocks
        assert "QID3" in again["Questions"]

    def test_a_question_added_again_has_a_new_id_and_no_answers(self, own: Client) -> None:
        """Old responses are blank; new responses can answer it."""
        own.state.delete_question(SURVEY, "QID12")
        answer = own.control(f"/surveys/{SURVEY}/questions/QID12/restore", {"as": "QID99"})
        assert answer.json() == {"questionId": "QID99"}
        question = own.get(f"/survey-definitions/{SURVEY}/questions/QID99").json()["result"]
        assert question["QuestionID"] == "QID99"
        assert question["DataExportTag"] == "Well"
        own.state.add_responses(SURVEY, [{"QID99": ["1"]}])
        columns = own.columns(questionIds=["QID99"], surveyMetadataIds=[], embeddedDataIds=[])
        assert columns['{"ImportId": "QID99", "choiceId": "1"}'] == ["", "", "", "", "1"]
        assert len(columns) == 4
        assert own.get(f"/survey-definitions/{SURVEY}/questions/QID12").status_code == 404

    def test_a_question_can_be_moved_to_the_trash(self, own: Client) -> None:
        """It is in the definition but not in exports."""
        own.control(f"/surveys/{SURVEY}/questions/QID5/delete", {"to_trash": True})
        result = own.get(f"/survey-definitions/{SURVEY}").json()["result"]
        assert "QID5" in result["Questions"]
        trashed = [element["QuestionID"] for element in result["Blocks"]["BL_2"]["BlockElements"]]
        assert trashed == ["QID8", "QID5"]
        assert "More" not in own.rows()[0]
        own.state.restore_question(SURVEY, "QID5")
        result = own.get(f"/survey-definitions/{SURVEY}").json()["result"]
        assert len(result["Blocks"]["BL_2"]["BlockElements"]) == 1
        assert "More" in own.rows()[0]

    def test_invalid_operations_are_errors(self, own: Client) -> None:
        """Unknown questions, questions that are not deleted, and used ids are rejected."""
        with pytest.raises(SandboxError, match="no question QID77"):
            own.state.delete_question(SURVEY, "QID77")
        with pytest.raises(SandboxError, match="was not deleted"):
            own.state.restore_question(SURVEY, "QID1")
        own.state.delete_question(SURVEY, "QID1")
        with pytest.raises(SandboxError, match="already has a question QID12"):
            own.state.restore_question(SURVEY, "QID1", "QID12")
        assert own.control(f"/surveys/{SURVEY}/questions/QID1/delete").status_code == 404


class TestSharing:
    """Changing the permissions of the token's user."""

    def test_a_survey_that_is_not_shared_cannot_be_accessed(self, own: Client) -> None:
        """It is not in the list, and each route responds with its error."""
        own.control(f"/surveys/{SURVEY}/share", {"shared": False})
        assert own.get("/surveys").json()["result"]["elements"] == []
        assert own.get(f"/survey-definitions/{SURVEY}").status_code == 403
        assert own.get(f"/surveys/{SURVEY}").status_code == 404
        assert own.start({"format": "csv"}).status_code == 404
        own.state.share(SURVEY, shared=True)
        assert own.get(f"/surveys/{SURVEY}").status_code == 200

    def test_results_can_be_hidden(self, own: Client) -> None:
        """The survey can be read but not exported."""
        own.control(f"/surveys/{SURVEY}/share", {"results": False})
        assert len(own.get("/surveys").json()["result"]["elements"]) == 1
        assert own.get(f"/survey-definitions/{SURVEY}").status_code == 200
        answer = own.start({"format": "csv"})
        assert answer.status_code == 403
        assert "permission to view the results" in answer.json()["meta"]["error"]["errorMessage"]

    def test_a_survey_shared_through_a_group_is_not_listed(self, own: Client) -> None:
        """It can be accessed by id."""
        own.control(f"/surveys/{SURVEY}/share", {"listed": False})
        assert own.get("/surveys").json()["result"]["elements"] == []
        assert own.get(f"/survey-definitions/{SURVEY}").status_code == 200
        assert len(own.rows()) == 7


class TestLog:
    """The log of calls."""

    def test_every_call_is_logged_without_secrets(self, own: Client) -> None:
        """The log contains route, path, query, status and body, but no headers and no token."""
        own.get("/surveys", params={"offset": "0", "x": TOKEN})
        own.start({"format": "csv", TOKEN: TOKEN})
        own.get("/nothing", headers={"X-API-TOKEN": "wrong"})
        answer = own.control("/log", method="GET")
        calls: list[dict[str, Any]] = answer.json()["calls"]
        assert calls == own.state.calls()
        assert [call["n"] for call in calls] == [1, 2, 3]
        assert calls[0] == {
            "n": 1,
            "at": "2026-03-01T12:00:00Z",
            "method": "GET",
            "route": "surveys",
            "path": "/API/v3/surveys",
            "query": {"offset": "0", "x": "***"},
            "status": 200,
            "authorized": True,
            "body": None,
        }
        assert calls[1]["route"] == "export_start"
        assert calls[1]["status"] == 400
        assert calls[1]["body"] == {"format": "csv", "***": "***"}
        assert (calls[2]["route"], calls[2]["status"], calls[2]["authorized"]) == (None, 404, False)
        assert TOKEN not in answer.text

    def test_a_previous_token_is_redacted(self, own: Client) -> None:
        """Replacing a token does not reveal it."""
        own.state.set_token("second")
        own.get("/surveys", params={"x": TOKEN})
        assert TOKEN not in str(own.state.calls())

    def test_control_calls_are_not_logged(self, own: Client) -> None:
        """The log contains only API calls."""
        own.control("/state", method="GET")
        assert own.state.calls() == []

    def test_the_log_can_be_cleared(self, own: Client) -> None:
        """Numbering restarts at one."""
        own.get("/whoami")
        own.control("/log", method="DELETE")
        own.get("/surveys")
        assert [(call["n"], call["route"]) for call in own.state.calls()] == [(1, "surveys")]


class TestState:
    """Reading the state."""

    def test_the_state_does_not_contain_the_token(self, own: Client) -> None:
        """It contains account, exports, faults and surveys."""
        own.state.set_exports(polls=3, seconds=1.5)
        own.state.add_fault("whoami", status=503, times=2)
        own.state.share(SURVEY, results=False)
        answer = own.control("/state", method="GET")
        state = answer.json()
        assert state == own.state.describe()
        assert TOKEN not in answer.text
        assert state["token"] is True
        assert state["account"] == {
            "deactivated": False,
            "api_access": True,
            "proxied_to": None,
            "skip_tokens": False,
        }
        assert state["exports"]["polls"] == 3
        assert state["faults"][0]["status"] == 503
        assert state["surveys"] == [
            {
                "id": SURVEY,
                "name": "Everything: a/b?",
                "responses": 4,
                "shared": True,
                "listed": True,
                "results": False,
            }
        ]

    @pytest.mark.parametrize(
        "body",
        [
            {"polls": -1},
            {"polls": 1.5},
            {"polls": True},
            {"seconds": -0.1},
            {"members": 0},
            {"member_name": ""},
            {"speed": 1},
            [],
        ],
    )
    def test_invalid_settings_change_nothing(self, own: Client, body: object) -> None:
        """Each is rejected with an error."""
        before = own.state.describe()
        answer = own.control("/exports", body)
        assert answer.status_code == 400
        assert answer.json()["error"]
        assert own.state.describe() == before

    def test_an_unknown_control_route_is_not_found(self, own: Client) -> None:
        """The response has the envelope of the API."""
        assert own.control("/tokens", {"token": "x"}).status_code == 404

    def test_dates_follow_the_injected_clock(self, own: Client) -> None:
        """Recorded dates use the clock of the sandbox."""
        later = NOW + timedelta(days=1)
        own.state.now = lambda: later
        own.get("/whoami")
        assert own.state.calls()[0]["at"] == "2026-03-02T12:00:00Z"

    def test_unknown_names_are_rejected_in_python(self, own: Client) -> None:
        """The Python interface validates like the HTTP interface."""
        with pytest.raises(SandboxError, match="account"):
            own.state.set_account(activated=True)
        with pytest.raises(SandboxError, match="setting"):
            own.state.set_exports(speed=1)

    def test_a_body_that_is_not_a_json_object_is_rejected(self, own: Client) -> None:
        """The error states what is wrong."""
        answer = own.bare("POST", "/__sandbox__/token", content=b"new")
        assert answer.status_code == 400
        assert "not JSON" in answer.json()["error"]
