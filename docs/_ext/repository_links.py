"""Links between the site and the other files of the repository.

A link from a page to a file that is not on the site leads to a copy of the file. The changelog and
other files of the root are pages of the site: a page shows the file of the same name instead of
its own text, which links to the file for readers on GitHub.
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
"""Files of the repository's root, and their pages."""
SHOWN = {page.removesuffix(".md"): file for file, page in PAGES.items() if page != "index.md"}
"""Pages that show a file of the root."""

LINK = re.compile(
    r"(?<!!)\[(?P<text>[^\[\]]+)\]\((?P<target>(?![a-z]+:)[^)#\s]+)(?P<anchor>#[^)\s]+)?\)"
)


def rewrite(app: Sphinx, name: str, text: list[str]) -> None:
    """Rewrite the links of a page that lead out of the folder of the documentation."""
    root = Path(app.srcdir).parent
    source = SHOWN.get(name, f"docs/{name}.md")
    if name in SHOWN:
        text[0] = (root / source).read_text(encoding="utf-8")
    target_folder = posixpath.dirname(f"docs/{name}")

    def link(match: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["target"]))
        if source.startswith("docs/") and path.startswith("docs/"):
            return match[0]
        if not (root / path).is_file():
            raise ExtensionError(f"{source} links to {path}, which is not a file")
        path = f"docs/{PAGES[path]}" if path in PAGES else path
        target = posixpath.relpath(path, target_folder)
        if path.startswith("docs/"):
            return f"[{match['text']}]({target}{match['anchor'] or ''})"
        return "{download}`" + match["text"].replace("`", "") + f" <{target}>`"

    text[0] = LINK.sub(link, text[0])


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the handler."""
    app.connect("source-read", rewrite)
    return {"parallel_read_safe": True}
