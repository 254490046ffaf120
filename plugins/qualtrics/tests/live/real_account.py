"""A real account, named in the environment and only read."""

from __future__ import annotations

import csv
import io
import json
import os
import secrets
import string
import zipfile
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import httpx

from smaply_metrics_core import Deadline, SystemClock
from smaply_metrics_core.http import RateLimiter, build_client, header_auth
from smaply_metrics_qualtrics.api.client import TOKEN_HEADER
from smaply_metrics_qualtrics.credentials import QualtricsCredentials
from smaply_metrics_qualtrics.source import LIMITS, source

TOKEN: Final = "SMAPLY_LIVE_QUALTRICS_TOKEN"
HOST: Final = "SMAPLY_LIVE_QUALTRICS_HOST"
SURVEY: Final = "SMAPLY_LIVE_QUALTRICS_SURVEY"
NEEDED: Final = (TOKEN, HOST)

UNKNOWN_SURVEY: Final = "SV_000000000000000"
UNKNOWN_EXPORT: Final = "ES_000000000000000"
WAIT: Final = 1.0
SECONDS: Final = 300.0
HEADER_ROWS: Final = 3


class Hidden(dict[str, str]):
    """Values that do not appear in the report of a failed test."""

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


def missing() -> tuple[str, ...]:
    """Return the names of the variables that are not set."""
    return tuple(name for name in NEEDED if not os.environ.get(name, "").strip())


def credentials() -> Hidden:
    """Return the credentials in the environment."""
    return Hidden(
        api_token=os.environ.get(TOKEN, "").strip(), base_url=os.environ.get(HOST, "").strip()
    )


@cache
def made_up_token() -> str:
    """Return a random token."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


@dataclass
class PlainClient:
    """A client for plain requests that returns unprocessed responses."""

    http: httpx.Client
    url: str
    auth: httpx.Auth
    deadline: Deadline

    def get(self, path: str, *, token: bool = True) -> httpx.Response:
        """Send a GET request with or without the token."""
        return self.http.get(f"{self.url}{path}", auth=self.auth if token else None)

    def export(self, survey_id: str, **wanted: object) -> httpx.Response:
        """Export responses and return the response with the ZIP archive."""
        base = f"/surveys/{survey_id}/export-responses"
        body = {"format": "csv", "breakoutSets": True, "timeZone": "UTC", **wanted}
        started = self.http.post(f"{self.url}{base}", json=body, auth=self.auth)
        assert started.status_code == HTTPStatus.OK, f"the export was rejected: {code_of(started)}"
        progress = result_of(started)
        while progress.get("status") == "inProgress":
            self.deadline.pause(WAIT)
            identity = result_of(started)["progressId"]
            progress = result_of(self.get(f"{base}/{identity}"))
        assert progress.get("status") == "complete", f"the export ended as {progress.get('status')}"
        return self.get(f"{base}/{progress['fileId']}/file")


@contextmanager
def open_account() -> Iterator[PlainClient]:
    """Open the account for plain requests, with rate limits and the allow-list."""
    clock = SystemClock()
    deadline = Deadline.after(SECONDS, clock)
    given = QualtricsCredentials.model_validate(credentials())
    with build_client(
        source.destinations(given),
        deadline=deadline,
        clock=clock,
        limits=RateLimiter(LIMITS, clock),
    ) as client:
        auth = header_auth(TOKEN_HEADER, given.api_token)
        yield PlainClient(client, given.api_url, auth, deadline)


def result_of(response: httpx.Response) -> Mapping[str, Any]:
    """Return the result of a response."""
    result: Mapping[str, Any] = response.json()["result"]
    return result


def code_of(response: httpx.Response) -> str:
    """Return the status and error code of a response, and nothing else."""
    try:
        code = response.json()["meta"]["error"].get("errorCode", "no code")
    except (ValueError, KeyError, TypeError, AttributeError):
        code = "no envelope"
    return f"{response.status_code} {code}"


@dataclass(frozen=True)
class Table:
    """An exported CSV file: its columns and rows."""

    keys: tuple[Mapping[str, Any], ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, import_id: str) -> Counter[str]:
        """Return how often each value occurs in a column."""
        for place, key in enumerate(self.keys):
            if key.get("ImportId") == import_id:
                return Counter(row[place] for row in self.rows)
        return Counter()


def tables(response: httpx.Response) -> tuple[Table, ...]:
    """Return every file of an exported ZIP archive."""
    found = []
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        for name in archive.namelist():
            text = archive.read(name).decode("utf-8-sig")
            rows = [tuple(row) for row in csv.reader(io.StringIO(text, newline=""))]
            keys = tuple(_key(cell) for cell in rows[HEADER_ROWS - 1])
            found.append(Table(keys, tuple(rows[HEADER_ROWS:])))
    return tuple(found)


def _key(cell: str) -> Mapping[str, Any]:
    try:
        key = json.loads(cell)
    except ValueError:
        return {}
    return key if isinstance(key, dict) else {}
