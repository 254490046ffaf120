"""Tests the contract suite: ``python -m tests.contract_suite.mutants [--json]``.

Ends with 1 when a mutant survives the test that is made for it, or a good source fails one.
"""

from __future__ import annotations

import json
import sys

from tests.contract_suite.mutants.registry import kills, mutants, wronged


def main(arguments: list[str]) -> int:
    """Try every mutant; say which survive."""
    zoo = mutants()
    survivors = [one.name for one in zoo if not kills(one.verdict())]
    unjust = wronged()
    killed = len(zoo) - len(survivors)
    if "--json" in arguments:
        found = {"mutants": len(zoo), "killed": killed, "survivors": survivors}
        sys.stdout.write(json.dumps(found, indent=2) + "\n")
    else:
        sys.stdout.write(f"{killed} of {len(zoo)} mutants are killed.\n")
        sys.stdout.writelines(f"survives: {name}\n" for name in survivors)
    for verdict in unjust:
        sys.stderr.write(f"A good source fails {verdict.test}: {verdict.message}\n")
    return 1 if survivors or unjust else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
