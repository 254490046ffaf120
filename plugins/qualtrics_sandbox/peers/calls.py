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


class PeerError(Exception):
    """A client returned nothing, or called another host."""


def redirect(sandbox: str) -> None:
    """Send the requests of requests and httpx to the sandbox."""
    host = sandbox.partition("://")[2]
    adapters = importlib.import_module("requests.adapters")
    httpx = importlib.import_module("httpx")
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
    time.sleep = lambda seconds: sleep(min(seconds, 0.05))


class Peers:
    """Runs and prints calls."""

    def __init__(self, token: str) -> None:
        self.token = token
        self.failed = 0
        self.surveys: list[str] = []
        self.client = ""

    def use(self, client: str, calls: Callable[[], None]) -> None:
        """Run the calls of one client; what fails outside a call is one failed call."""
        self.client = client
        self.call("import and connect", lambda: calls() or "done")

    def call(self, name: str, work: Callable[[], Foreign], *, refused: str = "") -> Foreign:
        """Run a call, and print and return what it returned.

        An empty value is a failure, since some clients log errors and return nothing.

        Args:
            name: The name of the call.
            work: The call.
            refused: Why the API, and so the sandbox, is expected to reject it.
        """
        value, result, text = None, "", io.StringIO()
        try:
            with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
                value = work()
            result = describe(value, text.getvalue())
            if refused:
                self.failed += 1
                result = f"FAILED: expected to be rejected: {refused}"
        except BaseException as error:  # noqa: BLE001 - clients also exit
            self.failed += not refused
            result = f"FAILED: {type(error).__name__}: {error}".splitlines()[0][:150]
            if refused:
                result = f"rejected as expected: {refused}"
        if name != "import and connect" or result.startswith("FAILED"):
            sys.__stdout__.write(f"{self.client:16} {name:44} {result}\n")
            sys.__stdout__.flush()
        return value


def describe(value: Foreign, output: str) -> str:
    """Return what a value is, without its content.

    Raises:
        PeerError: if there is none.
    """
    if value is None or (hasattr(value, "__len__") and not len(value)):
        raise PeerError(f"returned nothing: {output.strip()[-200:]}")
    kind = type(value).__name__
    return f"{kind} of {len(value)}" if hasattr(value, "__len__") else kind


def simple_qualtrics(peers: Peers) -> None:
    """`SimpleQualtrics`: generic GET, pages and export."""
    module = importlib.import_module("SimpleQualtrics")
    session = module.Session(token=peers.token, dataCenter=DATACENTER)
    peers.call("get whoami", lambda: session.get("whoami"))
    found = peers.call("getMultiple surveys", lambda: session.getMultiple("surveys")) or []
    peers.surveys = [element["id"] for element in found]
    path = f"surveys/{peers.surveys[0]}"
    for part in ("quotas", "filters"):
        peers.call(
            f"getMultiple {part}", lambda part=part: (session.getMultiple(f"{path}/{part}"),)
        )
    for name in ("csv", "tsv", "json", "ndjson", "xml"):
        body = {"format": name}
        peers.call(
            f"fileFromPost {name}",
            lambda body=body: session.fileFromPost(f"{path}/export-responses", body).read(),
        )
    peers.call("getMultiple users", lambda: session.getMultiple("users"))
    distributions = f"distributions?surveyId={peers.surveys[0]}"
    peers.call("getMultiple distributions", lambda: (session.getMultiple(distributions),))


