"""The documentation mentions only Python files that exist."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

NAME = re.compile(r"`([\w./-]+\.py)(?::[A-Za-z]\w*)?`")

EXAMPLES = {"docs/embed.md", "docs/recordings.md", "docs/tutorial.md", "docs/tutorial-login.md"}
"""Pages that show files for readers to create, which tests run."""


def committed(root: Path, pattern: str) -> list[str]:
    """Return the paths of committed files that match a Git pattern."""
    git = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", pattern]
    listed = subprocess.run(git, cwd=root, capture_output=True, check=True).stdout
    return [name for name in listed.decode().split("\0") if name and (root / name).is_file()]


def test_python_files_in_the_documentation_exist(root: Path) -> None:
    """Each name in backticks is the end of the path of a committed file."""
    files = [f"/{name}" for name in committed(root, "*.py")]
    pages = committed(root, "*.md")
    unknown = {
        (page, name)
        for page in pages
        if page not in EXAMPLES
        for name in NAME.findall((root / page).read_text(encoding="utf-8"))
        if not any(file.endswith(f"/{name}") for file in files)
    }

    assert len(pages) > 20
    assert unknown == set()
