"""Walking through docs/guide.md: what it says stands on the pages, and its pictures are of them."""

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
    """The guide, and how much of it has been walked through.

    Attributes:
        keep: Takes a picture of a page under a name.
        walked: The sections that were walked through.
        pictures: The pictures that were taken.
    """

    keep: Callable[[Page, str], None]
    walked: list[str] = field(default_factory=list)
    pictures: list[str] = field(default_factory=list)
    _seen: list[str] = field(default_factory=list)

    @contextmanager
    def section(self, title: str) -> Iterator[None]:
        """Walk through a section: each word that it sets in bold has to stand on a page looked at.

        Raises:
            AssertionError: when one does not, or there is no such section.
        """
        self._seen.clear()
        yield
        self.walked.append(title)
        seen = _plain(" ".join(self._seen))
        missing = [word for word in _bold(sections()[title]) if _plain(word) not in seen]
        assert missing == [], f"not on the pages of “{title}”"

    def look(self, page: Page, picture: str = "") -> None:
        """Look at a page, and take a picture of it if it gets a name."""
        self._seen.append(page.evaluate(_SEEN))
        if picture:
            self.pictures.append(picture)
            self.keep(page, picture)


def sections() -> dict[str, str]:
    """Give the text of the guide's sections by their titles."""
    parts = _SECTION.split(PAGE.read_text(encoding="utf-8"))[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def shown_pictures() -> list[str]:
    """Give the names of the pictures that the guide shows, in order."""
    return _PICTURE.findall(PAGE.read_text(encoding="utf-8"))


def _bold(text: str) -> list[str]:
    return _BOLD.findall(text)


def _plain(text: str) -> str:
    """Write without differences that people do not see: white space, and capitals of headings."""
    return " ".join(text.split()).casefold()
