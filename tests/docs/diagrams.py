"""Renders docs/diagrams/*.mmd as SVG with Mermaid, in Chromium: ``make diagrams``.

The SVG files are committed, so that neither GitHub nor the site needs Mermaid to show them. Each
names the hash of its source.
"""

from __future__ import annotations

import argparse
import hashlib
import re
from pathlib import Path
from typing import Final

from reference_host.tests.e2e.browser_pages import chromium

FOLDER: Final = Path(__file__).resolve().parents[2] / "docs" / "diagrams"
PAGE: Final = "<!doctype html><meta charset='utf-8'><body style='font-family: sans-serif'></body>"
CONFIGURATION: Final = {
    "startOnLoad": False,
    "htmlLabels": False,  # Plain SVG text: an image shows no HTML.
    "flowchart": {"htmlLabels": False, "nodeSpacing": 25, "rankSpacing": 40},
    "fontFamily": "sans-serif",
    "deterministicIds": True,
    "theme": "neutral",
    "sequence": {"actorMargin": 10, "width": 130},
}


def digest(source: Path) -> str:
    """Return the hash of a diagram's source."""
    return hashlib.sha256(source.read_bytes()).hexdigest()


def recorded_digest(picture: Path) -> str:
    """Return the hash of the source that a picture was rendered from."""
    found = re.match(r"<!-- source: sha256 ([0-9a-f]{64}) -->\n", picture.read_text("utf-8"))
    return found[1] if found else ""


def main() -> None:
    """Render every diagram with the given script of Mermaid."""
    parser = argparse.ArgumentParser()
    parser.add_argument("script", type=Path, help="mermaid.min.js")
    script = parser.parse_args().script
    with chromium() as browser:
        page = browser.new_page()
        page.set_content(PAGE)
        page.add_script_tag(path=script)
        page.evaluate("configuration => mermaid.initialize(configuration)", CONFIGURATION)
        for source in sorted(FOLDER.glob("*.mmd")):
            drawn = page.evaluate(
                "async ([name, text]) => (await mermaid.render(name, text)).svg",
                [source.stem, source.read_text(encoding="utf-8")],
            )
            # White, since a page may be dark and the texts are not light.
            drawn = drawn.replace('style="max-width', 'style="background: white; max-width', 1)
            text = f"<!-- source: sha256 {digest(source)} -->\n{drawn}\n"
            source.with_suffix(".svg").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
