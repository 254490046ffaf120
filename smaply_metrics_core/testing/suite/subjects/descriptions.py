"""Contract tests of the source's description, its credentials form, and the facts of the test."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Final

from smaply_metrics_core.errors import CredentialsInvalid, MetricsError
from smaply_metrics_core.models.credentials import CredentialField, credential_fields
from smaply_metrics_core.sources.source import Source
from smaply_metrics_core.testing.assertions import expect, unexpected
from smaply_metrics_core.testing.suite.lab import AUTHENTICATE
from smaply_metrics_core.testing.suite.subject import ContractSubject

MIN_SECRET_LENGTH: Final = 12

FACT_TYPES: Final[Mapping[str, tuple[tuple[type, ...], str]]] = {
    "credentials": ((Mapping,), "a dictionary"),
    "wrong_credentials": ((Mapping,), "a dictionary"),
    "survey_id": ((str,), "a text"),
    "unknown_survey_id": ((str,), "a text"),
    "recorded_at": ((datetime, type(None)), "a datetime with a time zone"),
    "now": ((datetime,), "a datetime with a time zone"),
    "personal": ((tuple, list), "a tuple of texts"),
    "expected": ((Mapping,), "a dictionary"),
    "cassettes": ((Path, type(None)), "a Path"),
}
"""The types of facts, and their names: for authors who do not run a type checker."""


class DescriptionTests(ContractSubject):
    """The source description and the credentials form."""

    def test_the_description_is_complete(self) -> None:
        """The source has a title, checks, and a form with a label and help for each field."""
        description = self.lab.load_source().description
        expect(
            description == self.lab.load_source().description,
            "describe_source says something else at the second call.",
            "give the same description whenever it is asked for",
        )
        expect(
            description.title.strip() and description.title != description.id,
            f"The title of the source is “{description.title}”.",
            "give SourceDescription a title that people know, such as the product's name",
        )
        fields = _form_fields(self.lab.load_source())
        for field in fields:
            expect(
                field.label.strip() and (field.help.strip() or not field.required),
                f"The field {field.name} of the form has no label, or no help.",
                "annotate it with FormField(label=…, help=…): say where people find the value",
            )
        secret = [field.name for field in fields if field.secret]
        names = {step.name for step in description.checks if step.required}
        expect(
            not secret or AUTHENTICATE in names,
            f"The source takes a secret ({', '.join(secret)}) and no required step tries it.",
            f"declare the check step “{AUTHENTICATE}” as required",
        )

    def test_the_facts_of_the_test_are_good_enough(self) -> None:
        """The secrets are long enough to be searched for, and the wrong ones are different."""
        for name, (types, description) in FACT_TYPES.items():
            given = getattr(self, name)
            expect(
                isinstance(given, types) and getattr(given, "tzinfo", self) is not None,
                f"The fact `{name}` is a {type(given).__name__}, and should be {description}.",
                "give it as one; docs/testing.md explains all facts",
            )
        expect(
            self.credentials and self.wrong_credentials and self.survey_id,
            "The contract test lacks credentials, wrong credentials, or a survey.",
            "set `credentials`, `wrong_credentials` and `survey_id` on the class",
        )
        expect(
            all(len(secret) >= MIN_SECRET_LENGTH for secret in self.lab.secrets()),
            f"A secret has fewer than {MIN_SECRET_LENGTH} characters.",
            "use a longer made-up one: a short text stands somewhere by chance",
        )
        expect(
            dict(self.credentials) != dict(self.wrong_credentials),
            "The wrong credentials are the right ones.",
            "change the secret; without a secret, the place where the credentials lead",
        )

    def test_the_form_accepts_valid_credentials(self) -> None:
        """White space around a value is ignored, and no secret is shown."""
        source = self.lab.load_source()
        try:
            plain = source.parse(self.credentials)
            padded = source.parse({k: f"  {v}\n" for k, v in self.credentials.items()})
        except MetricsError as error:
            raise unexpected(error, "Taking the credentials") from None
        expect(
            plain == padded,
            "White space around the values makes other credentials of them.",
            "base the model on `Credentials`, which trims every text before it is checked",
        )
        shown = f"{plain!r} {plain} {plain.model_dump_json()}"
        expect(
            not any(secret in shown for secret in self.lab.secrets()),
            "The credentials show a secret when they are printed.",
            "declare it as SecretStr or Token",
        )

    def test_the_form_rejects_missing_fields(self) -> None:
        """A missing required field is named, and so is an unknown field."""
        source = self.lab.load_source()
        required = [field for field in _form_fields(source) if field.required]
        expect(
            required,
            "Every field of the form may be left out, so people connect with nothing.",
            "give the secret, or the place where the credentials lead, no default",
        )
        for field in required:
            rest = {name: v for name, v in self.credentials.items() if name != field.name}
            expect(
                field.name in _rejected_fields(source, rest),
                f"The form takes credentials without {field.name}, or does not name it.",
                "give the field no default, or make it optional",
            )
        given = {**self.credentials, "no_such_field": "x"}
        expect(
            "no_such_field" in _rejected_fields(source, given),
            "The form takes a field that it does not have.",
            'leave `extra="forbid"` as `Credentials` sets it',
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
        raise unexpected(error, "Taking credentials that do not fit") from None
    return set()
