"""The documentation site builds without warnings, is complete, and loads nothing from elsewhere."""

from __future__ import annotations

import re
import subprocess
import sys
from html.parser import HTMLParser
from importlib import import_module
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

import pytest

from smaply_metrics_core.public_names import PUBLIC_MODULES
from tests.docs.diagrams import FOLDER, digest, recorded_digest

ROOT: Final = Path(__file__).resolve().parents[2]
LOADED: Final = {
    "audio": "src",
    "embed": "src",
    "iframe": "src",
    "img": "src",
    "object": "data",
    "script": "src",
    "source": "src",
    "video": "src",
}
"""Elements that load an address, and the attribute that holds it; `link` is treated apart."""
NOT_LOADED: Final = {"alternate", "author", "canonical", "help", "index", "license", "next", "prev"}
"""What `rel` says of a `link` that a browser does not load."""
STYLE_ADDRESS: Final = re.compile(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^'\")\s]+)")


class Page(HTMLParser):
    """What a page loads and links to, and the ids that others may link to.

    Attributes:
        loaded: Addresses that a browser loads to show the page.
        links: Addresses that a reader may follow.
        ids: The ids of the page's elements.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)
        self.loaded += STYLE_ADDRESS.findall(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect the addresses of an element."""
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.ids.add(found["id"])
        if tag in LOADED and LOADED[tag] in found:
            self.loaded.append(found[LOADED[tag]])
        if tag == "link" and not NOT_LOADED & set(found.get("rel", "").split()):
            self.loaded.append(found["href"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])


BUILT = pytest.mark.deep(reason="builds the site, 15 s; `test_links.py` runs on every change")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site as `make docs` builds it; a warning is an error.

    Takes 15 seconds of CPU time, in which Sphinx reads every module and page: once for all tests.
    """
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "sphinx", "--builder", "html", "--quiet", "--nitpicky"),
            *("--fail-on-warning", "--keep-going", "--doctree-dir", str(folder / "doctrees")),
            *(str(ROOT / "docs"), str(folder / "html")),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    """Every page of the site."""
    return {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}


@BUILT
def test_nothing_is_loaded_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    """Scripts, styles, pictures and fonts are files of the site."""
    foreign = {
        (path.name, address)
        for path, page in pages.items()
        for address in page.loaded
        if urlsplit(address).netloc
    }
    for path in site.rglob("*.css"):
        found = STYLE_ADDRESS.findall(path.read_text(encoding="utf-8"))
        foreign |= {(path.name, address) for address in found}

    assert len(pages) > 30
    assert foreign == set()


@BUILT
def test_internal_links_lead_somewhere(pages: dict[Path, Page]) -> None:
    """Every link to the site leads to a file, and every anchor to an element of its page."""
    broken = set()
    for path, page in pages.items():
        for link in {*page.links, *page.loaded}:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file() or (
                parts.fragment
                and target in pages
                and unquote(parts.fragment) not in pages[target].ids
            ):
                broken.add((path.name, link))

    assert broken == set()


@BUILT
def test_every_public_name_is_in_the_reference(pages: dict[Path, Page]) -> None:
    """Each name of the six public modules is described on a page, and linked from the others."""
    ids = set().union(*(page.ids for page in pages.values()))
    missing = set()
    for door in PUBLIC_MODULES:
        module = import_module(door)
        for name in module.__all__:
            doors = [one for one in PUBLIC_MODULES if name in import_module(one).__all__]
            if not any(f"{one}.{name}" in ids for one in doors):
                missing.add(f"{door}.{name}")

    assert missing == set()


@BUILT
def test_constants_and_members_have_their_texts(site: Path) -> None:
    """The text below a constant, and below a member of an enumeration, is in the reference."""
    for page, name in (("core", "CONTRACT_VERSION"), ("host", "host.Role.VIEWER")):
        text = (site / "reference" / f"{page}.html").read_text(encoding="utf-8")
        _, _, after = text.partition(f'id="smaply_metrics_core.{name}"')
        assert "<p>" in after.partition("</dd>")[0], name


@pytest.mark.parametrize("source", sorted(FOLDER.glob("*.mmd")), ids=lambda path: path.stem)
def test_a_diagram_is_rendered_from_its_source(source: Path) -> None:
    """The committed SVG names the hash of its Mermaid source, which `make diagrams` writes."""
    assert recorded_digest(source.with_suffix(".svg")) == digest(source)
