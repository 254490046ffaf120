"""Which installed sources the operator lets in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from packaging.utils import canonicalize_name

from smaply_metrics_core.errors import InputError

ALLOW: Final = "SMAPLY_METRICS_ALLOW"
BLOCK: Final = "SMAPLY_METRICS_BLOCK"
PREFER: Final = "SMAPLY_METRICS_PREFER"


@dataclass(frozen=True)
class SourceSettings:
    """The operator's word on sources.

    Attributes:
        allow: Ids or distributions; only these are used. ``None`` allows every one.
        block: Ids or distributions that are never imported; goes before ``allow``.
        prefer: For an id, the one distribution that may provide it.
        load_seconds: How long importing one source may take.
    """

    allow: frozenset[str] | None = None
    block: frozenset[str] = frozenset()
    prefer: Mapping[str, str] = field(default_factory=dict)
    load_seconds: float = 20.0

    def __post_init__(self) -> None:
        if not self.load_seconds > 0:
            raise InputError(
                "The time allowed for importing a source has to be above zero.",
                remedy="Give load_seconds as a number of seconds, such as 20.",
            )

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> SourceSettings:
        """Read the settings from environment variables; one that is blank counts as not set.

        ``SMAPLY_METRICS_ALLOW`` and ``SMAPLY_METRICS_BLOCK`` hold ids or distributions,
        ``SMAPLY_METRICS_PREFER`` pairs ``id=distribution``; all separated by commas.

        Raises:
            InputError: when a pair is not of that form, or one id is given two distributions.
        """
        allow = _names(environment.get(ALLOW, ""))
        prefer: dict[str, str] = {}
        for pair in _names(environment.get(PREFER, "")):
            source, separator, distribution = (part.strip() for part in pair.partition("="))
            if not (source and separator and distribution):
                raise InputError(
                    f"“{pair}” in {PREFER} is not of the form id=distribution.",
                    remedy=f"Set {PREFER} as in qualtrics=smaply-metrics-qualtrics.",
                )
            if not same_distribution(prefer.setdefault(source, distribution), distribution):
                raise InputError(
                    f"{PREFER} names two distributions for “{source}”.",
                    remedy="Name one distribution for each id.",
                )
        return cls(
            allow=frozenset(allow) if allow else None,
            block=frozenset(_names(environment.get(BLOCK, ""))),
            prefer=prefer,
        )

    def refusal(self, source: str, distribution: str) -> str:
        """Say why a setting keeps this source out; empty when none does."""
        if _listed(self.block, source, distribution):
            return f"A setting blocks it ({BLOCK})."
        if self.allow is not None and not _listed(self.allow, source, distribution):
            return f"It is not among the sources that a setting allows ({ALLOW})."
        return ""


def same_distribution(one: str, other: str) -> bool:
    """Whether two spellings name one distribution (``A_b`` and ``a-b`` do)."""
    return canonicalize_name(one) == canonicalize_name(other)


def _names(text: str) -> list[str]:
    return [name.strip() for name in text.split(",") if name.strip()]


def _listed(names: Iterable[str], source: str, distribution: str) -> bool:
    return any(name == source or same_distribution(name, distribution) for name in names)
