"""The state of a sandbox, and the operations that change it while it runs.

The control interface exposes the same operations. All of them are thread-safe.
"""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from smaply_metrics_qualtrics_sandbox.dates import to_iso
from smaply_metrics_qualtrics_sandbox.errors import ControlError
from smaply_metrics_qualtrics_sandbox.exports.jobs import Exports, ExportSettings
from smaply_metrics_qualtrics_sandbox.oauth import OauthClient, TokenIssuer
from smaply_metrics_qualtrics_sandbox.route_faults import Faults, RouteFault
from smaply_metrics_qualtrics_sandbox.surveys.definition import Json
from smaply_metrics_qualtrics_sandbox.surveys.new_responses import add_answers, find_cells
from smaply_metrics_qualtrics_sandbox.surveys.saved_filters import SavedFilter
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

LOGGED_CALLS = 10_000
_HIDDEN = "***"


@dataclass
class Account:
    """The account behind the token.

    Attributes:
        deactivated: Whether its user is deactivated; every call is then 401.
        api_access: Whether its user can access the API; if not, every call is 403.
        proxied_to: The host of the account's data centre if it is another one. The sandbox then
            answers reads with a notice, and rejects export starts and OAuth.
        skip_tokens: Whether the list of surveys continues with `skipToken` instead of `offset`.
    """

    deactivated: bool = False
    api_access: bool = True
    proxied_to: str | None = None
    skip_tokens: bool = False


