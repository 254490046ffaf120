"""The files in ``deploy/``, and the programs that check them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Final

from tests.required_programs import skip_or_fail

DEPLOY: Final = Path(__file__).resolve().parents[3] / "deploy"


def require_program(name: str, package: str) -> str:
    """Return the path of a program. Without it, skip the test, or fail under CI."""
    path = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    return path or skip_or_fail(
        f"{name} is not installed: run `make proxies`, or install {package}."
    )
