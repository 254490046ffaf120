"""Tests the contract suite: ``python -m tests.contract_suite.mutants [--json]``.

The exit code is 1 if a mutant survives the test that must detect it, or a correct source fails.
"""

from __future__ import annotations

import json
import sys

from tests.contract_suite.mutants.registry import false_failures, is_killed, mutants


def main(arguments: list[str]) -> int:
    """Run the test of every mutant and print the survivors."""
    every_mutant = mutants()
    survivors = [one.name for one in every_mutant if not is_killed(one.result())]
    failures = false_failures()
    killed = len(every_mutant) - len(survivors)
    if "--json" in arguments:
        found = {"mutants": len(every_mutant), "killed": killed, "survivors": survivors}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(f"{killed} of {len(every_mutant)} mutants are killed.\n")
        sys.stdout.writelines(f"survives: {name}\n" for name in survivors)
    for failure in failures:
        sys.stderr.write(f"A correct source fails {failure.test}: {failure.message}\n")
    return 1 if survivors or failures else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
