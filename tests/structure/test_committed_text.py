"""No committed file depends on a machine or a package mirror."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# Split, so that this file passes its own check.
REGISTRIES = ["py" + "pi", "python" + "hosted", "npm" + "js", "crates", "ana" + "conda"]
REGISTRY_HOST = re.compile(
    rf"\b(?:{'|'.join(REGISTRIES)})\.(?:org|io|com|dev|python)\b", re.IGNORECASE
)
INDEX_OPTION = re.compile(r"[-_](?<!-emit-)(?:index|extra-index)[-_]url", re.IGNORECASE)
# An absolute path on a machine, not a part of a URL or of a longer path. The pattern begins with a
# character, since a search for a lookbehind takes far longer.
MACHINE_PATH = re.compile(
    r"/(?:(?<![\w./:~}]/)|(?<=file:///))(?:home|mnt|root|tmp|Users|var/folders|work)/\w"
)
FORBIDDEN = {
    "a package registry's host": REGISTRY_HOST,
    "a package index option": INDEX_OPTION,
    "a path on a machine": MACHINE_PATH,
}


def offences(text: str) -> list[str]:
    """Return descriptions of the forbidden parts of a text."""
    return [f"{what}: {m[0]!r}" for what, rule in FORBIDDEN.items() for m in rule.finditer(text)]


def test_no_file_names_a_registry_or_a_path_of_a_machine(root: Path, our_files: list[Path]) -> None:
    """No text file contains the host of a registry, a package index option or an absolute path."""
    found: dict[str, list[str]] = {}
    for file in our_files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # Not text, for example an archive.
        wrong = offences(text)
        if str(root) in text:
            wrong.append("the path of this checkout")
        if wrong:
            found[str(file.relative_to(root))] = wrong

    assert found == {}


def test_the_lock_contains_only_pins_and_hashes(root: Path) -> None:
    """Each line of the lock is a pinned name or a hash, not a URL, an option or a path."""
    lines = (root / "requirements" / "dev.txt").read_text(encoding="utf-8").splitlines()
    pin = re.compile(r"[a-z0-9-]+==\S+( ; .+)? \\|    --hash=sha256:[0-9a-f]{64}( \\)?")

    assert lines
    assert [line for line in lines if not pin.fullmatch(line)] == []


@pytest.mark.parametrize(
    "text",
    [
        f"https://{REGISTRIES[0]}.org/simple/",
        f"https://files.{REGISTRIES[1]}.org/packages/x.whl",
        "pip install --index" + "-url http://mirror.example/simple x",
        "PIP_EXTRA_INDEX" + "_URL=http://mirror.example",
        'open("' + "/ho" + 'me/someone/x.csv")',
        "-e " + "/ro" + "ot/project",
        "file://" + "/ro" + "ot/project",
    ],
)
def test_forbidden_text_is_detected(text: str) -> None:
    """Each kind of forbidden text is detected."""
    assert offences(text) != []


@pytest.mark.parametrize(
    "text",
    ["https://keepachangelog.com/en/1.1.0/", "GET /API/v3/whoami", "/etc/passwd", "src/home/x"],
)
def test_ordinary_text_is_allowed(text: str) -> None:
    """URLs of pages, routes and relative paths are allowed."""
    assert offences(text) == []
