"""One call of a function of RemoteControl 2: JSON-RPC by POST."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from datetime import datetime
from http import HTTPStatus
from typing import Any, Final

import httpx
from pydantic import SecretStr

from smaply_metrics_core import Address, FieldProblem, SourceUnavailable, Unreachable
from smaply_metrics_core.http import SAFE_TO_REPEAT, large_response, read_json
from smaply_metrics_limesurvey.address import other_form
from smaply_metrics_limesurvey.rpc import refusals

ID: Final = 1
"""The id of every call. It must be true in PHP: with 0 or null, LimeSurvey sends no answer."""

_HEADERS: Final = {"content-type": "application/json", "accept": "application/json"}
LARGEST_EXPORT: Final = 256 * 2**20
"""The maximum size in bytes of a page of responses, as base64 in JSON."""
_WHY_LARGE: Final = "LimeSurvey sends a page of responses as one text, and answers can be long."

_OTHER_FORM: Final = b"CSRF"
_PROBE: Final = "list_surveys"


class JsonRpc:
    """The functions of one server, which all have one address."""

    def __init__(self, address: Address, http: httpx.Client, now: Callable[[], datetime]) -> None:
        self._address = address
        self._http = http
        self._now = now

    def call(self, method: str, *params: object) -> Any:  # noqa: ANN401  # Any JSON.
        """Return the result of a function.

        Parameters are passed by position. A ``SecretStr`` is revealed only in the request.

        Raises:
            RemoteError: if the function was refused or failed, or something else answered.
        """
        answer = self._answer(self._post(method, params))
        result = answer["result"]
        status = _status(result)
        if status not in {"", "OK"}:
            raise refusals.refused(method, status, self._now())
        if answer["error"] is not None or result is None:
            # The text of the error names tables and classes of the server.
            raise SourceUnavailable(f"LimeSurvey reported an internal error in {method}.")
        return result

    def reach(self) -> None:
        """Check that RemoteControl answers, before a password is sent.

        LimeSurvey rejects an empty session key in its own envelope.

        Raises:
            SourceUnavailable: if the interface is off, or speaks XML.
            Unreachable: if another service answers, or the address has the wrong form.
        """
        answer = self._answer(self._post(_PROBE, [""]))
        if _status(answer["result"]).strip().casefold() != refusals.SESSION:
            raise _another_service()

    def _post(self, method: str, params: Sequence[object]) -> httpx.Response:
        plain = [one.get_secret_value() if isinstance(one, SecretStr) else one for one in params]
        body = json.dumps({"method": method, "params": plain, "id": ID}).encode()
        return self._http.post(
            self._address.url, content=body, headers=_HEADERS, extensions=_extensions(method)
        )

    def _answer(self, response: httpx.Response) -> dict[str, Any]:
        """Return the envelope of an answer.

        Raises:
            RemoteError: if it is not an answer to this call.
        """
        content = response.content.lstrip()
        match response.status_code:
            case HTTPStatus.OK:
                pass
            case HTTPStatus.UNAUTHORIZED:
                raise refusals.password_of_web_server()
            case HTTPStatus.FORBIDDEN:
                raise refusals.blocked_by_web_server()
            case HTTPStatus.NOT_FOUND:
                raise _another_service()
            case HTTPStatus.BAD_REQUEST if _OTHER_FORM in content:
                raise self._wrong_form()
            case other:
                raise SourceUnavailable(f"LimeSurvey returned an unexpected HTTP {other}.")
        if not content:
            raise refusals.switched_off()
        if content.startswith((b"<?xml", b"<methodResponse")):
            raise refusals.speaks_xml()
        if content.startswith(b"<"):
            raise _another_service()
        answer = read_json(response)
        if (
            not isinstance(answer, dict)
            or not {"id", "result", "error"} <= {*answer}
            or str(answer["id"]) != str(ID)
        ):
            raise SourceUnavailable("LimeSurvey returned an answer that does not fit the call.")
        return answer

    def _wrong_form(self) -> Unreachable:
        """Return the error of a server that answers at the other form of the address only."""
        url = other_form(self._address).url
        return Unreachable(
            "This LimeSurvey server answers at another form of the address.",
            remedy=f"Use {url}.",
            fields=(FieldProblem(name="address", message=f"Use {url}.", suggestion=url),),
        )


def _extensions(method: str) -> dict[str, Any]:
    # All functions read, but a sign-in that was lost may have counted as a wrong password.
    if method == refusals.SIGN_IN:
        return {}
    if method == refusals.EXPORT:
        return {**SAFE_TO_REPEAT, **large_response(LARGEST_EXPORT, reason=_WHY_LARGE)}
    return dict(SAFE_TO_REPEAT)


def _status(result: object) -> str:
    """Return the text of a refusal; empty for a result. Newer versions add an error code."""
    status = result.get("status") if isinstance(result, dict) else None
    return status if isinstance(status, str) else ""


def _another_service() -> Unreachable:
    return Unreachable(
        "At this address, something other than LimeSurvey's RemoteControl answers.",
        remedy="Enter the address of LimeSurvey as it is shown in a browser, with its folder.",
    )
