"""Finds sources by entry points and classifies them by metadata, without importing them."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from importlib import metadata
from importlib.metadata import Distribution, EntryPoint
from pathlib import Path
from typing import TYPE_CHECKING, Final

from smaply_metrics_core._version import __version__
from smaply_metrics_core.hook_markers import ENTRY_POINT_GROUP
from smaply_metrics_core.sources.source_state import SourceStatus

if TYPE_CHECKING:  # Heavy: packaging, and pydantic-settings.
    from packaging.requirements import Requirement

    from smaply_metrics_core.sources.settings import SourceSettings

logger = logging.getLogger("smaply_metrics_core.sources")

CORE: Final = "smaply-metrics-core"
PREFERRED: Final = "SMAPLY_METRICS_SOURCES_PREFERRED"
_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_LEADING_NAME = re.compile(r"\s*([A-Za-z0-9][A-Za-z0-9._-]*)")


@dataclass(frozen=True)
class Candidate:
    """An entry point with the metadata of its distribution."""

    id: str
    entry_point: EntryPoint
    distribution: str
    version: str
    requires: tuple[str, ...]
    contract: str = ""
    state: SourceStatus = SourceStatus.OK
    reason: str = ""


def same_distribution(one: str, other: str) -> bool:
    """Whether two names refer to the same distribution, such as ``A_b`` and ``a-b``."""
    from packaging.utils import canonicalize_name  # Heavy.

    return canonicalize_name(one) == canonicalize_name(other)


def installed_entry_points() -> tuple[EntryPoint, ...]:
    """Return the entry points of our group.

    Unlike ``importlib.metadata.entry_points``, this does not fail when one distribution has an
    unreadable file. The first distribution of a name on ``sys.path`` hides later ones; two versions
    in one folder (a failed upgrade) are both returned.
    """
    found: list[EntryPoint] = []
    known: dict[str, tuple[str, set[str]]] = {}
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception:  # One unreadable distribution must not hide the others.
            logger.debug("An entry_points.txt could not be read.", exc_info=True)
            continue
        if ENTRY_POINT_GROUP not in text:
            continue
        name, version, _ = _description(distribution)
        folder = str(Path(str(distribution.locate_file(""))).resolve())
        first_folder, versions = known.setdefault(name.lower(), (folder, set()))
        if folder != first_folder or version in versions:
            continue
        versions.add(version)
        try:
            found += distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception:  # As above; it is listed as broken, with the distribution as its id.
            logger.debug("The entry points of %s are malformed.", name, exc_info=True)
            nowhere = EntryPoint(name=name, value="", group=ENTRY_POINT_GROUP)
            vars(nowhere).update(dist=distribution)
            found.append(nowhere)
    return tuple(found)


def classify(entry_points: Iterable[EntryPoint], settings: SourceSettings) -> tuple[Candidate, ...]:
    """Return the candidates with their states by settings and metadata, sorted by id."""
    by_id: dict[str, list[Candidate]] = {}
    for candidate in map(_candidate, entry_points):
        by_id.setdefault(candidate.id, []).append(candidate)
    return tuple(one for key in sorted(by_id) for one in _classify_same_id(by_id[key], settings))


def _candidate(entry_point: EntryPoint) -> Candidate:
    name, version, requires = _description(entry_point.dist)
    return Candidate(entry_point.name, entry_point, name, version, requires)


def _description(distribution: Distribution | None) -> tuple[str, str, tuple[str, ...]]:
    """Return the name, version and requirements of a distribution, as far as they can be read."""
    name, version = "unknown", ""
    requires: tuple[str, ...] = ()
    try:
        if distribution is not None:
            found = distribution.metadata  # Each access parses it again.
            name, version = found["Name"] or name, found["Version"] or version
            # An older format has the requirements in a file of their own.
            requires = tuple(found.get_all("Requires-Dist") or distribution.requires or ())
    except Exception:  # Missing METADATA raises different exceptions. It counts as no requirements.
        logger.debug("The metadata of %s could not be read.", name, exc_info=True)
    return name, version, requires


def _classify_same_id(candidates: list[Candidate], settings: SourceSettings) -> list[Candidate]:
    refused: list[Candidate] = []
    admitted: list[Candidate] = []
    for candidate in candidates:
        reason = settings.refusal(candidate.id, candidate.distribution)
        if reason:
            refused.append(replace(candidate, state=SourceStatus.BLOCKED, reason=reason))
        else:
            admitted.append(candidate)
    wanted = settings.preferred.get(candidates[0].id)
    if wanted is None:
        chosen = admitted
    else:
        chosen = [one for one in admitted if same_distribution(one.distribution, wanted)]
        reason = f"{PREFERRED} assigns this ID to the distribution {wanted}."
        refused += [
            replace(one, state=SourceStatus.BLOCKED, reason=reason)
            for one in admitted
            if one not in chosen
        ]
    if len(chosen) > 1:
        refused += [
            replace(one, state=SourceStatus.CLASH, reason=_clash(one.id, chosen)) for one in chosen
        ]
        chosen = []
    return [*map(_classify_by_version, chosen), *map(_with_contract, refused)]


def _clash(source: str, rivals: list[Candidate]) -> str:
    names = sorted({one.distribution for one in rivals})
    if len(names) == 1:
        return (
            f"The distribution {names[0]} provides the ID “{source}” {len(rivals)} times. "
            "Uninstall it completely and install it again; if that does not help, report it to its "
            "author."
        )
    return (
        f"{' and '.join(names)} provide the same ID “{source}”, so none of them is used. "
        f"Uninstall all but one, or set {PREFERRED} to {source}=DISTRIBUTION."
    )


def _with_contract(candidate: Candidate) -> Candidate:
    specifiers = [str(one.specifier) for one in _requirements(candidate) if one is not None]
    return replace(candidate, contract=",".join(filter(None, specifiers)))


def _classify_by_version(candidate: Candidate) -> Candidate:
    candidate = _with_contract(candidate)
    if _ID.fullmatch(candidate.id) is None:
        reason = (
            "The name of its entry point is not a valid ID. Rename it: an ID has at most 100 ASCII "
            "letters, digits, dots, dashes and underscores, and begins with a letter or digit."
        )
        return replace(candidate, state=SourceStatus.BROKEN, reason=reason)
    for requirement in _requirements(candidate):
        if requirement is None:
            reason = (
                f"Its metadata has an invalid requirement for {CORE}. Report it to the author of "
                "the source."
            )
            return replace(candidate, state=SourceStatus.INCOMPATIBLE, reason=reason)
        if not requirement.specifier.contains(__version__, prereleases=True):
            reason = (
                f"It requires {CORE} {requirement.specifier}, but {__version__} is installed. "
                "Install compatible versions of both."
            )
            return replace(candidate, state=SourceStatus.INCOMPATIBLE, reason=reason)
    return candidate


def _requirements(candidate: Candidate) -> list[Requirement | None]:
    """Return the requirements for the core in this environment; ``None`` for an invalid one."""
    from packaging.requirements import Requirement  # Heavy.

    found: list[Requirement | None] = []
    for text in candidate.requires:
        leading = _LEADING_NAME.match(text)
        if leading is None or not same_distribution(leading[1], CORE):
            continue
        try:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except ValueError:  # Base class of what ``packaging`` raises for invalid requirements.
            found.append(None)
            continue
        if applies:
            found.append(requirement)
    return found
