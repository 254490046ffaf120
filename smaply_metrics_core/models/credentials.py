"""Credentials: the model that a source declares, and how a form and the vault see it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_core import PydanticCustomError

from smaply_metrics_core.errors import CredentialsInvalid
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import FieldProblem

C = TypeVar("C", bound="Credentials")


@dataclass(frozen=True)
class FormField:
    """How a credentials field is shown, given as metadata: ``Annotated[str, FormField(...)]``.

    ``keeps_secrets`` says that changing this field alone cannot send the secrets somewhere else;
    changing any other field requires the secrets to be entered again.
    """

    label: str
    help: str = ""
    placeholder: str = ""
    keeps_secrets: bool = False


class CredentialField(Frozen):
    """One field of a source's credentials form."""

    name: str
    label: str
    help: str = ""
    placeholder: str = ""
    secret: bool
    required: bool
    harmless: bool


class Credentials(BaseModel):
    """Base of every source's credentials model: declare secrets as ``SecretStr`` (or ``Token``).

    White space around every text is trimmed before a field is checked, secrets included.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, data: Any) -> Any:  # noqa: ANN401  # Whatever the caller gave.
        if not isinstance(data, dict):
            return data
        return {name: _trimmed(value) for name, value in data.items()}


def _trimmed(value: object) -> object:
    if isinstance(value, str):
        return value.strip()
    if isinstance(value, SecretStr):
        return SecretStr(value.get_secret_value().strip())
    return value


def _check_token(value: SecretStr) -> SecretStr:
    text = value.get_secret_value()
    if not text:
        raise PydanticCustomError("token_empty", "It is empty.")
    if any(c.isspace() for c in text):
        raise PydanticCustomError(
            "token_space", "It has a space or line break inside: copy the token alone."
        )
    if not (text.isascii() and text.isprintable()):
        raise PydanticCustomError(
            "token_characters",
            "It has characters that no token has (accents, invisible ones): copy it again.",
        )
    return value


Token = Annotated[SecretStr, AfterValidator(_check_token)]
"""A secret that travels in an HTTP header: printable ASCII without white space."""


def suggestion_error(message: str, suggestion: str) -> PydanticCustomError:
    """Make the error that a field's validator raises when it knows the right value.

    A form can then offer ``suggestion`` in one click.
    """
    return PydanticCustomError("suggestion", "{text}", {"text": message, "suggestion": suggestion})


def credential_fields(model: type[Credentials]) -> tuple[CredentialField, ...]:
    """Describe each field of a credentials model, in order, for a form or a prompt."""
    described = []
    for name, info in model.model_fields.items():
        form = next((m for m in info.metadata if isinstance(m, FormField)), None)
        described.append(
            CredentialField(
                name=name,
                label=form.label if form else name.replace("_", " ").capitalize(),
                help=form.help if form else "",
                placeholder=form.placeholder if form else "",
                secret=info.annotation is SecretStr,
                required=info.is_required(),
                harmless=form.keeps_secrets if form else False,
            )
        )
    return tuple(described)


def parse_credentials(model: type[C], values: dict[str, Any]) -> C:
    """Check what a person entered against a source's model.

    Raises:
        CredentialsInvalid: with a problem for each field that does not fit; no input is repeated.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        labels = {field.name: field.label for field in credential_fields(model)}
        fields = tuple(
            FieldProblem(
                name=(name := ".".join(str(part) for part in detail["loc"]) or "form"),
                message=_say(detail["type"], detail["msg"], name, labels),
                suggestion=detail.get("ctx", {}).get("suggestion"),
            )
            for detail in error.errors(include_input=False, include_url=False)
        )
    first = fields[0]
    raise CredentialsInvalid(
        " ".join(f"{labels.get(f.name, f.name)}: {f.message}" for f in fields),
        fields=fields,
        remedy=(
            f"Use `{first.suggestion}`."
            if first.suggestion
            else f"Correct {labels.get(first.name, first.name)} and save again."
        ),
    ) from None


def _say(kind: str, message: str, name: str, labels: dict[str, str]) -> str:
    if kind == "missing":
        return "It is missing."
    if kind == "extra_forbidden":
        return f"There is no such field; there are: {', '.join(labels) or 'none'}."
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    return message if name in labels else f"{name}: {message}"


def secret_values(credentials: Credentials) -> tuple[str, ...]:
    """Return the secrets in clear, for the vault and for scanners that must find none of them."""
    return tuple(
        value.get_secret_value()
        for value in credentials.__dict__.values()
        if isinstance(value, SecretStr) and value.get_secret_value()
    )


def reveal(credentials: Credentials) -> dict[str, Any]:
    """Return every field in clear JSON types, for sealing alone.

    (``model_dump_json`` would store asterisks in place of a secret.)
    """
    dumped = credentials.model_dump(mode="json")
    for name, value in credentials.__dict__.items():
        if isinstance(value, SecretStr):
            dumped[name] = value.get_secret_value()
    return dumped
