"""Fuzz tests: each operation with valid and invalid requests, as each role."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from reference_host.tests.api.openapi_client import calls, example_of, is_one_segment, with_values
from reference_host.tests.api.seeded_account import Prepared, prepare, program, snapshot, values_for
from reference_host.tests.app_fixture import NAMES, SECONDS, TOKEN, World
from smaply_metrics_core.host import Role
from smaply_metrics_host.jobs import Job, JobResult
from smaply_metrics_host.web.authentication import COOKIE

if TYPE_CHECKING:
    from schemathesis import Case

    from reference_host.tests.api.openapi_client import Operation

CHECKS: Final = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
EXAMPLES: Final = 8
"""Valid and invalid requests per operation; fewer for a role without access."""
EXAMPLES_REFUSED: Final = 1
MARK: Final = "Nachbarhaus "
"""The prefix of every name in the other account."""
EVERYWHERE: Final = {
    "source",
    "source_id",
    "survey_id",
    "definition",
    "draft",
    "values",
    "wait",
    "job_id",
}
"""Names of values that are the same in each account; job ids are those of the caller."""
STRANGER: Final = None
SUCCESS: Final = {200, 201, 202, 204}
CONFIG: Final = {
    "generation": {"with-security-parameters": False, "deterministic": True},
    "checks": {
        "negative_data_rejection": {
            "expected-statuses": [401, 403, 404, 409, 413, 415, 422, 429],
        }
    },
}


@dataclass
class Fuzz:
    """One role calls all operations.

    Attributes:
        prepared: The current account, which is replaced after an operation changed it.
        neighbour: The other account.
        statuses: The number of responses by operation and status.
    """

    world: World
    role: Role | None
    prepared: Prepared
    neighbour: Prepared
    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    _session: requests.Session = field(default_factory=requests.Session)
    _job: str = "unknown"
    _accounts: int = 0

    def enter(self) -> None:
        """Sign in and start a job with a file."""
        client = program(self.world, self.role, self.prepared.account)
        self.leave()
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.cookies.update(dict(client.cookies))
        self._session.headers.update({"x-csrf-token": client.headers.get("x-csrf-token", "")})
        if self.role is not STRANGER:
            self._job = self.world.run(self._make_file())

    def leave(self) -> None:
        """Close the session."""
        self._session.close()

    def call(self, operation: Operation) -> None:
        """Send the example of an operation, then generated requests."""
        name = operation.definition.raw["operationId"]
        self.statuses[name] = Counter()
        allowed = (
            self.role is not STRANGER
            and self.role >= Role[operation.definition.raw["x-role"].upper()]
        )
        self._send(example_of(operation), self.prepared)
        assert not allowed or set(self.statuses[name]) <= SUCCESS, (
            f"{name}: its example was refused"
        )
        for mode in GenerationMode:

            @settings(
                max_examples=EXAMPLES if allowed else EXAMPLES_REFUSED,
                derandomize=True,
                database=None,
                deadline=None,
                phases=[Phase.generate],
                suppress_health_check=list(HealthCheck),
            )
            @given(
                case=operation.as_strategy(generation_mode=mode),
                whose=st.sampled_from([self.prepared, self.neighbour, None]),
            )
            def generated(case: Case[Operation], whose: Prepared | None) -> None:
                assume(all(is_one_segment(str(value)) for value in case.path_parameters.values()))
                self._send(case, whose)

            try:
                generated()
            except Unsatisfiable:  # It has no invalid requests.
                assert mode is GenerationMode.NEGATIVE

    def _send(self, case: Case[Operation], whose: Prepared | None) -> None:
        name = case.operation.definition.raw["operationId"]
        host = self.world.sandbox.host
        values = values_for(whose, name, self._job, host) if whose else {}
        used = with_values(case, values)
        answer = case.call(base_url=self.world.url, session=self._session, timeout=SECONDS)
        self.statuses[name][answer.status_code] += 1
        # Replacing an invalid value by an existing one may make a request valid.
        case.validate_response(answer, checks=CHECKS[:-1] if used else CHECKS)
        for secret in (TOKEN, self._session.cookies.get(COOKIE), MARK):
            assert secret is None or secret not in answer.text, f"{name} exposes a secret"
        if whose is self.neighbour and used - EVERYWHERE:
            assert answer.status_code >= 400, f"{name} accessed the other account"

    def restore(self) -> None:
        """Use a new account if an operation changed the current one."""
        if not self.prepared.is_whole(self.world):
            self._accounts += 1
            self.prepared = prepare(self.world, f"{self.prepared.account}-{self._accounts}")
            self.enter()

    async def _make_file(self) -> str:
        (person,) = (
            one
            for one in self.world.app_state.people.of_account(self.prepared.account)
            if self.role is not None and one.name == NAMES[self.role]
        )

        async def work(job: Job) -> JobResult:
            job.file = self.world.app_state.downloads.path(job.id)
            job.file.write_bytes(b"a file")
            return JobResult("")

        job = self.world.app_state.jobs.start(person, "A file", work)
        await job.ended()
        return job.id


@pytest.mark.deep(reason="hundreds of invalid requests for each role")
@pytest.mark.parametrize(
    "role", [*reversed(Role), STRANGER], ids=lambda role: role.name.lower() if role else "stranger"
)
def test_no_operation_fails_or_exposes_data(shared: World, role: Role | None) -> None:
    """Every operation responds as documented, without a 5xx or data of another account."""
    who = role.name.lower() if role else "stranger"
    document = json.loads(requests.get(f"{shared.url}/openapi.json", timeout=SECONDS).text)
    schema = schemathesis.openapi.from_dict(document, config=schemathesis.Config.from_dict(CONFIG))
    neighbour = prepare(shared, f"neighbour-of-{who}", mark=MARK)
    shared.connect(account=neighbour.account)
    before = snapshot(shared, neighbour)
    fuzz = Fuzz(shared, role, prepare(shared, f"fuzzed-by-{who}"), neighbour)
    fuzz.enter()

    for result in schema.get_all_operations():
        assert isinstance(result, Ok)
        fuzz.call(result.ok())
        fuzz.restore()
    fuzz.leave()

    for _, _, operation in calls(document):
        statuses = fuzz.statuses[operation["operationId"]]
        needed = Role[operation["x-role"].upper()]
        if role is STRANGER:
            assert set(statuses) == {401}
        elif role < needed:
            assert set(statuses) == {403}
        else:
            assert SUCCESS & set(statuses), f"{operation['operationId']}: {statuses}"
    assert snapshot(shared, neighbour) == before
