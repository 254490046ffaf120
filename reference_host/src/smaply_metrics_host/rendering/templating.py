"""Pages from Jinja templates, with automatic escaping."""

from __future__ import annotations

import hashlib
import re
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from starlette.responses import HTMLResponse

from smaply_metrics_core.host import Clock, Role, n_text
from smaply_metrics_host.rendering.chart_renderer import ChartRenderer
from smaply_metrics_host.store.people import Session
from smaply_metrics_host.web import csrf, text
from smaply_metrics_host.web.root_path import app_path

HERE: Final = Path(__file__).parent.parent
STATIC: Final = HERE / "static"
_TICKED: Final = re.compile(r"`([^`]+)`")


class Templates:
    """Renders pages and parts of pages.

    Args:
        clock: The clock for relative times.
        support: The support contact, shown with each problem; may be empty.
        chart_renderer: Returns chart specifications.
        root: The path prefix of all addresses; empty for none.
    """

    def __init__(
        self, clock: Clock, support: str, chart_renderer: ChartRenderer, *, root: str = ""
    ) -> None:
        self._clock = clock
        self._environment = Environment(
            loader=FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._environment.globals |= {
            "asset": lambda name: root + asset(name),
            "root": root,
            "support": support,
            "Role": Role,
            "now": clock.now,
            "chart_spec": chart_renderer.spec,
            "chart_script": lambda: chart_renderer.script_address,
            "ago": self.ago,
        }
        self._environment.filters |= {
            "count": text.count,
            "n_text": n_text,
            "role": text.role,
            "code": code,
            "title_of": title_of,
        }

    def fragment(self, name: str, **context: Any) -> Markup:  # noqa: ANN401  # A template's own.
        """Render a part of a page, without the signed-in person."""
        made = self._environment.get_template(name).render(**context)
        return Markup(made)  # noqa: S704  # Templates escape all values.

    def ago(self, instant: datetime) -> str:
        """Return how long ago an instant was, such as “12 minutes ago”."""
        return text.relative_time(instant, self._clock.now())

    def page(
        self,
        request: Request,
        name: str,
        *,
        status: int = 200,
        headers: dict[str, str] | None = None,
        **context: Any,  # noqa: ANN401  # A template's own.
    ) -> HTMLResponse:
        """Render a page.

        The context has ``path``, ``person`` and ``csrf_token``; the last two are ``None`` unless a
        person is signed in.
        """
        session: Session | None = getattr(request.state, "session", None)
        html = self.fragment(
            name,
            person=session.person if session else None,
            csrf_token=csrf.masked(session.csrf) if session else None,
            path=app_path(request.scope),
            **context,
        )
        return HTMLResponse(html, status, headers)


def code(text: str) -> Markup:
    """Return text with the parts between backticks as ``<code>``."""
    return Markup(_TICKED.sub(r"<code>\1</code>", str(escape(text))))  # noqa: S704  # Escaped.


def title_of(source: str) -> str:
    """Return a readable title for the id of a source that is not connected."""
    return source.replace("_", " ").capitalize()


def asset(name: str) -> str:
    """Return the path of a static file in the app; it changes with the content."""
    return f"/static/{static_digest()}/{name}"


@cache
def static_digest() -> str:
    """Return the digest of all static files.

    It is a folder of their URLs, so it also applies to the modules that a script imports.
    """
    digest = hashlib.sha256()
    for path in sorted(STATIC.iterdir()):
        digest.update(path.name.encode() + hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:12]
