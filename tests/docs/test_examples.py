"""The examples of Getting started and Embed run as printed."""

from __future__ import annotations

import io
import json
import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from smaply_metrics_core.cli.app import app

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"

# What a project of Django adds to the files of the page.
DJANGO_SCRIPT: Final = """
import django
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes"],
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
    ],
    ROOT_URLCONF="urls",
    SECRET_KEY="made up for a test",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()
import json
from django.test import Client
client = Client()
cards = client.get("/cards/").json()["cards"]
card = client.get(f"/cards/{cards[0]['id']}/").json()
missing = client.get("/cards/met_0/")
print(json.dumps([len(cards), card["value"], missing.status_code, missing.json()["kind"]]))
"""
FASTAPI_SCRIPT: Final = """
import json
from fastapi.testclient import TestClient
from app import app
with TestClient(app) as client:
    cards = client.get("/cards").json()
    while (chart := client.get(f"/cards/{cards[1]['id']}/chart").json()) is None:
        pass  # Loading the cards started a refresh, which ends soon.
    missing = client.get("/cards/met_0/chart")
print(json.dumps([len(cards), chart["$schema"], missing.status_code]))
"""


def page(name: str) -> str:
    """Return the text of a page."""
    return (DOCS / name).read_text(encoding="utf-8")


def getting_started() -> str:
    """Return the text of Getting started, without the indentation of its numbered list."""
    return re.sub(r"^ {3}", "", page("getting-started.md"), flags=re.MULTILINE)


def block(text: str, language: str) -> str:
    """Return the only code block of a text in one language."""
    (found,) = re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    assert isinstance(found, str)
    return found


def write_responses(home: Path, account: str) -> None:
    """Write the file of Getting started below the folder that the account may read."""
    folder = home / "files" / account / "surveys"
    folder.mkdir(parents=True)
    text = block(getting_started(), "csv")
    (folder / "visits.csv").write_text(text, encoding="utf-8")


def test_the_first_card_is_made_by_the_commands_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every command of “Your first card” succeeds, and the cards have the values of the page."""
    text = getting_started().partition("## Your first card")[2].partition("\n## ")[0]
    lines = re.findall(r"^\$ smaply-metrics ((?:.*\\\n)*.*)$", text, re.MULTILINE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SMAPLY_METRICS_HOME", str(tmp_path / "metrics"))
    write_responses(tmp_path / "metrics", "default")

    printed = ""
    assert len(lines) == 7
    for line in lines:
        output = CliRunner().invoke(app, shlex.split(line.replace("\\\n", " ")))
        assert output.exit_code == 0, f"{line}:\n{output.output}"
        printed = output.output

    row = re.compile(r"^(?:  )?(\S.*?) +(-?\d+ \(.*?\)) +(\d)\*", re.MULTILINE)
    made = row.findall(printed)
    assert len(made) == 4
    assert made == row.findall(block(text, "text"))


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with every file of Embed, and the account that its first example makes."""
    folder = tmp_path_factory.mktemp("embed")
    parts = re.finditer(
        r"`(?P<file>\w+\.py)`(?:(?!`\w+\.py`)(?:.|\n))*?^```python\n(?P<code>.*?)^```",
        page("embed.md"),
        re.MULTILINE | re.DOTALL,
    )
    names = []
    for part in parts:
        names.append(part["file"])
        (folder / part["file"]).write_text(part["code"], encoding="utf-8")
    assert len(names) == len(set(names)) == page("embed.md").count("```python\n")
    write_responses(folder / "var" / "metrics", "acme")
    run_here(folder, "set_up.py")
    return folder