class SandboxState:
    """The state of a sandbox.

    Attributes:
        lock: Held during each operation.
        surveys: All surveys by id, whether shared or not.
        exports: The started exports.
        now: The clock of the sandbox.
        page_size: The number of surveys per page.
        oauth: Issues bearer tokens; the secret of its client is initially the token.
    """

    def __init__(
        self,
        surveys: Sequence[SandboxSurvey],
        *,
        token: str,
        page_size: int,
        export_polls: int,
        now: Callable[[], datetime],
    ) -> None:
        self.lock = threading.RLock()
        self.surveys = {survey.id: survey for survey in surveys}
        self.exports = Exports()
        self.now = now
        self.page_size = page_size
        self.account = Account()
        self.settings = ExportSettings(polls=export_polls)
        self.faults = Faults()
        self.oauth = TokenIssuer(OauthClient("sandbox-client", token))
        self._token: str | None = token
        self._ever_valid = {token}
        self._log: deque[dict[str, Any]] = deque(maxlen=LOGGED_CALLS)
        self._calls = 0

    def knows(self, token: str) -> bool:
        """Return whether a token is valid."""
        with self.lock:
            return self._token is not None and secrets.compare_digest(
                token.encode(), self._token.encode()
            )

    def set_token(self, token: str | None) -> None:
        """Replace the token, or revoke it with None."""
        if token is not None and not token.strip():
            raise ControlError("token must be a string, or null to revoke it.")
        with self.lock:
            self._token = token
            if token is not None:
                self._ever_valid.add(token)

    def issue_bearer(self, authorization: str, form: bytes) -> dict[str, Any]:
        """Return the response to a request for a bearer token.

        Raises:
            OauthError: if the client or the request is not valid.
        """
        with self.lock:
            issued = self.oauth.issue(authorization, form, self.now())
            self._ever_valid.add(issued["access_token"])
            return issued

    def set_oauth(self, *, revoke: bool = False, **changes: Json) -> None:
        """Change the OAuth client. Other fields keep their values.

        Args:
            revoke: Whether to revoke every issued token.
            changes: Fields of `OauthClient`; `secret=None` deletes the client.

        Raises:
            ControlError: if a field is unknown or its value is not valid.
        """
        with self.lock:
            try:
                changed = replace(self.oauth.client, **changes)
            except TypeError as error:
                raise ControlError(f"The client has no such field: {error}") from error
            if not changed.id or changed.secret == "" or changed.seconds <= 0:
                raise ControlError("id and secret must not be empty, seconds must be above 0.")
            if not all(isinstance(scope, str) for scope in changed.scopes):
                raise ControlError("scopes must be an array of strings.")
            self.oauth.client = replace(changed, scopes=tuple(changed.scopes))
            if changed.secret is not None:
                self._ever_valid.add(changed.secret)
            if revoke:
                self.oauth.revoke()

    def add_filter(self, survey_id: str, name: str, cells: Mapping[str, str]) -> str:
        """Save a filter and return its id, for `filterId` of an export.

        Args:
            survey_id: The id of the survey.
            name: The name of the filter.
            cells: The cells that a response must have, by header or ImportId.

        Raises:
            ControlError: if a column is unknown.
        """
        with self.lock:
            survey = self.survey(survey_id)
            saved = SavedFilter(name, self.now(), find_cells(survey, cells))
            survey.filters[saved.id] = saved
            return saved.id

    def set_account(self, **changes: Json) -> None:
        """Change the account. Other fields keep their values; `proxied_to=None` ends forwarding.

        Args:
            changes: Fields of `Account`.

        Raises:
            ControlError: if a field is unknown or its value is not valid.
        """
        with self.lock:
            try:
                changed = replace(self.account, **changes)
            except TypeError as error:
                raise ControlError(f"The account has no such field: {error}") from error
            if changed.proxied_to == "":
                raise ControlError("proxied_to must be a host such as sjc1.qualtrics.com, or null.")
            self.account = changed

    def survey(self, survey_id: str) -> SandboxSurvey:
        """Return a survey, whether shared or not.

        Raises:
            ControlError: if the survey does not exist.
        """
        survey = self.surveys.get(survey_id)
        if survey is None:
            known = ", ".join(self.surveys)
            raise ControlError(f"There is no survey {survey_id}, only: {known}.", 404)
        return survey

    def add_responses(self, survey_id: str, responses: Sequence[Mapping[str, Any]]) -> int:
        """Add responses to a survey.

        Args:
            survey_id: The id of the survey.
            responses: The cells of each response by header or ImportId. The value of a
                multiple-answer question is a list of choices under its ImportId. Missing metadata
                is filled in: recorded now, status 0, finished.

        Returns:
            The number of added responses.

        Raises:
            ControlError: if a column is unknown or a value is not valid; nothing is added.
        """
        with self.lock:
            return add_answers(self.survey(survey_id), responses, self.now())

    def delete_question(self, survey_id: str, qid: str, *, to_trash: bool = False) -> None:
        """Delete a question permanently, or move it to the trash."""
        with self.lock:
            survey = self.survey(survey_id)
            survey.delete_question(qid, to_trash=to_trash)
            self._touch(survey)

    def restore_question(self, survey_id: str, qid: str, as_id: str | None = None) -> str:
        """Restore a deleted question, or add it again as `as_id`, and return its id."""
        with self.lock:
            survey = self.survey(survey_id)
            new = survey.restore_question(qid, as_id)
            self._touch(survey)
            return new

    def _touch(self, survey: SandboxSurvey) -> None:
        survey.definition["LastModified"] = to_iso(self.now())

    def share(
        self,
        survey_id: str,
        *,
        shared: bool | None = None,
        results: bool | None = None,
        listed: bool | None = None,
    ) -> None:
        """Change the permissions of the token's user for a survey. None keeps the current value.

        Args:
            survey_id: The id of the survey.
            shared: Whether the user can access the survey.
            results: Whether the user can view, and so export, the results.
            listed: Whether the survey is in the list. Surveys shared through a group are not, but
                can be accessed by id.
        """
        with self.lock:
            survey = self.survey(survey_id)
            survey.shared = survey.shared if shared is None else shared
            survey.results = survey.results if results is None else results
            survey.listed = survey.listed if listed is None else listed

    def add_fault(self, route: str, **options: Json) -> None:
        """Add a fault to a route.

        Args:
            route: One of `route_faults.ROUTES`.
            options: The other fields of `RouteFault`.

        Raises:
            ControlError: if a field is unknown or not valid.
        """
        try:
            fault = RouteFault(route=route, **options)
        except TypeError as error:
            raise ControlError(f"The fault is not valid: {error}") from error
        with self.lock:
            self.faults.add(fault)

    def clear_faults(self) -> None:
        """Remove all faults."""
        with self.lock:
            self.faults.clear()

    def set_exports(self, **settings: Json) -> None:
        """Change the settings of later exports. Other settings keep their values.

        Args:
            settings: Fields of `ExportSettings`.

        Raises:
            ControlError: if a setting is unknown or its value is not valid.
        """
        with self.lock:
            try:
                changed = replace(self.settings, **settings)
            except TypeError as error:
                raise ControlError(f"Exports have no such setting: {error}") from error
            if changed.polls < 0 or changed.seconds < 0 or changed.members < 1:
                raise ControlError("polls and seconds must be 0 or more, members 1 or more.")
            if changed.member_name == "":
                raise ControlError("member_name must be a string, or null for the survey's name.")
            self.settings = changed

    def record(self, call: Mapping[str, Any]) -> None:
        """Log a call with the token redacted."""
        with self.lock:
            self._calls += 1
            self._log.append({"n": self._calls, **self._hide(dict(call))})

    def _hide(self, value: Json) -> Json:
        if isinstance(value, str):
            for token in self._ever_valid:
                value = value.replace(token, _HIDDEN)
            return value
        if isinstance(value, Mapping):
            return {self._hide(key): self._hide(item) for key, item in value.items()}
        if isinstance(value, list):
            return [self._hide(item) for item in value]
        return value

    def calls(self) -> list[dict[str, Any]]:
        """Return the last 10,000 calls, without headers and with the token redacted."""
        with self.lock:
            return [dict(call) for call in self._log]

    def clear_log(self) -> None:
        """Clear the log."""
        with self.lock:
            self._log.clear()
            self._calls = 0

    def describe(self) -> dict[str, Any]:
        """Return the current state as JSON, without the token."""
        with self.lock:
            return {
                "token": self._token is not None,
                "account": asdict(self.account),
                "exports": asdict(self.settings),
                "faults": self.faults.describe(),
                "surveys": [
                    {
                        "id": survey.id,
                        "name": survey.name,
                        "responses": survey.rows,
                        "shared": survey.shared,
                        "listed": survey.listed,
                        "results": survey.results,
                    }
                    for survey in self.surveys.values()
                ],
            }
