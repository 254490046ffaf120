"""Runs the benchmark of a fleet: ``python -m benchmarks.fleet [--quick] --json``."""

from __future__ import annotations

import sys

from benchmarks.fleet.run import main

if __name__ == "__main__":
    sys.exit(main())