def run_here(folder: Path, name: str) -> str:
    """Run a script of a folder in this process; return what it prints."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(printed):
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        for variable in [each for each in os.environ if each.startswith("SMAPLY")]:
            patch.delenv(variable)
        ended = None
        try:
            runpy.run_path(name, run_name="__main__")
        except SystemExit as error:
            ended = error.code
    for module in folder.glob("*.py"):
        sys.modules.pop(module.stem, None)
    assert not ended
    return printed.getvalue()


def run(folder: Path, *arguments: str) -> str:
    """Run a Python program in a folder, in its own process; return what it prints."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
        env={
            **{name: value for name, value in os.environ.items() if not name.startswith("SMAPLY")},
            "PYTHONPATH": str(folder),
        },
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_script_prints_fresh_cards(project: Path) -> None:
    """The script of Embed prints every card as JSON, and ends with 0."""
    number, series = json.loads(run_here(project, "export_cards.py"))
    assert number["value"] == 25
    assert [group["value"] for group in series["groups"]] == [pytest.approx(200 / 3), -100]


@pytest.mark.deep(reason="an interpreter and a framework; every change runs the script")
def test_the_fastapi_app_answers(project: Path) -> None:
    """The app returns cards and charts, and 404 for a card that does not exist."""
    number, schema, status = json.loads(run(project, "-c", FASTAPI_SCRIPT))
    assert (number, status) == (2, 404)
    assert "vega-lite" in schema


@pytest.mark.deep(reason="an interpreter and a framework; every change runs the script")
def test_the_django_views_answer(project: Path) -> None:
    """The views return cards, and 404 for a card that does not exist."""
    assert json.loads(run(project, "-c", DJANGO_SCRIPT)) == [2, 25, 404, "not_found"]


def test_the_tables_are_written(project: Path) -> None:
    """The CSV has a row for each value and each group."""
    assert "metric_id" in run_here(project, "export_tables.py")
    header, *rows = (project / "values.csv").read_text(encoding="utf-8").splitlines()
    assert header.startswith("metric_id,metric,type,window,group,label,part,part_label,unit")
    assert [row.split(",")[1] for row in rows] == ["NPS", *["NPS by month"] * 3]


@pytest.mark.deep(reason="an interpreter; every change tests the same calls")
def test_an_entered_value_is_shown(project: Path, tmp_path: Path) -> None:
    """The value that the example enters is that of its card."""
    shutil.copy(project / "enter_values.py", tmp_path)
    assert run(tmp_path, "enter_values.py") == "43\n"


EVENTS_SCRIPT: Final = """
import asyncio
import time
from pathlib import Path
from threading import Event, Thread
from types import SimpleNamespace
import next_event
import projection
from smaply_metrics_core.host import Actor, AsyncMetricsHost, MetricsHost, Role, Settings

settings = Settings.from_environment(Path("var/metrics"), account="acme")
editor = Actor("acme", "ed", Role.EDITOR)

async def receive() -> str:
    async with AsyncMetricsHost(settings) as host:
        waiting = asyncio.create_task(next_event.next_event(host))
        while len(await host.events.consumers()) < 2:
            await asyncio.sleep(0.01)
        (metric, _) = await host.metrics.list(editor)
        copy = await host.metrics.duplicate(editor, metric.id)
        await host.cards.load(editor, [copy.id], wait=60)
        return (await waiting).kind

with MetricsHost(settings) as host:
    ended = Event()  # Ends what sleeps for an hour in the example.
    projection.time = SimpleNamespace(sleep=ended.wait)
    thread = Thread(target=projection.run, args=(host, 3600), daemon=True)
    thread.start()
    print(asyncio.run(receive()))
    while not projection.values:
        time.sleep(0.01)
    ended.set()
    thread.join()
print(projection.values)
"""


def test_the_events_arrive(project: Path, tmp_path: Path) -> None:
    """The projection and the loop receive the first value of a new metric."""
    script = tmp_path / "receive.py"
    script.write_text(EVENTS_SCRIPT, encoding="utf-8")
    kind, values = run_here(project, str(script)).splitlines()
    assert kind == "value_changed"
    assert "'25'" in values
