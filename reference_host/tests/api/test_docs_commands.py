"""The commands of docs/api.md, run unchanged."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Role

if TYPE_CHECKING:
    from reference_host.tests.api.seeded_account import Prepared
    from reference_host.tests.app_fixture import World

PAGE = Path(__file__).parents[3] / "docs" / "api.md"


@pytest.mark.skipif(shutil.which("curl") is None, reason="The commands use curl.")
def test_the_commands_do_what_the_page_says(
    shared: World, prepared: Prepared, tmp_path: Path
) -> None:
    """Sign in, load cards, preview a metric."""
    (commands,) = re.findall(r"```sh\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    token = shared.app_state.people.invite(prepared.account, "Emil", Role.EDITOR)
    link = f"{shared.url}/sign-in/{token}?next=/healthz"

    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", commands],  # noqa: S607  # bash from the PATH.
        cwd=tmp_path,
        env={**os.environ, "HOST": shared.url, "LINK": link, "no_proxy": "127.0.0.1"},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )

    assert done.stderr == ""
    minus = "\N{MINUS SIGN}"
    around = f"between {minus}54 and {minus}23, at 95 % confidence"
    assert done.stdout.splitlines() == [f"{minus}40", f"NPS: {minus}40, {around}; 100 answers."]
