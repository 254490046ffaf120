"""Finding sources by entry points and judging them by metadata alone: nothing is imported."""

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
    """One entry point with what its distribution's metadata says about it."""

    id: str
    entry_point: EntryPoint
    distribution: str
    version: str
    requires: tuple[str, ...]
    contract: str = ""
    state: SourceStatus = SourceStatus.OK
    reason: str = ""


def same_distribution(one: str, other: str) -> bool:
    """Whether two spellings name one distribution (``A_b`` and ``a-b`` do)."""
    from packaging.utils import canonicalize_name  # Heavy.

    return canonicalize_name(one) == canonicalize_name(other)


def installed_entry_points() -> tuple[EntryPoint, ...]:
    """List the entry points of our group, one distribution at a time.

    ``importlib.metadata.entry_points`` would raise for all of them when a single distribution has
    a file that cannot be read. As there, the first distribution of a name on ``sys.path`` hides
    later ones; two versions side by side in one folder (a failed upgrade) are both listed.
    """
    found: list[EntryPoint] = []
    known: dict[str, tuple[str, set[str]]] = {}
    for distribution in metadata.distributions():
        try:
            text = distribution.read_text("entry_points.txt") or ""
        except Exception:  # Whatever is wrong with it, the others are listed.
            logger.debug("An entry_points.txt could not be read.", exc_info=True)
            continue
        if ENTRY_POINT_GROUP not in text:
            continue
        name, version = _name_and_version(distribution)
        folder = str(Path(str(distribution.locate_file(""))).resolve())
        first_folder, versions = known.setdefault(name.lower(), (folder, set()))
        if folder != first_folder or version in versions:
            continue
        versions.add(version)
        try:
            found += distribution.entry_points.select(group=ENTRY_POINT_GROUP)
        except Exception:  # As above; it is shown as broken under its own name.
            logger.debug("The entry points of %s are malformed.", name, exc_info=True)
            nowhere = EntryPoint(name=name, value="", group=ENTRY_POINT_GROUP)
            vars(nowhere).update(dist=distribution)
            found.append(nowhere)
    return tuple(found)


def classify(entry_points: Iterable[EntryPoint], settings: SourceSettings) -> tuple[Candidate, ...]:
    """Judge each entry point by settings and metadata: sorted by id, none imported."""
    by_id: dict[str, list[Candidate]] = {}
    for candidate in map(_candidate, entry_points):
        by_id.setdefault(candidate.id, []).append(candidate)
    return tuple(one for key in sorted(by_id) for one in _judge_same_id(by_id[key], settings))


def _candidate(entry_point: EntryPoint) -> Candidate:
    distribution = entry_point.dist
    name, version = ("unknown", "") if distribution is None else _name_and_version(distribution)
    try:
        requires = tuple(distribution.requires or ()) if distribution is not None else ()
    except Exception:  # Metadata that cannot be read asks for nothing.
        logger.debug("The metadata of %s could not be read.", name, exc_info=True)
        requires = ()
    return Candidate(entry_point.name, entry_point, name, version, requires)


def _name_and_version(distribution: Distribution) -> tuple[str, str]:
    try:
        found = distribution.metadata
        return found["Name"] or "unknown", found["Version"] or ""
    except Exception:  # A dist-info without METADATA raises several kinds.
        logger.debug("The metadata of a distribution could not be read.", exc_info=True)
        return "unknown", ""


def _judge_same_id(candidates: list[Candidate], settings: SourceSettings) -> list[Candidate]:
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
        reason = f"A setting gives this id to the distribution {wanted} ({PREFERRED})."
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
    return [*map(_judge_version, chosen), *map(_with_contract, refused)]


def _clash(source: str, rivals: list[Candidate]) -> str:
    names = sorted({one.distribution for one in rivals})
    if len(names) == 1:
        return (
            f"The distribution {names[0]} claims the id “{source}” {len(rivals)} times. "
            "Uninstall it until nothing of it is left, and install it again; if it stays, tell "
            "its author."
        )
    return (
        f"The id “{source}” is claimed by {' and '.join(names)}, so none of them is used. "
        f"Uninstall all but one, or set {PREFERRED} to {source}=DISTRIBUTION."
    )


def _with_contract(candidate: Candidate) -> Candidate:
    specifiers = [str(one.specifier) for one in _requirements(candidate) if one is not None]
    return replace(candidate, contract=",".join(filter(None, specifiers)))


def _judge_version(candidate: Candidate) -> Candidate:
    candidate = _with_contract(candidate)
    if _ID.fullmatch(candidate.id) is None:
        reason = (
            "Its id may have only ASCII letters, digits, dots, dashes and underscores, at most "
            "100, and begins with a letter or digit. Rename its entry point."
        )
        return replace(candidate, state=SourceStatus.BROKEN, reason=reason)
    for requirement in _requirements(candidate):
        if requirement is None:
            reason = (
                f"Its metadata asks for {CORE} in a way that cannot be read. Tell its author to "
                "mend the requirement."
            )
            return replace(candidate, state=SourceStatus.INCOMPATIBLE, reason=reason)
        if not requirement.specifier.contains(__version__, prereleases=True):
            reason = (
                f"It asks for {CORE} {requirement.specifier}, and this is {__version__}. Install "
                "a version of one that fits the other."
            )
            return replace(candidate, state=SourceStatus.INCOMPATIBLE, reason=reason)
    return candidate


def _requirements(candidate: Candidate) -> list[Requirement | None]:
    """Return its requirements of the core in this environment; ``None`` for unreadable ones."""
    from packaging.requirements import Requirement  # Heavy.

    found: list[Requirement | None] = []
    for text in candidate.requires:
        leading = _LEADING_NAME.match(text)
        if leading is None or not same_distribution(leading[1], CORE):
            continue
        try:
            requirement = Requirement(text)
            applies = requirement.marker is None or requirement.marker.evaluate({"extra": ""})
        except ValueError:  # All that ``packaging`` raises for texts that make no sense.
            found.append(None)
            continue
        if applies:
            found.append(requirement)
    return found
