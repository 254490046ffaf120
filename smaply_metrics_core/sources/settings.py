"""The operator's settings about installed sources."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import BeforeValidator, Field
from pydantic_settings import SettingsConfigDict

from smaply_metrics_core.environment import (
    PREFIX,
    EnvironmentSettings,
    VariableInfo,
    comma_separated,
)
from smaply_metrics_core.models.address import Address
from smaply_metrics_core.sources.allowed_addresses import parse_addresses, parse_ca_files
from smaply_metrics_core.sources.discovery import PREFERRED, same_distribution

ALLOWED: Final = f"{PREFIX}SOURCES_ALLOWED"
BLOCKED: Final = f"{PREFIX}SOURCES_BLOCKED"

_NAMES: Final = "IDs or distributions, separated by commas, as in qualtrics,csv_example"


def _names(value: object) -> object:
    return frozenset(comma_separated(value)) if isinstance(value, str) else value


def _names_if_any(value: object) -> object:
    return (_names(value) or None) if isinstance(value, str) else value


def _pairs(value: object) -> object:
    if not isinstance(value, str):
        return value
    pairs: dict[str, str] = {}
    for pair in comma_separated(value):
        source, separator, distribution = (part.strip() for part in pair.partition("="))
        if not (source and separator and distribution):
            raise ValueError(f"A pair in {PREFERRED} does not have the form ID=DISTRIBUTION")
        if not same_distribution(pairs.setdefault(source, distribution), distribution):
            raise ValueError(f"{PREFERRED} has two distributions for “{source}”")
    return pairs


class SourceSettings(EnvironmentSettings):
    """The sources that may be used; lists are comma-separated."""

    model_config = SettingsConfigDict(env_prefix=f"{PREFIX}SOURCES_")

    allowed: Annotated[
        frozenset[str] | None,
        BeforeValidator(_names_if_any),
        VariableInfo(_NAMES, default="all installed sources"),
        Field(description="The only sources that are used, by ID or distribution."),
    ] = None
    blocked: Annotated[
        frozenset[str],
        BeforeValidator(_names),
        VariableInfo(_NAMES, default="none"),
        Field(description="Sources that are never imported, even if they are allowed."),
    ] = frozenset()
    preferred: Annotated[
        Mapping[str, str],
        BeforeValidator(_pairs),
        VariableInfo(
            "pairs ID=DISTRIBUTION, separated by commas, as in qualtrics=smaply-metrics-qualtrics",
            default="none",
        ),
        Field(description="For an ID, the one distribution that may provide it."),
    ] = Field(default_factory=dict)
    addresses: Annotated[
        Mapping[str, Sequence[Address]],
        BeforeValidator(lambda value: parse_addresses(value) if isinstance(value, str) else value),
        VariableInfo(
            "pairs ID=URL, separated by commas, as in "
            "limesurvey=https://surveys.example.com:8443/folder/",
            default="none",
        ),
        Field(
            description="Addresses that a source may connect to besides public hosts: each with "
            "its port, and either its path with all that is below it, or its fixed query. See "
            "[addresses](addresses.md)."
        ),
    ] = Field(default_factory=dict)
    ca_files: Annotated[
        Mapping[str, Path],
        BeforeValidator(lambda value: parse_ca_files(value) if isinstance(value, str) else value),
        VariableInfo(
            "pairs HOST:PORT=FILE, separated by commas, as in "
            "surveys.example.com:8443=/etc/ssl/own-ca.pem",
            default="the certificate authorities of the machine",
        ),
        Field(
            description="For a server, a PEM file with the only certificate authorities that are "
            "trusted there."
        ),
    ] = Field(default_factory=dict)
    load_seconds: Annotated[
        float,
        VariableInfo("a number of seconds above 0, such as 20"),
        Field(
            gt=0,
            allow_inf_nan=False,
            description="The longest time that importing one source may take.",
        ),
    ] = 20.0

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SourceSettings:
        """Return the settings from environment variables; blank ones count as unset.

        Raises:
            InputError: when a value is not valid; the message names the variable.
        """
        return cls(**cls.read(environment))

    def refusal(self, source: str, distribution: str) -> str:
        """Return why a setting blocks this source; empty if none does."""
        if _listed(self.blocked, source, distribution):
            return f"It is blocked by {BLOCKED}."
        if self.allowed is not None and not _listed(self.allowed, source, distribution):
            return f"It is not listed in {ALLOWED}."
        return ""


def _listed(names: Iterable[str], source: str, distribution: str) -> bool:
    return any(name == source or same_distribution(name, distribution) for name in names)
