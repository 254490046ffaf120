"""Style sheets, scripts and images."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.rendering.templating import STATIC, static_digest

router = APIRouter(prefix="/static", include_in_schema=False)

FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/{digest}/{name}")
async def file(digest: str, name: str) -> Response:
    """Return a static file; the browser stores it permanently if the digest is the current one.

    While a fleet is upgraded, the pages of another version name a digest that is not here.
    """
    path = STATIC / name
    known = path.suffix in TYPES and path.parent == STATIC
    if not known or not await run_in_threadpool(path.is_file):
        raise NotFound("This file does not exist.", remedy="Reload the page.")
    headers = FOREVER if digest == static_digest() else {"cache-control": "no-cache"}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)
