"""The credentials: the address of the server, a user, and the server's time zone."""

from __future__ import annotations

from typing import Annotated, Final
from zoneinfo import ZoneInfo

from pydantic import AfterValidator
from pydantic_core import PydanticCustomError

from smaply_metrics_core import Address, Credentials, Destination, FormField, Password
from smaply_metrics_limesurvey.address import remote_control

DEFAULT_ZONE: Final = "UTC"
"""The zone of servers whose PHP has no ``date.timezone``, and of most containers."""

_ZONE_MISSING: Final = (
    f"No time zone of the server was entered, so its times are read as {DEFAULT_ZONE}."
)
_EXAMPLE: Final = "Enter an address such as https://surveys.example.com."


def _check_address(text: str) -> str:
    try:
        return remote_control(text).url
    except ValueError as error:
        message = f"{error}. {_EXAMPLE}"
    raise PydanticCustomError("address", "{text}", {"text": message})


def _check_zone(name: str) -> str:
    try:
        return ZoneInfo(name).key if name else ""
    except (KeyError, ValueError, OSError):
        raise PydanticCustomError(
            "zone", "This is not a time zone. Enter a name such as Europe/Vienna."
        ) from None


def _check_filled(value: str) -> str:
    if not value:
        raise PydanticCustomError("empty", "It is empty.")
    return value


class LimeSurveyCredentials(Credentials):
    """A user of one LimeSurvey server."""

    address: Annotated[
        str,
        AfterValidator(_check_address),
        FormField(
            label="Address",
            help="The address of LimeSurvey, or of any of its pages. An administrator has to set "
            "Configuration → Global settings → Interfaces → RPC interface to JSON-RPC.",
            placeholder="surveys.example.com",
        ),
    ]
    user: Annotated[
        str,
        AfterValidator(_check_filled),
        FormField(
            label="User name",
            help="A user of LimeSurvey that is only for this connection. In each survey, give it "
            "the permissions “Survey: view”, “Survey content: view”, and “Responses: view” and "
            "“export”.",
        ),
    ]
    password: Annotated[
        Password,
        FormField(
            label="Password",
            help="The user's password in LimeSurvey. After three wrong ones, LimeSurvey rejects "
            "every sign-in from this installation for some minutes.",
            keeps_secrets=True,
        ),
    ]
    time_zone: Annotated[
        str,
        AfterValidator(_check_zone),
        FormField(
            label="Time zone of the server",
            help="LimeSurvey stores the time of its server without a zone. Ask the operator of "
            "the server. If it is empty, the times are read as UTC.",
            placeholder="Europe/Vienna",
            keeps_secrets=True,
        ),
    ] = ""

    @property
    def place(self) -> Address:
        """Where the server answers calls."""
        return Address.parse(self.address)

    @property
    def zone(self) -> str:
        """The time zone of the times that the server stores."""
        return self.time_zone or DEFAULT_ZONE

    @property
    def notes(self) -> tuple[str, ...]:
        """Remarks about the connection, for the check and for each result."""
        return () if self.time_zone else (_ZONE_MISSING,)

    @property
    def destination(self) -> Destination:
        """The address that all requests are sent to."""
        return Destination(kind="address", address=self.address)
