"""Credentials: the base class of a source's model, and its fields for forms and encryption."""

from __future__ import annotations

from collections.abc import Mapping
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
    """How a form shows a credentials field, as metadata: ``Annotated[str, FormField(...)]``.

    ``keeps_secrets`` declares that a change of this field cannot redirect the secrets to another
    destination. A change of any other field requires the secrets to be entered again.
    ``multiline`` asks for a text area, such as for YAML. ``proposable`` declares that the hook
    ``propose_value`` can propose a value; such a field has a default and is not a secret.
    ``columns`` declares that the hook ``edit_columns`` can show and write its value as roles of the
    columns of tables; it needs a default, too.
    ``host_only`` declares that the field takes a host name, so that a form can reduce the address
    of a page to its host.
    """

    label: str
    help: str = ""
    placeholder: str = ""
    keeps_secrets: bool = False
    multiline: bool = False
    proposable: bool = False
    columns: bool = False
    host_only: bool = False


class CredentialField(Frozen):
    """One field of a source's credentials form."""

    name: str
    label: str
    help: str = ""
    placeholder: str = ""
    secret: bool
    required: bool
    harmless: bool
    multiline: bool = False
    proposable: bool = False
    columns: bool = False
    host_only: bool = False


class Credentials(BaseModel):
    """Base class of the credentials of sources. Declare secrets as ``SecretStr`` or ``Token``.

    White space around text is trimmed before validation, in secrets as well, but not in a
    ``Password``.
    """

    model_config = ConfigDict(
        frozen=True, extra="forbid", hide_input_in_errors=True, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _trim(cls, data: Any) -> Any:  # noqa: ANN401  # The caller may pass anything.
        if not isinstance(data, dict):
            return data
        return {
            name: value if keeps_white_space(cls, name) else _trimmed(value)
            for name, value in data.items()
        }


class _Untrimmed:
    """Marks a field whose white space is part of its value."""


def keeps_white_space(model: type[Credentials], name: str) -> bool:
    """Whether white space is part of the value of a field, as of a ``Password``."""
    field = model.model_fields.get(name)
    return field is not None and any(isinstance(mark, _Untrimmed) for mark in field.metadata)


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
            "token_space", "It contains a space or line break. Copy only the token."
        )
    if not (text.isascii() and text.isprintable()):
        raise PydanticCustomError(
            "token_characters",
            "It contains accented or invisible characters. Copy the token again.",
        )
    return value


Token = Annotated[SecretStr, AfterValidator(_check_token)]
"""A secret for an HTTP header: printable ASCII without white space."""


def _check_password(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip("\r\n")  # Of a copied line.
    if not text.strip():
        raise PydanticCustomError("password_empty", "It is empty.")
    if not text.isprintable():
        raise PydanticCustomError("password_characters", "It contains a line break or a tab.")
    return SecretStr(text)


Password = Annotated[SecretStr, AfterValidator(_check_password), _Untrimmed()]
"""A secret of any printable characters in one line: spaces, also around it, and letters of any
alphabet."""


def suggestion_error(message: str, suggestion: str) -> PydanticCustomError:
    """Return the error for a validator that knows the correct value.

    A form can offer ``suggestion`` as a one-click fix.
    """
    return PydanticCustomError("suggestion", "{text}", {"text": message, "suggestion": suggestion})


def credential_fields(model: type[Credentials]) -> tuple[CredentialField, ...]:
    """Return the fields of a credentials model, in order, for a form or a prompt."""
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
                multiline=form.multiline if form else False,
                proposable=form.proposable if form else False,
                columns=form.columns if form else False,
                host_only=form.host_only if form else False,
            )
        )
    return tuple(described)


def parse_credentials(model: type[C], values: Mapping[str, Any]) -> C:
    """Validate what a person entered with the credentials model of a source.

    Args:
        model: The model.
        values: The values of its fields; texts may be ``SecretStr``.

    Raises:
        CredentialsInvalid: with a problem for each field that is not valid; inputs are not
            repeated.
    """
    try:
        return model.model_validate(revealed(values))
    except ValidationError as error:
        labels = {field.name: field.label for field in credential_fields(model)}
        fields = tuple(
            FieldProblem(
                name=(name := ".".join(str(part) for part in detail["loc"]) or "form"),
                message=_field_message(detail["type"], detail["msg"], name, labels),
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
            else "Correct these fields and save again."
            if fields[1:]
            else f"Correct the {labels.get(first.name, first.name)} and save again."
        ),
    ) from None


def without_blanks(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the concealed values that are not blank."""
    return {
        name: value
        for name, value in values.items()
        if not (isinstance(value, SecretStr) and not value.get_secret_value().strip())
    }


def conceal(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values with every text as a ``SecretStr``: no traceback shows it in a frame."""
    return {
        name: SecretStr(value) if isinstance(value, str) else value
        for name, value in values.items()
    }


def revealed(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the values in clear, as the models of sources validate them."""
    return {
        name: value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in values.items()
    }


def _field_message(kind: str, message: str, name: str, labels: dict[str, str]) -> str:
    if kind == "missing":
        return "Enter a value."
    if kind == "extra_forbidden":
        return f"There is no such field. The fields are: {', '.join(labels) or 'none'}."
    if kind == "value_error":
        return message.removeprefix("Value error, ")
    if kind in {"literal_error", "enum"}:
        return f"{message.replace('Input should be', 'Enter')}."
    return message if name in labels else f"{name}: {message}"


def secret_values(credentials: Credentials) -> tuple[SecretStr, ...]:
    """Return the secrets, for redaction and searches for leaks."""
    return tuple(
        value
        for value in credentials.__dict__.values()
        if isinstance(value, SecretStr) and value.get_secret_value()
    )


def reveal(credentials: Credentials) -> dict[str, Any]:
    """Return all fields as JSON types with the secrets in clear, for encryption only.

    ``model_dump_json`` would return asterisks instead of a secret.
    """
    dumped = credentials.model_dump(mode="json")
    for name, value in credentials.__dict__.items():
        if isinstance(value, SecretStr):
            dumped[name] = value.get_secret_value()
    return dumped
