"""Downloads of files of any size."""

from __future__ import annotations

import os
from pathlib import Path

import httpx

from smaply_metrics_core.context import SourceContext
from smaply_metrics_core.errors import Unreachable
from smaply_metrics_core.http import retry


def download(
    context: SourceContext, url: str, target: Path, *, auth: httpx.Auth | None = None
) -> httpx.Response:
    """Write the body of a response to a new file, and return the response.

    The client retries a request, but not a body that is streamed. If the connection breaks within
    the body, this function requests the file again from the beginning, up to four times in all.

    The file is created with mode 0600, and only for status 200. It is deleted if the download
    fails, so that it is never incomplete. The caller interprets other statuses.

    Raises:
        FileExistsError: when the file exists.
        RemoteError: when there is no complete response.
        DeadlineExceeded: when the deadline has passed.
        Cancelled: when the caller cancelled the call.
    """
    tries = 0
    while True:
        tries += 1
        with context.http.stream("GET", url, auth=auth or httpx.USE_CLIENT_DEFAULT) as response:
            if response.status_code != httpx.codes.OK:
                response.read()
                return response
            try:
                _write(response, target)
            except Unreachable as error:
                failure = error
            else:
                return response
        wait = retry.full_jitter(retry.back_off_ceiling(tries))
        if tries == retry.MAX_TRIES or wait >= context.deadline.remaining():
            raise failure
        context.pause(wait)


def _write(response: httpx.Response, target: Path) -> None:
    opened = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(opened, "wb") as file:
            for block in response.iter_bytes():
                file.write(block)
    except BaseException:
        target.unlink()
        raise
