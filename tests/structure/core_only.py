"""Run a Python program with only the required dependencies of the core.

Usage: ``python core_only.py PROGRAM``. Importing a library that `smaply-metrics-core` does not
require raises `ModuleNotFoundError`, as in an installation without extras.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib import metadata
from importlib.machinery import ModuleSpec
from types import ModuleType

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

CORE = "smaply-metrics-core"


def required(name: str) -> set[str]:
    """Return the names of a distribution and of all its requirements without extras."""
    found: set[str] = set()
    to_read: list[tuple[str, frozenset[str]]] = [(name, frozenset())]
    seen: set[tuple[str, frozenset[str]]] = set()
    while to_read:
        one = to_read.pop()
        if one in seen:
            continue
        seen.add(one)
        known, extras = one
        found.add(canonicalize_name(known))
        for text in metadata.requires(known) or []:
            requirement = Requirement(text)
            marker = requirement.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in extras or {""}):
                to_read.append((requirement.name, frozenset(requirement.extras)))
    return found


class MissingLibraries:
    """A finder that raises `ModuleNotFoundError` for libraries that are not required."""

    def __init__(self) -> None:
        allowed = required(CORE)
        self._missing = {
            module
            for module, names in metadata.packages_distributions().items()
            if not {canonicalize_name(name) for name in names} & allowed
        }

    def find_spec(
        self, fullname: str, _path: Sequence[str] | None, _target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Raise an error for a missing library, else return None for the next finder."""
        if fullname.partition(".")[0] in self._missing:
            raise ModuleNotFoundError(f"No module named {fullname!r}", name=fullname)
        return None


def main(program: str) -> None:
    """Run a program, and exit with message and remedy on an error of the framework."""
    from smaply_metrics_core.errors import MetricsError

    sys.argv[1:] = []
    try:
        exec(program, {"__name__": "__main__"})  # noqa: S102  # A program of the tests.
    except MetricsError as error:
        sys.exit(f"{error.message}\n{error.remedy}")


if __name__ == "__main__":
    sys.meta_path.insert(0, MissingLibraries())
    main(sys.argv[1])
