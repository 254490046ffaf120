"""The contract as tests: an author subclasses one class and states facts about a source."""

from __future__ import annotations

from smaply_metrics_core.testing.suite.overrides import (
    OverrideProtection,
    protected,
    protected_helpers,
    require_guardian,
)
from smaply_metrics_core.testing.suite.subjects.batches import BatchTests
from smaply_metrics_core.testing.suite.subjects.combined_queries import CombinedQueryTests
from smaply_metrics_core.testing.suite.subjects.credential_checks import CredentialCheckTests
from smaply_metrics_core.testing.suite.subjects.debug_bundles import DebugBundleTests
from smaply_metrics_core.testing.suite.subjects.descriptions import DescriptionTests
from smaply_metrics_core.testing.suite.subjects.empty_surveys import EmptySurveyTests
from smaply_metrics_core.testing.suite.subjects.entered_values import EnteredValueTests
from smaply_metrics_core.testing.suite.subjects.excluded_responses import ExcludedResponseTests
from smaply_metrics_core.testing.suite.subjects.expected_values import ExpectedValueTests
from smaply_metrics_core.testing.suite.subjects.filters import FilterTests
from smaply_metrics_core.testing.suite.subjects.foreign_ids import ForeignIdTests
from smaply_metrics_core.testing.suite.subjects.http_faults import HttpFaultTests
from smaply_metrics_core.testing.suite.subjects.isolation import IsolationTests
from smaply_metrics_core.testing.suite.subjects.login_sessions import LoginSessionTests
from smaply_metrics_core.testing.suite.subjects.pagination import PaginationTests
from smaply_metrics_core.testing.suite.subjects.payloads import PayloadTests
from smaply_metrics_core.testing.suite.subjects.proposals import ProposalTests
from smaply_metrics_core.testing.suite.subjects.query_partitions import QueryPartitionTests
from smaply_metrics_core.testing.suite.subjects.recordings import RecordingTests
from smaply_metrics_core.testing.suite.subjects.refusals import RefusalTests
from smaply_metrics_core.testing.suite.subjects.secret_leaks import SecretLeakTests
from smaply_metrics_core.testing.suite.subjects.single_faults import SingleFaultTests
from smaply_metrics_core.testing.suite.subjects.surveys import SurveyTests
from smaply_metrics_core.testing.suite.subjects.tallies import TallyTests
from smaply_metrics_core.testing.suite.subjects.time_zones import TimeZoneTests
from smaply_metrics_core.testing.suite.subjects.weights import WeightTests


class SourceContract(  # The tests of the last base run first: the quick ones.
    RecordingTests,
    SecretLeakTests,
    DebugBundleTests,
    IsolationTests,
    LoginSessionTests,
    RefusalTests,
    PayloadTests,
    SingleFaultTests,
    PaginationTests,
    HttpFaultTests,
    ForeignIdTests,
    QueryPartitionTests,
    CombinedQueryTests,
    TimeZoneTests,
    FilterTests,
    BatchTests,
    WeightTests,
    EnteredValueTests,
    ExcludedResponseTests,
    TallyTests,
    EmptySurveyTests,
    ExpectedValueTests,
    SurveyTests,
    ProposalTests,
    CredentialCheckTests,
    DescriptionTests,
    OverrideProtection,
):
    """All tests that a source must pass.

    A subclass states the facts, and a test runner runs the tests::

        class TestAcme(SourceContract):
            source = "acme"
            credentials = {"api_token": "made-up-and-long-enough", "host": "api.example.com"}
            wrong_credentials = {**credentials, "api_token": "another-made-up-token"}
            survey_id = "S1"
            recorded_at = datetime(2026, 3, 1, 9, 5, 1, tzinfo=UTC)
            cassettes = Path(__file__).parent / "cassettes"

    The tests call the source as a host does, through the registry and with isolation. No test
    waits. The last line of every failure is ``Fix: …``. ``ContractFacts`` explains the facts.
    """

    def __init_subclass__(cls) -> None:
        """Reject a class that replaces the test that protects the others.

        Raises:
            AssertionError: with the name of the class.
        """
        super().__init_subclass__()
        require_guardian(cls)


# Cache the original suite before other code can change it.
protected()
protected_helpers()
