"""The options and the output of every benchmark."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping


def command(name: str, about: str | None, quick: str) -> argparse.ArgumentParser:
    """Return the argument parser of a benchmark.

    Args:
        name: The name of its module.
        about: What it measures.
        quick: What ``--quick`` does.
    """
    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}", description=about)
    parser.add_argument("--quick", action="store_true", help=quick)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    return parser


def report(measured: Mapping[str, object], *, as_json: bool) -> None:
    """Print the result, as one line per key or as one JSON object."""
    if as_json:
        sys.stdout.write(json.dumps(measured) + "\n")
    else:
        sys.stdout.writelines(f"{name}: {value}\n" for name, value in measured.items())
