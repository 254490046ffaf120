"""Nothing in the project ties it to the machine or the mirror it was written on."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

# In pieces, so that this file passes its own check.
REGISTRIES = ["py" + "pi", "python" + "hosted", "npm" + "js", "crates", "ana" + "conda"]
REGISTRY_HOST = re.compile(
    rf"\b(?:{'|'.join(REGISTRIES)})\.(?:org|io|com|dev|python)\b", re.IGNORECASE
)
INDEX_OPTION = re.compile(r"(?<!-emit)[-_](?:index|extra-index)[-_]url", re.IGNORECASE)
# A path that starts at the root of somebody's disk, not one inside an address or a longer path.
MACHINE_PATH = re.compile(
    r"(?:(?<![\w./:~}])|(?<=file://))/(?:home|mnt|root|tmp|Users|var/folders|work)/\w"
)
FORBIDDEN = {
    "a package registry's host": REGISTRY_HOST,
    "a package index option": INDEX_OPTION,
    "a path of one machine": MACHINE_PATH,
}


def offences(text: str) -> list[str]:
    """Say what a text holds that a committed file may not."""
    return [f"{what}: {m[0]!r}" for what, rule in FORBIDDEN.items() for m in rule.finditer(text)]


def test_no_file_names_a_registry_or_a_path_of_a_machine(root: Path, our_files: list[Path]) -> None:
    """No text file names a registry's host, sets a package index, or holds an absolute path."""
    found: dict[str, list[str]] = {}
    for file in our_files:
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # Not text: an archive, say.
        wrong = offences(text)
        if str(root) in text:
            wrong.append("the path of this checkout")
        if wrong:
            found[str(file.relative_to(root))] = wrong

    assert found == {}


def test_the_lock_holds_names_and_hashes_only(root: Path) -> None:
    """Each line of the lock is a pinned name or a hash: no URL, no option, no local path."""
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
def test_the_check_sees_what_it_is_for(text: str) -> None:
    """Each kind of text that may not be committed is recognised."""
    assert offences(text) != []


@pytest.mark.parametrize(
    "text",
    ["https://keepachangelog.com/en/1.1.0/", "GET /API/v3/whoami", "/etc/passwd", "src/home/x"],
)
def test_the_check_lets_ordinary_text_pass(text: str) -> None:
    """Addresses of pages, routes and relative paths are no offence."""
    assert offences(text) == []