def qualtrics_api(peers: Peers) -> None:
    """`QualtricsAPI`: data frames of surveys, responses, mailing lists and contacts."""
    setup = importlib.import_module("QualtricsAPI.Setup")
    surveys = importlib.import_module("QualtricsAPI.Users").Surveys()
    responses = importlib.import_module("QualtricsAPI.Survey").Responses()
    lists = importlib.import_module("QualtricsAPI.XM").MailingList()
    setup.Credentials().qualtrics_api_credentials(peers.token, DATACENTER, DIRECTORY)
    survey = peers.surveys[0]
    peers.call("list_user_surveys", surveys.list_user_surveys)
    frame = peers.call("get_survey_responses", lambda: responses.get_survey_responses(survey))
    for options in (
        {"useLabels": True},
        {"includeLabelColumns": True},
        {"includeDisplayOrder": True, "timeZone": "America/Denver"},
        {"startDate": "2020-01-01", "seenUnansweredRecode": -99, "questionIds": ["QID1"]},
    ):
        peers.call(
            f"get_survey_responses {next(iter(options))}",
            lambda options=options: responses.get_survey_responses(survey, **options),
        )
    peers.call("get_survey_questions", lambda: responses.get_survey_questions(survey))
    one = frame["ResponseId"].iloc[-1]
    peers.call("get_survey_response", lambda: responses.get_survey_response(survey, one))
    peers.call("list_lists", lists.list_lists)
    peers.call("get_list", lambda: lists.get_list(MAILING_LIST))
    peers.call("list_contacts", lambda: lists.list_contacts(MAILING_LIST))


def qualtrics(peers: Peers) -> None:
    """`qualtrics`: a typed client on httpx."""
    api = importlib.import_module("qualtrics.api")
    models = importlib.import_module("qualtrics.api.models")
    survey = peers.surveys[0]
    with api.QualtricsClient(peers.token, data_center=DATACENTER) as client:
        peers.call("surveys.iter", lambda: list(client.surveys.iter()))
        peers.call("surveys.get", lambda: client.surveys.get(survey))
        peers.call("survey_definitions.get", lambda: client.survey_definitions.get(survey))
        peers.call(
            "survey_definitions.get_flow", lambda: client.survey_definitions.get_flow(survey)
        )
        peers.call(
            "survey_definitions.get_metadata",
            lambda: client.survey_definitions.get_metadata(survey),
        )
        peers.call("survey_quotas.iter", lambda: (list(client.survey_quotas.iter(survey)),))
        peers.call("responses.iter_filters", lambda: (list(client.responses.iter_filters(survey)),))
        for changes in (
            {},
            {"format": "tsv", "include_display_order": True},
            {"format": "json", "use_labels": False, "allow_continuation": True},
            {"format": "ndjson", "use_labels": False, "sort_by_last_modified_date": True},
            {"format": "xml", "compress": False},
            {"use_labels": False, "include_label_columns": True},
        ):
            request = models.ResponseExportRequest(**changes)
            label = " ".join(str(value) for value in changes.values()) or "defaults"
            with tempfile.TemporaryDirectory() as folder:
                peers.call(
                    f"responses.export {label}",
                    lambda request=request, folder=folder: client.responses.export(
                        survey, folder, options=request, poll_interval=0
                    ),
                )


def qualtrics_helper(peers: Peers) -> None:
    """`qualtrics-helper`: surveys, directories, distributions and users."""
    client = importlib.import_module("qualtrics_helper.client").Qualtrics(
        qualtrics_server=DATACENTER, api_token=peers.token
    )
    survey = peers.surveys[0]
    peers.call("surveys.list_surveys", client.surveys.list_surveys)
    peers.call("surveys.get_survey", lambda: client.surveys.get_survey(survey))
    peers.call(
        "surveys.match_survey_questions_responses",
        lambda: client.surveys.match_survey_questions_responses(survey),
    )
    peers.call("users.who_am_i", client.users.who_am_i)
    peers.call("users.list_users", client.users.list_users)
    peers.call("directories.list_directories", client.directories.list_directories)
    mailing = client.mailingLists
    peers.call("mailingLists.list_mailing_lists", lambda: mailing.list_mailing_lists(DIRECTORY))
    contacts = client.contacts
    peers.call("contacts.list_contacts", lambda: contacts.list_contacts_of_directory(DIRECTORY))
    peers.call(
        "contacts.list_contacts_of_mailing_lists",
        lambda: contacts.list_contacts_of_mailing_lists(DIRECTORY, MAILING_LIST),
    )

    oauth = {"client_id": "sandbox-client", "client_secret": peers.token, "scope": ["manage:all"]}
    peers.call(
        "OAuth",
        lambda: type(client)(qualtrics_server=DATACENTER, api_token="", **oauth),
        refused="the client requests its token under /API/v3, the documented path is /oauth2/token",
    )


