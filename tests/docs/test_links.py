"""Links between the Markdown pages lead to files and headings, without building the site."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.structure.conftest import project_files

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = [file for file in project_files(ROOT) if file.suffix == ".md"]
CODE: Final = re.compile(r"^( *)(```+|~~~+).*?^\1\2$|`[^`\n]*`", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\]\(([^)]*)\)")
HEADING: Final = re.compile(r"^#+ +(.+)$", re.MULTILINE)
NAMED: Final = re.compile(r"^\(([\w-]+)\)=$", re.MULTILINE)


@cache
def anchors(page: Path) -> frozenset[str]:
    """Return the anchors of a page: of its headings, as GitHub and MyST make them, and named."""
    text = page.read_text(encoding="utf-8")
    fenced = re.sub(r"^ *(```+).*?^ *\1$", "", text, flags=re.MULTILINE | re.DOTALL)
    found: list[str] = NAMED.findall(fenced)
    for heading in HEADING.findall(fenced):
        words = re.sub(r"\]\([^)]*\)", "", heading).lower()
        slug = re.sub(r"[^\w\- ]", "", words).replace(" ", "-")
        repeated = sum(one == slug or one.startswith(f"{slug}~") for one in found)
        found.append(f"{slug}~{repeated}" if repeated else slug)
    return frozenset(one.replace("~", "-") for one in found)


def broken(page: Path) -> set[str]:
    """Return the links of a page that lead nowhere."""
    found = set()
    for link in LINK.findall(CODE.sub("", page.read_text(encoding="utf-8"))):
        parts = urlsplit(link)
        if parts.scheme or parts.netloc:
            continue
        target = (page.parent / unquote(parts.path)).resolve() if parts.path else page
        if not target.exists() or (
            parts.fragment
            and target.suffix == ".md"
            and unquote(parts.fragment) not in anchors(target)
        ):
            found.add(link)
    return found


def test_links_lead_somewhere() -> None:
    """Each relative link leads to a file, and each fragment to a heading of its page."""
    assert len(PAGES) > 40
    links = {str(page.relative_to(ROOT)): broken(page) for page in PAGES}
    assert {page: wrong for page, wrong in links.items() if wrong} == {}


def test_a_broken_link_is_found(tmp_path: Path) -> None:
    """A missing file, a missing heading, and nothing in code or on the web."""
    page = tmp_path / "page.md"
    page.write_text(
        "# A *fine* title: one\n[x](#a-fine-title-one) [x](gone.md) [x](#gone) `[x](code.md)`\n"
        "[x](page.md#a-fine-title-one) [x](https://example.com/gone)\n```\n[x](code.md)\n```\n"
    )
    assert broken(page) == {"gone.md", "#gone"}
