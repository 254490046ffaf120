"""Links from pages to files of the repository that are no pages of the site.

On the site such a link leads to a copy of the file. A link to the README, the changelog and the
like leads to the page that includes it.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

from sphinx.application import Sphinx
from sphinx.errors import ExtensionError

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
}
"""Files of the repository's root, and the pages of the site that show them."""

LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?P<target>(?:\.\./)+[^)#\s]+)(?P<anchor>#[^)\s]+)?\)"
)


def rewrite(app: Sphinx, name: str, text: list[str]) -> None:
    """Rewrite the links of a page that lead out of the folder of the documentation."""
    folder = posixpath.dirname(f"docs/{name}")

    def link(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(folder, match["target"]))
        if path.startswith("docs/"):
            return match[0]
        if path in PAGES:
            up = posixpath.relpath(f"docs/{PAGES[path]}", folder)
            return f"[{match['text']}]({up}{match['anchor'] or ''})"
        if not (Path(app.srcdir).parent / path).is_file():
            raise ExtensionError(f"{name} links to {path}, which is not a file of the repository")
        return "{download}`" + match["text"].replace("`", "") + f" <{match['target']}>`"

    text[0] = LINK.sub(link, text[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handler."""
    app.connect("source-read", rewrite)
    return {"parallel_read_safe": True}
