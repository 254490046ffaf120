"""Lists the licences in a CycloneDX file: ``make sbom``."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

READ: Final = {"protobuf": "BSD-3-Clause"}
"""Licences read in the files of distributions whose metadata state none that the tool knows."""


def licences_of(component: dict[str, Any]) -> str:
    """Return the licences of a component as an SPDX expression or as names; empty if unknown."""
    stated = []
    for one in component.get("licenses", ()):
        licence = one.get("license", {})
        stated.append(one.get("expression") or licence.get("id") or licence.get("name", ""))
    return "; ".join(sorted(filter(None, set(stated)))) or READ.get(component["name"], "")


def table(components: list[dict[str, Any]]) -> tuple[list[str], list[str]]:
    """Return a line for each component, and the names of those without a licence."""
    rows = sorted((one["name"], one.get("version", ""), licences_of(one)) for one in components)
    lines = [f"{name} {version}: {licence or 'unknown'}" for name, version, licence in rows]
    return lines, [name for name, _, licence in rows if not licence]


def main() -> int:
    """Write the list; return 1 if a licence is unknown."""
    source, target = map(Path, sys.argv[1:3])
    lines, unknown = table(json.loads(source.read_text(encoding="utf-8"))["components"])
    target.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    if unknown:
        sys.stderr.write(f"No licence is stated by: {', '.join(unknown)}\n")
    return 1 if unknown else 0


if __name__ == "__main__":
    sys.exit(main())
