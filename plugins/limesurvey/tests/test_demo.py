"""``make demo-once`` connects LimeSurvey, which a server plays from its recordings."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.deep(reason="runs the whole demo in a process")
def test_the_demo_measures_the_recorded_shop(tmp_path: Path) -> None:
    """Its cards are fresh and have the numbers of the recorded server."""
    environment = {name: value for name, value in os.environ.items() if "SMAPLY" not in name}
    module = (sys.executable, "-m", "plugins.limesurvey.tests.demo")
    ended = subprocess.run(
        [*module, "demo", "--once", "--json", "--home", str(tmp_path / "home")],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    cards = [card for card in json.loads(ended.stdout)["cards"] if card["source"] == "limesurvey"]
    assert {card["type"] for card in cards} == {"number", "series", "comparison"}
    (responses,) = (card for card in cards if card["name"].startswith("Responses ("))
    assert responses["value"] == 259
