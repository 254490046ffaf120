"""The read calls of public clients, run by `__main__.py` in an environment that contains them.

Most clients build `https://{data center}.qualtrics.com`: requests and httpx are patched to send
these requests to the sandbox, with the original host and scheme in headers as a proxy would, and
to refuse every other host.
"""

from __future__ import annotations

import contextlib
import importlib
import io
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

Foreign: TypeAlias = Any
"""A value of a library that this project does not know."""

DATACENTER = "yul1"
HOST = f"{DATACENTER}.qualtrics.com"
BASE = f"https://{HOST}/API/v3"
DIRECTORY = "POOL_sandbox00000001"
MAILING_LIST = "CG_sandbox00000001"
CLIENT = "sandbox-client"


class PeerError(Exception):
    """A client called another host."""


def redirect(sandbox: str) -> None:
    """Send the requests of requests and httpx to the sandbox."""
    host = sandbox.partition("://")[2]
    adapters: Foreign = importlib.import_module("requests.adapters")
    httpx: Foreign = importlib.import_module("httpx")
    by_requests, by_httpx = adapters.HTTPAdapter.send, httpx.HTTPTransport.handle_request

    def send(adapter: Foreign, request: Foreign, *args: Foreign, **options: Foreign) -> Foreign:
        original = request.url
        if not original.startswith(f"https://{HOST}/"):
            raise PeerError(f"called another host: {original}")
        request.url = original.replace(f"https://{HOST}", sandbox, 1)
        request.headers.update({"Host": HOST, "X-Forwarded-Proto": "https"})
        response = by_requests(adapter, request, *args, **{**options, "proxies": {}})
        response.url = request.url = original
        return response

    def handle_request(transport: Foreign, request: Foreign) -> Foreign:
        if request.url.host != HOST:
            raise PeerError(f"called another host: {request.url}")
        address, _, port = host.partition(":")
        request.headers.update({"Host": HOST, "X-Forwarded-Proto": "https"})
        request.url = request.url.copy_with(scheme="http", host=address, port=int(port))
        return by_httpx(transport, request)

    adapters.HTTPAdapter.send = send
    httpx.HTTPTransport.handle_request = handle_request
    sleep = time.sleep
    time.sleep = lambda seconds: sleep(min(float(seconds), 0.05))


class Peers:
    """Runs and prints calls.

    Attributes:
        token: The token of the sandbox.
        client: The name of the current client.
        surveys: The ids of the surveys.
        failed: The number of failed calls.
    """

    def __init__(self, token: str) -> None:
        self.token = token
        self.client = ""
        self.surveys: list[str] = []
        self.failed = 0

    def call(
        self, name: str, work: Callable[..., Foreign], *args: Foreign, **options: Foreign
    ) -> Foreign:
        """Run a call, and print and return what it returned.

        Nothing, or an empty list, is a failure: some clients log errors and return nothing.
        """
        value, result = self._run(work, *args, **options)
        if value is None or (hasattr(value, "__len__") and not len(value)):
            self.failed += 1
            result = f"FAILED: {result}"
        self._print(name, result)
        return value

    def empty(self, name: str, work: Callable[..., Foreign], *args: Foreign) -> None:
        """Run a call that must return an empty list."""
        value, result = self._run(work, *args)
        if value != []:
            self.failed += 1
            result = f"FAILED: {result}"
        self._print(name, result)

    def refused(self, name: str, reason: str, work: Callable[..., Foreign]) -> None:
        """Run a call that the API, and so the sandbox, rejects."""
        value, result = self._run(work)
        if value is not None:
            self.failed += 1
            self._print(name, f"FAILED: not rejected, though {reason}")
        else:
            self._print(name, f"rejected as expected: {reason}: {result}")

    def _run(
        self, work: Callable[..., Foreign], *args: Foreign, **options: Foreign
    ) -> tuple[Foreign, str]:
        """Return the value of a call, None if it failed, and a description."""
        output = io.StringIO()
        try:
            with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
                value = work(*args, **options)
        except BaseException as error:  # noqa: BLE001 - clients also exit
            return None, f"{type(error).__name__}: {error}"
        if value is None:
            return None, f"returned nothing: {output.getvalue().strip()[-100:]}"
        size = f" of {len(value)}" if hasattr(value, "__len__") else ""
        return value, f"{type(value).__name__}{size}"

    def _print(self, name: str, result: str) -> None:
        line = " ".join(result.split())[:150]
        sys.stdout.write(f"{self.client:16} {name:44} {line}\n")
        sys.stdout.flush()


