"""The real account: named in the environment, and only ever read."""

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
    """Values that no report of a failed test repeats."""

    def __repr__(self) -> str:
        return f"<{', '.join(self)}>"


def missing() -> tuple[str, ...]:
    """Name the variables that are not set."""
    return tuple(name for name in NEEDED if not os.environ.get(name, "").strip())


def credentials() -> Hidden:
    """Give what the environment names."""
    return Hidden(
        api_token=os.environ.get(TOKEN, "").strip(), base_url=os.environ.get(HOST, "").strip()
    )


@cache
def made_up_token() -> str:
    """Make a token that looks like one, and is nobody's."""
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(40))


@dataclass
class Asking:
    """Plain requests, to see answers as they come."""

    http: httpx.Client
    url: str
    auth: httpx.Auth
    deadline: Deadline

    def get(self, path: str, *, token: bool = True) -> httpx.Response:
        """Read one route, with or without the token."""
        return self.http.get(f"{self.url}{path}", auth=self.auth if token else None)

    def export(self, survey_id: str, **wanted: object) -> httpx.Response:
        """Have responses exported and give the ZIP; nothing of it is kept."""
        base = f"/surveys/{survey_id}/export-responses"
        body = {"format": "csv", "breakoutSets": True, "timeZone": "UTC", **wanted}
        started = self.http.post(f"{self.url}{base}", json=body, auth=self.auth)
        assert started.status_code == HTTPStatus.OK, f"the export was refused: {code_of(started)}"
        progress = result_of(started)
        while progress.get("status") == "inProgress":
            self.deadline.pause(WAIT)
            identity = result_of(started)["progressId"]
            progress = result_of(self.get(f"{base}/{identity}"))
        assert progress.get("status") == "complete", f"the export ended as {progress.get('status')}"
        return self.get(f"{base}/{progress['fileId']}/file")


@contextmanager
def asking() -> Iterator[Asking]:
    """Open the account for plain requests, within its limits and the allow-list."""
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
        yield Asking(client, given.api_url, auth, deadline)


def result_of(response: httpx.Response) -> Mapping[str, Any]:
    """Give the result of an answer."""
    result: Mapping[str, Any] = response.json()["result"]
    return result


def code_of(response: httpx.Response) -> str:
    """Name how a request was answered: status and error code, nothing else."""
    try:
        code = response.json()["meta"]["error"].get("errorCode", "no code")
    except (ValueError, KeyError, TypeError, AttributeError):
        code = "no envelope"
    return f"{response.status_code} {code}"


@dataclass(frozen=True)
class Table:
    """An exported CSV: what its columns are and what stands in them."""

    keys: tuple[Mapping[str, Any], ...]
    rows: tuple[tuple[str, ...], ...]

    def cells(self, import_id: str) -> Counter[str]:
        """Count the cells of a column."""
        for place, key in enumerate(self.keys):
            if key.get("ImportId") == import_id:
                return Counter(row[place] for row in self.rows)
        return Counter()


def tables(response: httpx.Response) -> tuple[Table, ...]:
    """Read every file of an exported ZIP."""
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
