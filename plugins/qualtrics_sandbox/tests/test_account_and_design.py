"""Tests of the routes of the account, of the parts of a definition, and of paging."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

from plugins.qualtrics_sandbox.tests.support import (
    COLUMNS,
    DEFINITION,
    SURVEY,
    Client,
    Json,
    running,
    write_survey,
)
from plugins.qualtrics_sandbox.tests.test_lists_and_definitions import serve_many
from plugins.qualtrics_sandbox.tests.test_survey_folders import QSF
from smaply_metrics_qualtrics_sandbox.api.account_routes import (
    CONTACT_ID,
    DIRECTORY_ID,
    MAILING_LIST_ID,
)

DIRECTORY = f"/directories/{DIRECTORY_ID}"
LIST = f"{DIRECTORY}/mailinglists/{MAILING_LIST_ID}"


def result(client: Client, path: str) -> Json:
    """Return the result of a GET request."""
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()["result"]


@pytest.mark.parametrize(
    ("path", "key"),
    [
        ("/users", "id"),
        ("/directories", "directoryId"),
        (f"{DIRECTORY}/mailinglists", "mailingListId"),
        (f"{DIRECTORY}/contacts", "contactId"),
        (f"{LIST}/contacts", "contactLookupId"),
    ],
)
def test_a_list_of_the_account_has_one_element(api: Client, path: str, key: str) -> None:
    """Everything is invented."""
    found = result(api, path)
    assert set(found) == {"elements", "nextPage"}
    (element,) = found["elements"]
    assert element[key]
    assert "@" not in str(element) or "@example.com" in str(element)


@pytest.mark.parametrize(
    "path",
    [
        "/users/UR_sandbox00000001",
        LIST,
        f"{DIRECTORY}/contacts/{CONTACT_ID}",
        f"/surveys/{SURVEY}/responses/R_1",
        f"/survey-definitions/{SURVEY}/blocks/BL_1",
    ],
)
def test_an_element_can_be_requested(api: Client, path: str) -> None:
    """Another id is 404."""
    assert result(api, path)
    missing = api.get(f"{path}x")
    assert missing.status_code == 404
    assert missing.json()["meta"]["error"]["errorCode"] == "UNF_9"


def test_distributions_are_of_a_survey(api: Client) -> None:
    """A survey must be named; no survey was distributed."""
    assert result(api, f"/distributions?surveyId={SURVEY}") == {"elements": [], "nextPage": None}
    assert api.get("/distributions").status_code == 400
    assert api.get("/distributions?surveyId=SV_other").status_code == 404
    for path in ("", "/links", "/history"):
        assert api.get(f"/distributions/EMD_1{path}?surveyId={SURVEY}").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        "/automations",
        "/eventsubscriptions",
        "/groups",
        "/libraries",
        f"{DIRECTORY}/contacts/optedOutContacts",
        f"{DIRECTORY}/contacts/{CONTACT_ID}/history",
        f"{DIRECTORY}/transactionbatches",
        f"{LIST}/bouncedContacts",
        f"{LIST}/optedOutContacts",
    ],
)
def test_other_lists_are_empty(api: Client, path: str) -> None:
    """They exist, but not in an unknown directory, list or contact."""
    assert result(api, path) == {"elements": [], "nextPage": None}
    for known in (CONTACT_ID, MAILING_LIST_ID, DIRECTORY_ID):
        if known in path:
            assert api.get(path.replace(known, f"{known}x")).status_code == 404


def test_a_response_equals_that_of_an_export(api: Client) -> None:
    """It has values, labels and displayed fields."""
    found = result(api, f"/surveys/{SURVEY}/responses/R_2")
    assert found["responseId"] == "R_2"
    assert found["values"]["QID2"] == 20
    assert found["labels"]["QID2"] == "Shop"
    assert found["values"]["startDate"] == "2025-07-01T06:05:00Z"


def test_a_response_must_be_recorded_and_visible(own: Client) -> None:
    """One in progress is 404; without access to the results it is 403, as for exports."""
    own.state.add_responses(SURVEY, [{"_recordId": "R_5", "recordedDate": None}])
    assert own.get(f"/surveys/{SURVEY}/responses/R_5").status_code == 404
    assert result(own, f"/surveys/{SURVEY}")["responseCounts"]["auditable"] == 4
    own.state.share(SURVEY, results=False)
    assert own.get(f"/surveys/{SURVEY}/responses/R_1").status_code == 403


def test_the_parts_of_a_definition_are_those_of_the_definition(api: Client) -> None:
    """Flow and options are equal to it; metadata has its dates and names."""
    path = f"/survey-definitions/{SURVEY}"
    assert result(api, f"{path}/flow") == DEFINITION["SurveyFlow"]
    assert result(api, f"{path}/options") == DEFINITION["SurveyOptions"]
    metadata = result(api, f"{path}/metadata")
    assert metadata["SurveyName"] == DEFINITION["SurveyName"]
    assert metadata["SurveyOwnerID"] == DEFINITION["OwnerID"]
    assert metadata["SurveyCreationDate"] == "2025-01-01T00:00:00Z"
    (version,) = result(api, f"{path}/versions")["elements"]
    assert result(api, f"{path}/versions/{version['versionID']}")["SurveyID"] == SURVEY
    assert api.get(f"{path}/versions/2").status_code == 404


@pytest.mark.parametrize(
    "part", ["flow", "options", "metadata", "versions", "quotas", "quotagroups", "blocks/BL_1"]
)
def test_a_part_of_a_foreign_definition_is_forbidden(api: Client, part: str) -> None:
    """The error is that of the definition."""
    answer = api.get(f"/survey-definitions/SV_foreign/{part}")
    assert answer.status_code == 403
    assert answer.json()["meta"]["error"]["errorCode"] == "QMST_2.1"


@pytest.mark.parametrize("part", ["filters", "quotas", "languages", "responses/R_1"])
def test_a_part_of_a_foreign_survey_is_not_found(api: Client, part: str) -> None:
    """The error is that of the survey."""
    answer = api.get(f"/surveys/SV_foreign/{part}")
    assert answer.status_code == 404
    assert answer.json()["meta"]["error"]["errorCode"] == "GSI_2"


def test_quotas_are_those_of_the_qsf_file(tmp_path: Path) -> None:
    """Both formats are served, and their groups; other surveys have none."""
    qsf = copy.deepcopy(QSF)
    quota = {"ID": "QO_1", "Name": "North", "Occurrences": 100, "Logic": {}, "LogicType": "Simple"}
    qsf["SurveyElements"] += [
        {"Element": "QO", "Payload": quota},
        {"Element": "QO", "Payload": {**quota, "ID": "QO_2", "Count": 7}},
        {"Element": "QG", "Payload": {"ID": "QG_1", "Name": "All", "Quotas": ["QO_1", "QO_2"]}},
        {"Element": "QG", "Payload": None},
    ]
    write_survey(tmp_path / "one", qsf, COLUMNS[:8], name="survey.qsf")
    write_survey(tmp_path / "two", {**DEFINITION, "SurveyID": "SV_none"})
    with running(tmp_path) as client:
        listed = result(client, f"/surveys/{SURVEY}/quotas")["elements"]
        assert [(one["id"], one["count"], one["quota"]) for one in listed] == [
            ("QO_1", 0, 100),
            ("QO_2", 7, 100),
        ]
        definition = f"/survey-definitions/{SURVEY}"
        assert result(client, f"{definition}/quotas")["elements"][0] == quota
        assert result(client, f"{definition}/quotas/QO_2")["Count"] == 7
        assert result(client, f"{definition}/quotagroups")["elements"][0]["Name"] == "All"
        assert result(client, f"{definition}/quotagroups/QG_1")["Quotas"] == ["QO_1", "QO_2"]
        assert client.get(f"{definition}/quotas/QO_3").status_code == 404
        assert result(client, "/surveys/SV_none/quotas")["elements"] == []
        assert "Quotas" not in result(client, definition)


def test_translations_have_the_texts_of_a_language(tmp_path: Path) -> None:
    """Missing translations are in the language of the survey."""
    definition = copy.deepcopy(DEFINITION)
    definition["SurveyOptions"] |= {
        "SurveyLanguage": "EN",
        "AvailableLanguages": {"EN": [], "DE": []},
    }
    definition["Questions"]["QID9"]["Language"] = {"DE": {"QuestionText": "Warum?"}}
    write_survey(tmp_path / "one", definition)
    path = f"/surveys/{SURVEY}/translations"
    with running(tmp_path) as client:
        assert result(client, f"/surveys/{SURVEY}/languages") == {
            "AvailableLanguages": ["EN", "DE"]
        }
        german, english = result(client, f"{path}/DE"), result(client, f"{path}/EN")
        assert client.get(f"{path}/FR").status_code == 404
    assert german["QID9_QuestionText"] == "Warum?"
    assert english["QID9_QuestionText"] == "Why?"
    assert german["QID9_Choice1"] == english["QID9_Choice1"] == "Because"
    assert english["QID3_Answer3"] == "Good"


class TestPaging:
    """`offset`, `skipToken` and `pageSize`."""

    def test_a_list_can_continue_with_a_skip_token(self, tmp_path: Path) -> None:
        """Each survey is on one page, and the other parameters are kept."""
        with running(serve_many(tmp_path, 5), page_size=2) as client:
            client.state.set_account(skip_tokens=True)
            seen: list[str] = []
            url: str | None = f"{client.server.url}/API/v3/surveys?extra=1"
            while url:
                page = client.http.get(url).json()["result"]
                seen += [element["id"] for element in page["elements"]]
                url = page["nextPage"]
                assert url is None or ("skipToken=" in url and "extra=1" in url)
        assert seen == [f"SV_{number:03d}" for number in range(5)]

    def test_a_forwarded_list_continues_on_the_other_host(self, tmp_path: Path) -> None:
        """Its parameters are those of the recording, each once."""
        with running(serve_many(tmp_path, 3), page_size=1) as client:
            client.state.set_account(skip_tokens=True, proxied_to="az1.qualtrics.com")
            first = result(client, "/surveys")["nextPage"]
            assert first.startswith("https://az1.qualtrics.com/API/v3/surveys?proxyDepth=1&")
            second = result(client, first.partition("/API/v3")[2])["nextPage"]
        assert second.count("proxyDepth=1") == second.count("skipToken=") == 1

    @pytest.mark.parametrize("token", ["", "x", "b2Zmc2V0OjI", "b2Zmc2V0OngK", "é", "https://x/y"])
    def test_an_unknown_skip_token_is_a_bad_request(self, api: Client, token: str) -> None:
        """A token is not interpreted as the first page; the third one is valid."""
        answer = api.get("/surveys", params={"skipToken": token})
        assert answer.status_code == (200 if token == "b2Zmc2V0OjI" else 400)

    @pytest.mark.parametrize("size", ["0", "-1", "x", "", "1" * 40])
    def test_an_invalid_page_size_is_a_bad_request(self, api: Client, size: str) -> None:
        """It is not ignored."""
        answer = api.get("/directories", params={"pageSize": size})
        assert answer.status_code == 400
        assert answer.json()["meta"]["error"]["errorCode"].startswith("QVAL_")

    def test_a_page_size_can_be_chosen(self, own: Client) -> None:
        """It is kept on the next page. The list of surveys has no such parameter."""
        for number in range(3):
            own.state.add_filter(SURVEY, f"Filter {number}", {})
        page = result(own, f"/surveys/{SURVEY}/filters?pageSize=2")
        assert len(page["elements"]) == 2
        assert "pageSize=2" in page["nextPage"]
        assert len(result(own, "/surveys?pageSize=0")["elements"]) == 1


class TestView:
    """`GET /surveys/{id}`."""

    def test_the_flow_contains_what_lies_in_a_randomizer(self, api: Client) -> None:
        """Its elements are nested, as those of groups and branches."""
        flow = result(api, f"/surveys/{SURVEY}")["flow"]
        assert flow[-1] == {
            "type": "BlockRandomizer",
            "randomizationOptions": {"randomSubset": 1, "evenPresentation": True},
            "flow": [{"id": "BL_3", "type": "Block"}],
        }

    def test_questions_are_in_block_order_with_descriptive_ones(self, tmp_path: Path) -> None:
        """The map of columns too, in which a descriptive question has its tag."""
        definition = copy.deepcopy(DEFINITION)
        definition["Questions"]["QIDIntro"] = {
            "QuestionText": "Welcome",
            "DataExportTag": "Intro",
            "QuestionType": "DB",
            "Selector": "TB",
        }
        question = {"Type": "Question", "QuestionID": "QIDIntro"}
        blocks = definition["Blocks"]
        blocks["BL_1"]["BlockElements"].insert(0, question)
        definition["Blocks"] = {name: blocks[name] for name in ("BL_3", "BL_2", "BL_1")}
        write_survey(tmp_path / "one", definition)
        with running(tmp_path) as client:
            view = result(client, f"/surveys/{SURVEY}")
            exported = client.rows()[0]
        assert list(view["questions"])[:3] == ["QID7", "QIDIntro", "QID1"]
        assert list(view["exportColumnMap"])[:4] == ["1_Loop", "2_Loop", "Intro", "NPS_NPS_GROUP"]
        assert view["exportColumnMap"]["Intro"] == {"question": "QIDIntro"}
        assert "Intro" not in exported


def test_what_clients_of_the_sandbox_read_needs_no_change(api: Client) -> None:
    """Calls that would change the account are unknown routes or methods."""
    writes: list[tuple[str, str]] = [
        ("POST", "/surveys"),
        ("PUT", f"/surveys/{SURVEY}"),
        ("POST", f"/surveys/{SURVEY}/import-responses"),
        ("POST", f"{DIRECTORY}/mailinglists"),
        ("DELETE", f"/surveys/{SURVEY}/responses/R_1"),
    ]
    body: Json = {"name": "x"}
    for method, path in writes:
        answer = api.http.request(method, f"/API/v3{path}", json=body)
        assert answer.status_code in {404, 405}, (method, path)
        assert answer.json()["meta"]["error"]["errorMessage"]
