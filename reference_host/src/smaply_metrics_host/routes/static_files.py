"""Style sheets, scripts and images."""

from __future__ import annotations

from typing import Final

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import FileResponse, Response

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.rendering.templating import STATIC

router = APIRouter(prefix="/static", include_in_schema=False)

FOREVER: Final = {"cache-control": "public, max-age=31536000, immutable"}
TYPES: Final = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


@router.get("/{name}")
async def file(request: Request, name: str) -> Response:
    """Return a static file; URLs with a content digest are cached permanently."""
    path = STATIC / name
    known = path.suffix in TYPES and path.parent == STATIC
    if not known or not await run_in_threadpool(path.is_file):
        raise NotFound("This file does not exist.", remedy="Reload the page.")
    headers = FOREVER if "v" in request.query_params else {"cache-control": "no-cache"}
    return FileResponse(path, media_type=TYPES[path.suffix], headers=headers)
