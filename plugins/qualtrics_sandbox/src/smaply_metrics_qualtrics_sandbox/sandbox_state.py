"""What the sandbox is at this moment, and everything that can be done to it while it runs.

Each operation here is one of the control interface's; both are safe from any thread.
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
from smaply_metrics_qualtrics_sandbox.route_faults import Faults, RouteFault
from smaply_metrics_qualtrics_sandbox.surveys.definition import Json
from smaply_metrics_qualtrics_sandbox.surveys.new_responses import add_answers
from smaply_metrics_qualtrics_sandbox.surveys.survey import SandboxSurvey

LOGGED_CALLS = 10_000
_HIDDEN = "***"


@dataclass
class Account:
    """The account behind the token.

    Attributes:
        deactivated: Whether its user is deactivated: 401 on everything.
        api_access: Whether it may use the API: 403 on everything when not.
        proxied_to: The host it really lives on; this sandbox then plays a wrong data centre, which
            passes reads on with a notice and refuses to start exports.
    """

    deactivated: bool = False
    api_access: bool = True
    proxied_to: str | None = None


class SandboxState:
    """The state of a sandbox.

    Attributes:
        lock: Held while anything here is read or changed.
        surveys: The surveys by id, shared or not.
        exports: The exports that were started.
        now: The sandbox's clock.
        page_size: Surveys on one page of the list.
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
        self._token: str | None = token
        self._ever_valid = {token}
        self._log: deque[dict[str, Any]] = deque(maxlen=LOGGED_CALLS)
        self._calls = 0

    def knows(self, token: str) -> bool:
        """Return whether a token is the valid one."""
        with self.lock:
            return self._token is not None and secrets.compare_digest(
                token.encode(), self._token.encode()
            )

    def set_token(self, token: str | None) -> None:
        """Replace the token, or revoke it with None."""
        if token is not None and not token.strip():
            raise ControlError("token must be a text, or null to revoke it.")
        with self.lock:
            self._token = token
            if token is not None:
                self._ever_valid.add(token)

    def set_account(self, **changes: Json) -> None:
        """Change the account; what isn't given stays, and `proxied_to=None` ends the proxying.

        Args:
            changes: Fields of `Account`.

        Raises:
            ControlError: A field is unknown or its value can't be.
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
        """Return a survey, shared or not.

        Raises:
            ControlError: There is no such survey.
        """
        survey = self.surveys.get(survey_id)
        if survey is None:
            known = ", ".join(self.surveys)
            raise ControlError(f"There is no survey {survey_id}. The surveys here: {known}.", 404)
        return survey

    def add_responses(self, survey_id: str, responses: Sequence[Mapping[str, Any]]) -> int:
        """Add responses to a survey.

        Args:
            survey_id: The survey.
            responses: For each response its cells by header or ImportId; a multiple-answer question
                takes a list of choices under its ImportId. Metadata that isn't given is filled in:
                recorded now, status 0, finished.

        Returns:
            How many were added.

        Raises:
            ControlError: A column is unknown or a value can't be kept; nothing was added then.
        """
        with self.lock:
            return add_answers(self.survey(survey_id), responses, self.now())

    def delete_question(self, survey_id: str, qid: str, *, to_trash: bool = False) -> None:
        """Delete a question, for good or into the trash."""
        with self.lock:
            survey = self.survey(survey_id)
            survey.delete_question(qid, to_trash=to_trash)
            self._touch(survey)

    def restore_question(self, survey_id: str, qid: str, as_id: str | None = None) -> str:
        """Bring a deleted question back, or add it again as `as_id`; return its id."""
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
        """Change what the token's user may do with a survey; what isn't given stays.

        Args:
            survey_id: The survey.
            shared: Whether the user can reach it at all.
            results: Whether the user may view its results: export them.
            listed: Whether the list has it; one that is shared through a group is reached by id
                only.
        """
        with self.lock:
            survey = self.survey(survey_id)
            survey.shared = survey.shared if shared is None else shared
            survey.results = survey.results if results is None else results
            survey.listed = survey.listed if listed is None else listed

    def add_fault(self, route: str, **options: Json) -> None:
        """Put a fault on a route.

        Args:
            route: One of `faults.ROUTES`.
            options: The other fields of `Fault`.

        Raises:
            ControlError: The fault can't be.
        """
        try:
            fault = RouteFault(route=route, **options)
        except TypeError as error:
            raise ControlError(f"A fault can't be made of this: {error}") from error
        with self.lock:
            self.faults.add(fault)

    def clear_faults(self) -> None:
        """Take away all faults."""
        with self.lock:
            self.faults.clear()

    def set_exports(self, **settings: Json) -> None:
        """Change how exports behave from the next one on; what isn't given stays.

        Args:
            settings: Fields of `ExportSettings`.

        Raises:
            ControlError: A setting is unknown or its value can't be.
        """
        with self.lock:
            try:
                changed = replace(self.settings, **settings)
            except TypeError as error:
                raise ControlError(f"Exports have no such setting: {error}") from error
            if changed.polls < 0 or changed.seconds < 0 or changed.members < 1:
                raise ControlError("polls and seconds must be 0 or more, members 1 or more.")
            if changed.member_name == "":
                raise ControlError("member_name must be a text, or null for the survey's name.")
            self.settings = changed

    def record(self, call: Mapping[str, Any]) -> None:
        """Put a call into the log, with the token hidden wherever it stands."""
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
        """Return the calls, at most the last 10,000, without headers and without the token."""
        with self.lock:
            return [dict(call) for call in self._log]

    def clear_log(self) -> None:
        """Empty the log."""
        with self.lock:
            self._log.clear()
            self._calls = 0

    def describe(self) -> dict[str, Any]:
        """Return what is set now, as JSON, without the token."""
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
