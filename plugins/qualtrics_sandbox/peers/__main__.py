"""Install public clients in a throw-away environment and run their read calls on a sandbox.

Prints a table, and exits with 1 if a call failed. If the clients cannot be installed, for example
without network, it prints the reason and exits with 0. `calls.py` runs in the other environment.

`requirements.txt` is resolved from `requirements.in` with `uv pip compile --generate-hashes`.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from datetime import UTC, datetime
from pathlib import Path

from smaply_metrics_qualtrics_sandbox import SandboxServer, generate

HERE = Path(__file__).parent
ENVIRONMENT = Path("build/peers")
TOKEN = "peers-token-of-exactly-forty-characters0"  # noqa: S105 - invented; one client checks its length
INSTALL_SECONDS = 900
CALL_SECONDS = 600
NOT_RUN = {
    "qualtRics": "an R package: not run, as R is not among the tools of this project",
    "Lakeflow": "a connector inside a platform, not on PyPI",
}


def main() -> int:
    """Run the clients and return the exit status."""
    python = ENVIRONMENT / "bin" / "python"
    venv.create(ENVIRONMENT, with_pip=True)
    install = ["-m", "pip", "install", "--quiet", "--require-hashes", "-r"]
    try:
        installed = subprocess.run(  # noqa: S603 - fixed arguments
            [python, *install, HERE / "requirements.txt"],
            capture_output=True,
            text=True,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return _skip(f"pip did not finish in {INSTALL_SECONDS} s")
    if installed.returncode:
        return _skip(installed.stderr.strip().splitlines()[-1])
    with tempfile.TemporaryDirectory(prefix="peers-") as folder:
        surveys = Path(folder) / "surveys"
        generate(surveys, seed=1, until=datetime(2026, 1, 1, tzinfo=UTC))
        with SandboxServer(surveys, token=TOKEN, page_size=2) as server:
            finished = subprocess.run(  # noqa: S603 - fixed arguments
                [python.absolute(), (HERE / "calls.py").absolute(), server.url, TOKEN],
                cwd=folder,
                env={
                    **os.environ,
                    "HOME": folder,
                    "PYTHONWARNINGS": "ignore",
                    "LOGURU_LEVEL": "ERROR",
                },
                timeout=CALL_SECONDS,
                check=False,
            )
    for client, reason in NOT_RUN.items():
        sys.stdout.write(f"{client:16} {'-':44} skipped: {reason}\n")
    return finished.returncode


def _skip(reason: str) -> int:
    sys.stdout.write(f"skipped: the clients cannot be installed: {reason}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
