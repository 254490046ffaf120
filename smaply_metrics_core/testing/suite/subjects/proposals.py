"""Contract tests of the values that a source proposes for its form."""

from __future__ import annotations

from functools import partial
from unittest import SkipTest

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.assertions import broken
from smaply_metrics_core.testing.suite.subject import ContractSubject


class ProposalTests(ContractSubject):
    """The optional hook ``propose_value``."""

    def test_the_form_accepts_proposed_values(self) -> None:
        """The form accepts the value that the source proposes for a field."""
        source = self.lab.load_source()
        fields = credential_fields(source.description.credentials)
        proposable = [field.name for field in fields if field.proposable]
        if not proposable:
            raise SkipTest("this source does not implement the optional hook propose_value")
        for field in proposable:
            others = {name: one for name, one in self.credentials.items() if name != field}
            value = self.lab.run(f"proposal_{field}", partial(_propose, field), values=others)
            try:
                source.parse({**others, field: value})
            except MetricsError as error:
                raise broken(
                    f"The form rejects the value that was proposed for {field}: {error.message}",
                    "propose a value that the credentials model accepts, or an empty text",
                ) from None


def _propose(field: str, session: SourceSession) -> str:
    return session.propose_value(field)
