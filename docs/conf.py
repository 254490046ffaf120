"""The configuration of the documentation site, which `make docs` builds into build/docs."""

from __future__ import annotations

import gc
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

from smaply_metrics_core import __version__

gc.disable()  # It takes a third of the build, which needs 500 MB without it.
sys.path.insert(0, str(Path(__file__).parent / "_ext"))

project = "Smaply Metrics"
author = "the Smaply Metrics authors"
release = version = __version__
language = "en"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "public_modules",
    "repository_links",
]

root_doc = "index"
exclude_patterns = ["_ext", "_static"]
suppress_warnings = [
    "myst.header",  # The changelog begins at the second level, below the title of its page.
]

myst_heading_anchors = 3
myst_links_external_new_tab = False

add_module_names = False
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
autodoc_default_options = {"members": True, "member-order": "bysource"}
autodoc_typehints_format = "short"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# A name of a public module has to be on the site. Names of other libraries and of private modules
# are shown in signatures, and are no links.
nitpicky = True
_PUBLIC = "http|calculations|files|charts|host|testing"
nitpick_ignore_regex = [
    ("py:.*", r"(?!smaply_metrics_core\b).*"),
    ("py:.*", rf"smaply_metrics_core\.(?!(?:{_PUBLIC})\.)[a-z_]+\..+"),
    ("py:.*", rf"smaply_metrics_core\.(?:{_PUBLIC})\.[a-z_]+\..+"),
]

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["tables.css"]
html_title = f"Smaply Metrics {release}"
html_show_sourcelink = False
html_copy_source = False
html_show_copyright = False
html_show_sphinx = False


def setup(app: Sphinx) -> None:
    """Show CSV as plain text: Pygments does not know it."""
    app.add_lexer("csv", TextLexer)
