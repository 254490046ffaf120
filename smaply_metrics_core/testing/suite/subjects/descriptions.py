"""Contract tests of the source's description, its credentials form, and the facts of the test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import CredentialsInvalid, MetricsError
from smaply_metrics_core.models.credentials import (
    CredentialField,
    credential_fields,
    keeps_white_space,
)
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.testing.assertions import expect, unexpected
from smaply_metrics_core.testing.faults.refusal import Refusal
from smaply_metrics_core.testing.suite.lab import AUTHENTICATE
from smaply_metrics_core.testing.suite.subject import ContractSubject

MIN_SECRET_LENGTH: Final = 12

FACT_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "credentials": ((Mapping,), "a dictionary"),
    "wrong_credentials": ((Mapping,), "a dictionary"),
    "survey_id": ((str,), "a text"),
    "unknown_survey_id": ((str,), "a text"),
    "recorded_at": ((datetime, type(None)), "a datetime with a time zone"),
    "excluded_at": ((datetime, type(None)), "a datetime with a time zone"),
    "empty_survey_ids": ((tuple, list), "a tuple of texts"),
    "refusals": ((Mapping,), "a dictionary"),
    "now": ((datetime,), "a datetime with a time zone"),
    "personal": ((tuple, list), "a tuple of texts"),
    "expected": ((Mapping,), "a dictionary"),
    "cassettes": ((Path, type(None)), "a Path"),
    "fault_sample": ((str,), "a text"),
}
"""The types of facts and their descriptions, for authors without a type checker."""


class DescriptionTests(ContractSubject):
    """The source description and the credentials form."""

    def test_the_description_is_complete(self) -> None:
        """The source has a title, checks, and a form with a label and help for each field."""
        description = self.lab.load_source().description
        expect(
            description == self.lab.load_source().description,
            "The second call of describe_source returns another description.",
            "return the same description from every call",
        )
        expect(
            description.title.strip() and description.title != description.id,
            f"The title of the source is “{description.title}”.",
            "set the title of SourceDescription to the product's name",
        )
        fields = _form_fields(self.lab.load_source())
        for field in fields:
            expect(
                field.label.strip() and (field.help.strip() or not field.required),
                f"The form field {field.name} has no label or no help.",
                "annotate it with FormField(label=…, help=…), where the help says where to find "
                "the value",
            )
        secret = [field.name for field in fields if field.secret]
        names = {step.name for step in description.checks if step.required}
        expect(
            not secret or AUTHENTICATE in names,
            f"The source has a secret ({', '.join(secret)}), but no required step uses it.",
            f"declare the check step “{AUTHENTICATE}” as required",
        )

    def test_the_facts_of_the_test_are_good_enough(self) -> None:
        """The secrets are long enough to be searched for, and the wrong credentials differ."""
        for name, (types, description) in FACT_TYPES.items():
            given = getattr(self, name)
            expect(
                isinstance(given, types) and getattr(given, "tzinfo", self) is not None,
                f"The fact `{name}` is a {type(given).__name__}, but must be {description}.",
                "set it to this type; docs/testing.md explains all facts",
            )
        for key, refusal in self.refusals.items():
            expect(
                isinstance(refusal, bytes if isinstance(key, int) else Refusal),
                f"The fact `refusals` has a {type(refusal).__name__} for {key!r}.",
                "set the body as bytes for a status, and a Refusal for a name",
            )
        expect(
            self.credentials and self.wrong_credentials and self.survey_id,
            "The contract test has no credentials, wrong credentials or survey.",
            "set `credentials`, `wrong_credentials` and `survey_id` on the class",
        )
        expect(
            all(len(secret) >= MIN_SECRET_LENGTH for secret in self.lab.secrets()),
            f"A secret has fewer than {MIN_SECRET_LENGTH} characters.",
            "use a longer made-up secret; a short one may occur by coincidence",
        )
        expect(
            dict(self.credentials) != dict(self.wrong_credentials),
            "The wrong credentials equal the valid ones.",
            "change the secret, or the destination if there is no secret",
        )

    def test_the_form_accepts_valid_credentials(self) -> None:
        """White space around a value is ignored, and no secret is shown."""
        source = self.lab.load_source()
        try:
            plain = source.parse(self.credentials)
            model = source.description.credentials
            padded = source.parse(
                {
                    name: f"{value}\n" if keeps_white_space(model, name) else f"  {value}\n"
                    for name, value in self.credentials.items()
                }
            )
        except MetricsError as error:
            raise unexpected(error, "Parsing the credentials") from None
        expect(
            plain == padded,
            "White space around the values changes the credentials.",
            "base the model on `Credentials`, which trims texts before validation",
        )
        shown = f"{plain!r} {plain} {plain.model_dump_json()}"
        expect(
            not any(secret in shown for secret in self.lab.secrets()),
            "The printed credentials contain a secret.",
            "declare the secret as SecretStr or Token",
        )

    def test_the_form_rejects_missing_fields(self) -> None:
        """Missing required fields and unknown fields are rejected by name."""
        source = self.lab.load_source()
        required = [field for field in _form_fields(source) if field.required]
        expect(
            required,
            "Every field of the form is optional, so users can connect without any value.",
            "make the secret or the destination required: remove its default",
        )
        for field in required:
            rest = {name: v for name, v in self.credentials.items() if name != field.name}
            expect(
                field.name in _rejected_fields(source, rest),
                f"The form accepts credentials without {field.name}, or does not name the field.",
                "remove the default of the field, or declare it as optional",
            )
        given = {**self.credentials, "no_such_field": "x"}
        expect(
            "no_such_field" in _rejected_fields(source, given),
            "The form accepts an unknown field.",
            'do not change `extra="forbid"` of `Credentials`',
        )


def _form_fields(source: Source) -> tuple[CredentialField, ...]:
    return credential_fields(source.description.credentials)


def _rejected_fields(source: Source, values: Mapping[str, str]) -> set[str]:
    """Return the names of the fields for which the form rejects some values."""
    try:
        source.parse(values)
    except CredentialsInvalid as error:
        return {field.name for field in error.fields}
    except MetricsError as error:
        raise unexpected(error, "Parsing invalid credentials") from None
    return set()
