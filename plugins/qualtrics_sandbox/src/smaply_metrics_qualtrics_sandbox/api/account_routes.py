"""The routes of the account: its user, and what clients list beside surveys.

The account has one user, one directory and, in it, one mailing list with one contact. Its surveys
were not distributed, and its other lists are empty. Everything is invented.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from smaply_metrics_qualtrics_sandbox.api.calls import Answer, Call, SandboxRoute
from smaply_metrics_qualtrics_sandbox.api.read_views import BRAND, USER_ID
from smaply_metrics_qualtrics_sandbox.errors import (
    invalid_request,
    resource_not_found,
    survey_not_found,
)

DATACENTER = "iad1"
DIRECTORY_ID = "POOL_sandbox00000001"
MAILING_LIST_ID = "CG_sandbox00000001"
CONTACT_ID = "CID_sandbox00000001"
_MOMENT = 1_735_689_600_000  # Directories have milliseconds since 1970.
_NAMES = {"firstName": "Sandbox", "lastName": "User", "email": "sandbox@example.com"}

_USER: Mapping[str, Any] = {
    "id": USER_ID,
    "username": f"sandbox#{BRAND}",
    **_NAMES,
    "userType": "UT_sandbox00000001",
    "organizationId": BRAND,
    "divisionId": None,
    "accountStatus": "active",
}
_DIRECTORY: Mapping[str, Any] = {
    "directoryId": DIRECTORY_ID,
    "name": "Default Directory",
    "contactCount": 1,
    "isDefault": True,
    "deduplicationCriteria": {
        "email": True,
        "firstName": False,
        "lastName": False,
        "externalDataReference": False,
        "phone": False,
    },
}
_MAILING_LIST: Mapping[str, Any] = {
    "mailingListId": MAILING_LIST_ID,
    "name": "Customers",
    "ownerId": USER_ID,
    "creationDate": _MOMENT,
    "lastModifiedDate": _MOMENT,
    "contactCount": 1,
}
_CONTACT: Mapping[str, Any] = {
    "contactId": CONTACT_ID,
    **_NAMES,
    "phone": None,
    "extRef": None,
    "language": None,
    "unsubscribed": False,
}
_LISTED_CONTACT: Mapping[str, Any] = {
    **_CONTACT,
    "contactLookupId": "CGC_sandbox00000001",
    "mailingListUnsubscribed": False,
}


def get_whoami(call: Call) -> Answer:
    """`GET /whoami`."""
    host = call.state.account.proxied_to
    return {
        "brandId": BRAND,
        "userId": USER_ID,
        "userName": f"sandbox#{BRAND}",
        "accountType": "UT_sandbox00000001",
        **_NAMES,
        "datacenter": host.partition(".")[0] if host else DATACENTER,
    }


def list_users(call: Call) -> Answer:
    """`GET /users`."""
    return call.page([_USER])


def get_user(call: Call) -> Answer:
    """`GET /users/{userId}`."""
    return _only(_USER, "id", call.params["user"])


def list_distributions(call: Call) -> Answer:
    """`GET /distributions?surveyId=…`: none."""
    wanted = call.query.get("surveyId")
    if not wanted:
        raise invalid_request("Missing required parameter: surveyId")
    with call.state.lock:
        survey = call.state.surveys.get(wanted)
        if survey is None or not survey.shared:
            raise survey_not_found()
    return call.page([])


def no_distribution(_: Call) -> Answer:
    """`GET /distributions/{distributionId}`, its links and its history: there is none."""
    raise resource_not_found()


def list_directories(call: Call) -> Answer:
    """`GET /directories`."""
    return call.page([_DIRECTORY])


def list_mailing_lists(call: Call) -> Answer:
    """`GET /directories/{directoryId}/mailinglists`, all or (`ownerId`) those of one user."""
    _check_directory(call)
    owner = call.query.get("ownerId", USER_ID)
    return call.page([_MAILING_LIST] if owner == USER_ID else [])


def get_mailing_list(call: Call) -> Answer:
    """`GET /directories/{directoryId}/mailinglists/{mailingListId}`."""
    _check_directory(call)
    return _only(_MAILING_LIST, "mailingListId", call.params["list"])


def list_contacts(call: Call) -> Answer:
    """`GET /directories/{directoryId}/contacts`."""
    _check_directory(call)
    return call.page([_CONTACT])


def get_contact(call: Call) -> Answer:
    """`GET /directories/{directoryId}/contacts/{contactId}`."""
    _check_directory(call)
    return _only(_CONTACT, "contactId", call.params["contact"])


def list_listed_contacts(call: Call) -> Answer:
    """`GET /directories/{directoryId}/mailinglists/{mailingListId}/contacts`."""
    get_mailing_list(call)
    return call.page([_LISTED_CONTACT])


def list_nothing(call: Call) -> Answer:
    """Return an empty list, of the directory or the mailing list in the path if there is one."""
    if "list" in call.params:
        get_mailing_list(call)
    elif "contact" in call.params:
        get_contact(call)
    elif "directory" in call.params:
        _check_directory(call)
    return call.page([])


def _check_directory(call: Call) -> None:
    _only(_DIRECTORY, "directoryId", call.params["directory"])


def _only(resource: Mapping[str, Any], key: str, wanted: str) -> Mapping[str, Any]:
    """Return the only resource of its kind if it has this id."""
    if resource[key] != wanted:
        raise resource_not_found()
    return resource


_DISTRIBUTION = "/distributions/{distribution}"
_IN_DIRECTORY = "/directories/{directory}"
_LIST = f"{_IN_DIRECTORY}/mailinglists/{{list}}"
_SENT = "read:distributions"
_EMPTY = {
    "/automations": "read:automations",
    "/eventsubscriptions": "read:subscriptions",
    "/groups": "read:groups",
    "/libraries": "read:libraries",
    f"{_IN_DIRECTORY}/contacts/optedOutContacts": "read:directory_contacts",
    f"{_IN_DIRECTORY}/contacts/{{contact}}/history": "read:directory_contacts",
    f"{_IN_DIRECTORY}/contacts/{{contact}}/transactions": "read:contact_transactions",
    f"{_IN_DIRECTORY}/transactionbatches": "read:contact_transactions",
    f"{_LIST}/bouncedContacts": "read:mailing_list_contacts",
    f"{_LIST}/optedOutContacts": "read:mailing_list_contacts",
}

ROUTES: tuple[SandboxRoute, ...] = (
    *(SandboxRoute(path, "lists", list_nothing, scope) for path, scope in _EMPTY.items()),
    SandboxRoute("/whoami", "whoami", get_whoami, "read:users"),
    SandboxRoute("/users", "users", list_users, "read:users"),
    SandboxRoute("/users/{user}", "users", get_user, "read:users"),
    SandboxRoute("/distributions", "distributions", list_distributions, _SENT),
    SandboxRoute(_DISTRIBUTION, "distributions", no_distribution, _SENT),
    SandboxRoute(f"{_DISTRIBUTION}/history", "distributions", no_distribution, _SENT),
    SandboxRoute(f"{_DISTRIBUTION}/links", "distributions", no_distribution, _SENT),
    SandboxRoute("/directories", "directories", list_directories, "read:directories"),
    SandboxRoute(
        f"{_IN_DIRECTORY}/contacts", "directories", list_contacts, "read:directory_contacts"
    ),
    SandboxRoute(
        f"{_IN_DIRECTORY}/contacts/{{contact}}",
        "directories",
        get_contact,
        "read:directory_contacts",
    ),
    SandboxRoute(
        f"{_IN_DIRECTORY}/mailinglists", "directories", list_mailing_lists, "read:mailing_lists"
    ),
    SandboxRoute(_LIST, "directories", get_mailing_list, "read:mailing_lists"),
    SandboxRoute(
        f"{_LIST}/contacts", "directories", list_listed_contacts, "read:mailing_list_contacts"
    ),
)
