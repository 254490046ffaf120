"""Checks docs/guide.md against the pages, and takes its pictures."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAGE: Final = Path(__file__).parents[3] / "docs" / "guide.md"

_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_BOLD: Final = re.compile(r"\*\*(.+?)\*\*", re.DOTALL)
_PICTURE: Final = re.compile(r"!\[[^\]]+\]\(guide/([a-z0-9-]+)\.png\)")

_SEEN: Final = """() => {
    const more = document.querySelectorAll('option, legend, label, button');
    return [document.body.innerText, ...[...more].map((each) => each.textContent)].join('\\n');
}"""


@dataclass
class Guide:
    """The progress of a walk through the guide.

    Attributes:
        keep: Takes a picture of a page.
        walked: The completed sections.
        pictures: The names of the pictures taken.
    """

    keep: Callable[[Page, str], None]
    walked: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    _seen: list[str] = field(default_factory=list)

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        """Check a section: each term in bold must be on a page that was looked at in the block.

        Raises:
            AssertionError: A term is missing.
        """
        self._seen.clear()
        yield
        self.walked.append(title)
        seen = _plain(" ".join(self._seen))
        missing = [word for word in _bold(sections()[title]) if _plain(word) not in seen]
        assert missing == [], f"{missing} not on the pages of “{title}”"

    def look(self, page: Page, picture: str = "") -> None:
        """Record the texts of a page, and take a picture of it if a name is given."""
        self._seen.append(page.evaluate(_SEEN))
        if picture:
            self.pictures.append(picture)
            self.keep(page, picture)


def sections() -> dict[str, str]:
    """Return the text of the sections by title."""
    parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def shown_pictures() -> list[str]:
    """Return the names of the pictures in the guide, in order."""
    return _PICTURE.findall(PAGE.read_text(encoding="utf-8"))


def _bold(text: str) -> list[str]:
    return _BOLD.findall(text)


def _plain(text: str) -> str:
    """Return text with normalized white space and case."""
    return " ".join(text.split()).casefold()
