"""Responses to the scripts of a page: a fragment of the page, or the URL to go to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, RedirectResponse

from smaply_metrics_host.web.root_path import with_root

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response

HEADER: Final = "x-fragment"
"""The request header with which a script requests a fragment by name."""


def fragment_of(request: Request) -> str:
    """Return the name of the requested fragment; empty for the whole page."""
    return request.headers.get(HEADER, "")


def moved(request: Request, location: str) -> Response:
    """Redirect a browser; return the location as JSON to a script."""
    if fragment_of(request):
        return JSONResponse({"location": with_root(request, location)})
    return RedirectResponse(location, 303)
