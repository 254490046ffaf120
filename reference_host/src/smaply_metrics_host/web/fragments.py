"""Answers for the scripts of a page: a part of it, or where to go next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from starlette.responses import JSONResponse, RedirectResponse

if TYPE_CHECKING:
    from fastapi import Request
    from starlette.responses import Response

HEADER: Final = "x-fragment"
"""A script asks with it for the part of the page that it names."""


def fragment_of(request: Request) -> str:
    """Give the part of the page that a script asks for; empty when a browser wants all of it."""
    return request.headers.get(HEADER, "")


def moved(request: Request, location: str) -> Response:
    """Send on: a browser by redirect, a script by telling it where."""
    if fragment_of(request):
        return JSONResponse({"location": location})
    return RedirectResponse(location, 303)
