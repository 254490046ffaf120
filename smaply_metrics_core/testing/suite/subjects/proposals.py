"""Contract tests of the values that a source proposes and writes for its form."""

from __future__ import annotations

from functools import partial
from unittest import SkipTest

from smaply_metrics_core.errors import MetricsError
from smaply_metrics_core.models.columns import ColumnEdit, ColumnSheet
from smaply_metrics_core.models.credentials import credential_fields
from smaply_metrics_core.sources.session import SourceSession
from smaply_metrics_core.testing.assertions import broken
from smaply_metrics_core.testing.suite.subject import ContractSubject


class ProposalTests(ContractSubject):
    """The optional hooks ``propose_value`` and ``edit_columns``."""

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

    def test_unchanged_columns_keep_the_text(self) -> None:
        """Roles of columns that a person did not change leave the text of the field as it is."""
        source = self.lab.load_source()
        fields = credential_fields(source.description.credentials)
        names = [field.name for field in fields if field.columns]
        if not names:
            raise SkipTest("this source does not implement the optional hook edit_columns")
        for field in names:
            first = self.lab.run(f"columns_{field}", partial(_columns, field))
            values = {**self.credentials, field: first.value}
            again = self.lab.run(
                f"unchanged_{field}", partial(_unchanged, field, first), values=values
            )
            if again.value != first.value:
                raise broken(
                    f"Submitting the roles of {field} as they were shown changes its text.",
                    "return the text unchanged for edits that are equal to what the sheet shows",
                )


def _columns(field: str, session: SourceSession) -> ColumnSheet:
    return session.edit_columns(field, "", ())


def _unchanged(field: str, shown: ColumnSheet, session: SourceSession) -> ColumnSheet:
    edits = [ColumnEdit(column=one.id, role=one.role, label=one.label) for one in shown.columns]
    return session.edit_columns(field, shown.table, edits)


def _propose(field: str, session: SourceSession) -> str:
    return session.propose_value(field)