def simple_qualtrics(peers: Peers) -> None:
    """`SimpleQualtrics`: generic GET, pages and export."""
    module = importlib.import_module("SimpleQualtrics")
    session = module.Session(token=peers.token, dataCenter=DATACENTER)
    peers.call("get whoami", session.get, "whoami")
    found = peers.call("getMultiple surveys", session.getMultiple, "surveys") or []
    peers.surveys = [element["id"] for element in found]
    path = f"surveys/{peers.surveys[0]}"
    peers.empty("getMultiple quotas", session.getMultiple, f"{path}/quotas")
    peers.empty("getMultiple filters", session.getMultiple, f"{path}/filters")
    for name in ("csv", "tsv", "json", "ndjson", "xml", "spss"):
        body = {"format": name}
        peers.call(f"fileFromPost {name}", session.fileFromPost, f"{path}/export-responses", body)
    peers.call("getMultiple users", session.getMultiple, "users")
    distributions = f"distributions?surveyId={peers.surveys[0]}"
    peers.empty("getMultiple distributions", session.getMultiple, distributions)


def qualtrics_api(peers: Peers) -> None:
    """`QualtricsAPI`: data frames of surveys, responses, mailing lists and contacts."""
    setup = importlib.import_module("QualtricsAPI.Setup")
    surveys = importlib.import_module("QualtricsAPI.Users").Surveys()
    responses = importlib.import_module("QualtricsAPI.Survey").Responses()
    lists = importlib.import_module("QualtricsAPI.XM").MailingList()
    setup.Credentials().qualtrics_api_credentials(peers.token, DATACENTER, DIRECTORY)
    survey = peers.surveys[0]
    peers.call("list_user_surveys", surveys.list_user_surveys)
    choices: tuple[dict[str, Foreign], ...] = (
        {},
        {"useLabels": True},
        {"includeLabelColumns": True},
        {"includeDisplayOrder": True, "timeZone": "America/Denver"},
        {"startDate": "2020-01-01", "seenUnansweredRecode": -99, "questionIds": ["QID1"]},
    )
    for options in choices:
        name = f"get_survey_responses {next(iter(options), '')}"
        peers.call(name, responses.get_survey_responses, survey, **options)
    peers.call("get_survey_questions", responses.get_survey_questions, survey)
    one = responses.get_survey_responses(survey)["ResponseId"].iloc[-1]
    peers.call("get_survey_response", responses.get_survey_response, survey, one)
    peers.call("list_lists", lists.list_lists)
    peers.call("get_list", lists.get_list, MAILING_LIST)
    peers.call("list_contacts", lists.list_contacts, MAILING_LIST)


def qualtrics(peers: Peers) -> None:
    """`qualtrics`: a typed client on httpx."""
    api = importlib.import_module("qualtrics.api")
    models = importlib.import_module("qualtrics.api.models")
    survey = peers.surveys[0]
    choices: tuple[dict[str, Foreign], ...] = (
        {},
        {"format": "tsv", "include_display_order": True},
        {"format": "json", "use_labels": False, "allow_continuation": True},
        {"format": "ndjson", "use_labels": False, "sort_by_last_modified_date": True},
        {"format": "xml", "compress": False},
        {"format": "spss"},
        {"use_labels": False, "include_label_columns": True},
    )
    with api.QualtricsClient(peers.token, data_center=DATACENTER) as client:
        definitions = client.survey_definitions
        peers.call("surveys.iter", lambda: list(client.surveys.iter()))
        peers.call("surveys.get", client.surveys.get, survey)
        peers.call("survey_definitions.get", definitions.get, survey)
        peers.call("survey_definitions.get_flow", definitions.get_flow, survey)
        peers.call("survey_definitions.get_metadata", definitions.get_metadata, survey)
        peers.empty("survey_quotas.iter", lambda: list(client.survey_quotas.iter(survey)))
        peers.empty("responses.iter_filters", lambda: list(client.responses.iter_filters(survey)))
        for changes in choices:
            name = f"responses.export {' '.join(map(str, changes.values()))}"
            options = models.ResponseExportRequest(**changes)
            with tempfile.TemporaryDirectory() as folder:
                peers.call(
                    name,
                    client.responses.export,
                    survey,
                    folder,
                    options=options,
                    poll_interval=0,
                )


def qualtrics_helper(peers: Peers) -> None:
    """`qualtrics-helper`: surveys, directories, distributions and users."""
    make = importlib.import_module("qualtrics_helper.client").Qualtrics
    client = make(qualtrics_server=DATACENTER, api_token=peers.token)
    survey = peers.surveys[0]
    surveys, contacts = client.surveys, client.contacts
    peers.call("surveys.list_surveys", surveys.list_surveys)
    peers.call("surveys.get_survey", surveys.get_survey, survey)
    name = "match_survey_questions_responses"
    peers.call(f"surveys.{name}", surveys.match_survey_questions_responses, survey)
    peers.call("users.who_am_i", client.users.who_am_i)
    peers.call("users.list_users", client.users.list_users)
    peers.call("directories.list_directories", client.directories.list_directories)
    peers.call("list_mailing_lists", client.mailingLists.list_mailing_lists, DIRECTORY)
    peers.call("list_contacts", contacts.list_contacts_of_directory, DIRECTORY)
    name = "list_contacts_of_mailing_lists"
    peers.call(name, contacts.list_contacts_of_mailing_lists, DIRECTORY, MAILING_LIST)
    oauth = {"client_id": CLIENT, "client_secret": peers.token, "scope": ["manage:all"]}
    peers.refused(
        "OAuth",
        "it requests a token under /API/v3, the documented path is /oauth2/token",
        lambda: make(qualtrics_server=DATACENTER, api_token="", **oauth),
    )


