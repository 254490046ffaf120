"""Base class of settings that are read from ``SMAPLY_METRICS_…`` environment variables."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, ClassVar, Final, Self

from pydantic import ModelWrapValidatorHandler, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.models.problem import Audience

logger = logging.getLogger(__name__)

PREFIX: Final = "SMAPLY_METRICS_"

SECRET_PREFIX: Final = f"{PREFIX}SECRET_"
"""Prefix of the command's variables with one secret credentials field each."""

HOST_PREFIX: Final = f"{PREFIX}HOST_"
"""Prefix of the host app's own variables."""

MAX_SHOWN: Final = 20
"""Messages do not repeat rejected values of more characters, which may be misplaced secrets."""

CLOSE: Final = 0.5
"""The minimum similarity of a suggested name, from 0 to 1."""


@dataclass(frozen=True)
class VariableInfo:
    """Metadata of a field that is an environment variable, for messages and documentation.

    Attributes:
        expects: The valid values, as in “Set NAME to …”.
        read_by: The processes that read it.
        default: A description of the default, if the value itself is not clear.
        may_be_blank: Whether a blank value is passed to the model; by default, it counts as unset.
    """

    expects: str
    read_by: str = "every process"
    default: str = ""
    may_be_blank: bool = False


@dataclass(frozen=True)
class EnvironmentVariable:
    """An environment variable as listed in the documentation."""

    name: str
    meaning: str
    expects: str
    default: str
    read_by: str


class EnvironmentSettings(BaseSettings):
    """Settings of the operator; each field with a ``VariableInfo`` is an environment variable.

    The constructor uses only its arguments. ``read`` returns the values from an environment, so
    that tests and host apps can pass any mapping.
    """

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=PREFIX, hide_input_in_errors=True
    )

    hints: ClassVar[Mapping[str, str]] = {}
    """For a field, a sentence to append to the remedy for an invalid value."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],  # noqa: ARG003  # The signature of the overridden method.
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # As above.
        dotenv_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # As above.
        file_secret_settings: PydanticBaseSettingsSource,  # noqa: ARG003  # As above.
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Return the constructor's arguments as the only source of values."""
        return (init_settings,)

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> dict[str, Any]:
        """Return the fields that an environment sets, without validation."""
        return {
            field: environment[name] if info.may_be_blank else environment[name].strip()
            for field, name, info in cls._fields_with_variables()
            if name in environment and (info.may_be_blank or environment[name].strip())
        }

    @classmethod
    def variables(cls) -> tuple[EnvironmentVariable, ...]:
        """Return the environment variables of the model, in the order of its fields."""
        return tuple(
            EnvironmentVariable(
                name=name,
                meaning=cls.model_fields[field].description or "",
                expects=info.expects,
                default=info.default or _default_text(cls.model_fields[field]),
                read_by=info.read_by,
            )
            for field, name, info in cls._fields_with_variables()
        )

    @classmethod
    def _fields_with_variables(cls) -> Iterable[tuple[str, str, VariableInfo]]:
        prefix = cls.model_config["env_prefix"]
        for name, field in cls.model_fields.items():
            for info in field.metadata:
                if isinstance(info, VariableInfo):
                    yield name, f"{prefix}{name.upper()}", info

    @model_validator(mode="wrap")
    @classmethod
    def _explain_invalid_values(cls, data: Any, handler: ModelWrapValidatorHandler[Self]) -> Self:  # noqa: ANN401  # The constructor's arguments.
        try:
            return handler(data)
        except ValidationError as error:
            # Raised outside: a chained error would show the value, which may be a secret.
            rejected = cls._input_error(error)
            if rejected is None:
                raise
        raise rejected

    @classmethod
    def _input_error(cls, error: ValidationError) -> InputError | None:
        """Return the error for the first invalid variable; None if only other fields are."""
        known = {field: (name, info) for field, name, info in cls._fields_with_variables()}
        for one in error.errors():
            field = str(one["loc"][0]) if one["loc"] else ""
            if field not in known or one["type"] == "missing":
                continue
            name, info = known[field]
            reason = one.get("ctx", {}).get("error")
            message = f"{reason}." if reason else f"{_shown(one['input'])} is not a valid {name}."
            remedy = f"Set {name} to {info.expects}, or unset it."
            return InputError(
                message,
                remedy=" ".join((remedy, cls.hints.get(field, ""))).strip(),
                audience=Audience.OPERATOR,
            )
        return None


def comma_separated(text: str) -> list[str]:
    """Return the items of a list in a variable, without blank ones."""
    return [item.strip() for item in text.split(",") if item.strip()]


def warn_of_unknown_variables(
    environment: Mapping[str, str],
    known: Collection[str],
    *,
    host_variables: Collection[str] | None = None,
) -> None:
    """Log a warning for each ``SMAPLY_METRICS_…`` variable that nothing reads.

    Args:
        environment: The environment; values are not logged.
        known: The names of the framework's variables.
        host_variables: The names of the host app's own variables, which begin with
            ``SMAPLY_METRICS_HOST_``; without it, variables with that prefix are ignored.
    """
    for name in sorted(environment):
        if not name.startswith(PREFIX) or name.startswith(SECRET_PREFIX) or name in known:
            continue
        if name.startswith(HOST_PREFIX) and (host_variables is None or name in host_variables):
            continue
        logger.warning("%s", unknown_variable_text(name, {*known, *(host_variables or ())}))


def unknown_variable_text(name: str, known: Iterable[str]) -> str:
    """Return the warning about an unknown variable, with the most similar known one."""
    by_suffix = {one.removeprefix(PREFIX): one for one in sorted(known)}
    suffix = name.removeprefix(PREFIX)
    similar = get_close_matches(suffix, by_suffix, n=1, cutoff=CLOSE) or [
        one for one in by_suffix if suffix and set(suffix.split("_")) <= set(one.split("_"))
    ]
    hint = f" Did you mean {by_suffix[similar[0]]}?" if similar else ""
    return f"The environment variable {name} is not a setting of Smaply Metrics.{hint}"


def _shown(value: object) -> str:
    secret = isinstance(value, SecretStr) or len(str(value)) > MAX_SHOWN
    return "The value" if secret else f"“{value}”"


def _default_text(field: FieldInfo) -> str:
    default = field.get_default(call_default_factory=False)
    return "" if field.is_required() or default is None else str(default)