def qualtrics_utils(peers: Peers) -> None:
    """`qualtrics-utils`: generated from the OpenAPI text, with its defaults corrected."""
    surveys = importlib.import_module("qualtrics_utils").Surveys(peers.token)
    survey = peers.surveys[0]
    peers.call("get_survey_schema", lambda: surveys.get_survey_schema(survey))
    peers.call("get_responses", lambda: surveys.get_responses(survey).data)
    first = surveys.get_responses(survey, use_labels=False)
    token = first.continuation_token
    peers.call(
        "get_responses continuation_token",
        lambda: surveys.get_responses(survey, continuation_token=token).continuation_token,
        refused="the client sends allowContinuation too, which the API documentation forbids",
    )
    peers.call(
        "get_responses export_responses_in_progress",
        lambda: surveys.get_responses(survey, export_responses_in_progress=True).data,
    )


def pytrics(peers: Peers) -> None:
    """`pytrics`: definition and JSON export."""
    module = importlib.import_module("pytrics.qualtrics_api.client")
    client = module.QualtricsAPIClient(BASE, peers.token)
    download = importlib.import_module("pytrics.operations.download")
    survey = peers.surveys[0]
    peers.call("get_survey", lambda: client.get_survey(survey))
    block = next(iter(client.get_survey(survey)["result"]["blocks"]))
    peers.call("get_question", lambda: client.get_question(survey, "QID1"))
    peers.call("get_block", lambda: client.get_block(survey, block))
    with tempfile.TemporaryDirectory() as folder:
        peers.call(
            "save_responses_to_file",
            lambda: download.save_responses_to_file(client, survey, folder),
        )


def cornell_grading(peers: Peers) -> None:
    """`cornellgrading`: surveys, questions, mailing lists and export."""
    keyring = importlib.import_module("keyring")
    keyring.get_password = lambda *_: peers.token
    module = importlib.import_module("cornellGrading.cornellQualtrics")
    client = module.cornellQualtrics(dataCenter=DATACENTER)
    survey = peers.surveys[0]
    peers.call("listSurveys", lambda: client.listSurveys()[0])
    peers.call("getSurveyQuestions", lambda: client.getSurveyQuestions(survey).json()["result"])
    peers.call("getMailingLists", client.getMailingLists)
    peers.call("getListContacts", lambda: client.getListContacts(MAILING_LIST))
    with tempfile.TemporaryDirectory() as folder:
        peers.call(
            "exportSurvey",
            lambda: list(Path(client.exportSurvey(survey, saveDir=folder)).iterdir()),
        )


def survey_reader(peers: Peers) -> None:
    """`pysurveyreader`: OAuth 2.0 and label columns."""
    module = importlib.import_module("surveyReader")
    with tempfile.TemporaryDirectory() as folder:
        reader = module.SurveyReader(
            dataCenter=DATACENTER,
            clientId="sandbox-client",
            clientSecret=peers.token,
            surveyId=peers.surveys[0],
            subDirTarget=folder,
        )
        peers.call("read", lambda: reader.read(secondsToWait=5))
        peers.call("to_df", reader.to_df)
        peers.call("to_df makeLong", lambda: reader.to_df(makeLong=True, dropHeaders=False))


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
    for name, calls in CLIENTS:
        peers.use(name, lambda calls=calls: calls(peers))
    return 1 if peers.failed else 0


if __name__ == "__main__":
    os.chdir(Path(tempfile.mkdtemp(dir=".")))
    sys.exit(main(*sys.argv[1:]))