def qualtrics_utils(peers: Peers) -> None:
    """`qualtrics-utils`: generated from the OpenAPI text, with its defaults corrected."""
    surveys = importlib.import_module("qualtrics_utils").Surveys(peers.token)
    survey = peers.surveys[0]
    peers.call("get_survey_schema", surveys.get_survey_schema, survey)
    peers.call("get_responses", surveys.get_responses, survey)
    first = peers.call("get_responses use_labels", surveys.get_responses, survey, use_labels=False)
    peers.refused(
        "get_responses continuation_token",
        "it also sends allowContinuation, which the API documentation forbids",
        lambda: surveys.get_responses(survey, continuation_token=first.continuation_token),
    )
    name = "get_responses export_responses_in_progress"
    peers.call(name, surveys.get_responses, survey, export_responses_in_progress=True)


def pytrics(peers: Peers) -> None:
    """`pytrics`: definition and JSON export."""
    module = importlib.import_module("pytrics.qualtrics_api.client")
    download = importlib.import_module("pytrics.operations.download")
    client = module.QualtricsAPIClient(BASE, peers.token)
    survey = peers.surveys[0]
    found = peers.call("get_survey", client.get_survey, survey)
    peers.call("get_question", client.get_question, survey, "QID1")
    peers.call("get_block", client.get_block, survey, next(iter(found["result"]["blocks"])))
    with tempfile.TemporaryDirectory() as folder:
        name = "save_responses_to_file"
        peers.call(name, download.save_responses_to_file, client, survey, folder)


def cornell_grading(peers: Peers) -> None:
    """`cornellgrading`: surveys, questions, mailing lists and export."""
    keyring: Foreign = importlib.import_module("keyring")
    keyring.get_password = lambda *_: peers.token
    module = importlib.import_module("cornellGrading.cornellQualtrics")
    with contextlib.redirect_stdout(io.StringIO()):
        client = module.cornellQualtrics(dataCenter=DATACENTER)
    survey = peers.surveys[0]
    peers.call("listSurveys", client.listSurveys)
    peers.call("getSurveyQuestions", lambda: client.getSurveyQuestions(survey).json()["result"])
    peers.call("getMailingLists", client.getMailingLists)
    peers.call("getListContacts", client.getListContacts, MAILING_LIST)
    for name in ("csv", "spss"):
        with tempfile.TemporaryDirectory() as folder:
            peers.call(f"exportSurvey {name}", client.exportSurvey, survey, name, saveDir=folder)


def survey_reader(peers: Peers) -> None:
    """`pysurveyreader`: OAuth 2.0 and label columns."""
    module = importlib.import_module("surveyReader")
    with tempfile.TemporaryDirectory() as folder:
        reader = module.SurveyReader(
            dataCenter=DATACENTER,
            clientId=CLIENT,
            clientSecret=peers.token,
            surveyId=peers.surveys[0],
            subDirTarget=folder,
        )
        peers.call("read", reader.read, secondsToWait=5)
        peers.call("to_df", reader.to_df)
        peers.call("to_df makeLong", reader.to_df, makeLong=True, dropHeaders=False)


CLIENTS: tuple[tuple[str, Callable[[Peers], None]], ...] = (
    ("SimpleQualtrics", simple_qualtrics),
    ("QualtricsAPI", qualtrics_api),
    ("qualtrics", qualtrics),
    ("qualtrics-helper", qualtrics_helper),
    ("qualtrics-utils", qualtrics_utils),
    ("pytrics", pytrics),
    ("cornellgrading", cornell_grading),
    ("pysurveyreader", survey_reader),
)


def main(sandbox: str, token: str) -> int:
    """Run every client and return the exit status."""
    redirect(sandbox)
    peers = Peers(token)
    for peers.client, run in CLIENTS:
        try:
            run(peers)
        except Exception as error:  # noqa: BLE001 - any client can fail to load or connect
            peers.failed += 1
            sys.stdout.write(f"{peers.client:16} FAILED: {type(error).__name__}: {error}\n")
    return 1 if peers.failed else 0


if __name__ == "__main__":
    os.chdir(Path(tempfile.mkdtemp(dir=".")))
    sys.exit(main(*sys.argv[1:]))
