"""Writes everything that the store has about an account into a ZIP file."""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from smaply_metrics_core._version import __version__
from smaply_metrics_core.bundle.drafts import already_exists, draft_file
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host.store.account_rows import TABLES, read_rows
from smaply_metrics_core.host.store.migrations.runner import newest_version
from smaply_metrics_core.models.base import Frozen

if TYPE_CHECKING:
    from sqlalchemy import Connection

MANIFEST: Final = "account.json"
HOST_FOLDER: Final = "host"
"""The folder of the tables of the host app."""


class AccountExport(Frozen):
    """A file with everything that the store has about an account, without credentials.

    Attributes:
        path: The path of the file.
        rows: The number of rows of each table; the names of those of the host app begin with
            ``host/``.
    """

    path: Path
    rows: dict[str, int]


def write_export(  # noqa: PLR0913, PLR0917  # What is exported, and where to.
    db: Connection,
    account: str,
    path: Path,
    now: datetime,
    entered_values: Iterable[Mapping[str, Any]],
    host_tables: Mapping[str, Iterable[Mapping[str, Any]]],
) -> AccountExport:
    """Write the rows of an account: ``account.json``, and one file of JSON lines for each table.

    ``entered_values`` are the values that people entered, in clear. ``host_tables`` are the rows of
    the host app by table.

    Raises:
        InputError: when ``path`` exists or cannot be written; no file is left.
    """
    if os.path.lexists(path):
        raise already_exists(path)
    try:
        with draft_file(path.parent) as (file, place):
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                tables: dict[str, Iterable[Mapping[str, Any]]] = {
                    table.name: read_rows(db, account, table) for table in TABLES
                }
                tables["entered_values"] = entered_values
                for name, content in host_tables.items():
                    tables[f"{HOST_FOLDER}/{name}"] = content
                rows = {
                    name: _write_table(archive, name, content) for name, content in tables.items()
                }
                manifest = {
                    "account": account,
                    "made_at": now.isoformat(),
                    "release": __version__,
                    "tables_version": newest_version(),
                    "rows": rows,
                }
                archive.writestr(MANIFEST, f"{json.dumps(manifest, indent=2)}\n")
            file.flush()
            place(path)
    except OSError as error:
        raise InputError(
            f"The file {path} cannot be written: {error.strerror}.",
            remedy="Choose a folder that exists, is writable and has free space.",
        ) from None
    return AccountExport(path=path, rows=rows)


def _write_table(archive: zipfile.ZipFile, name: str, rows: Iterable[Mapping[str, Any]]) -> int:
    written = 0
    with (
        archive.open(f"{name}.jsonl", "w", force_zip64=True) as member,
        TextIOWrapper(member, encoding="utf-8", newline="\n") as lines,
    ):
        for line in _lines(rows):
            lines.write(line)
            written += 1
    return written


def _lines(rows: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    for row in rows:
        yield f"{json.dumps({name: _json(value) for name, value in row.items()})}\n"


def _json(value: Any) -> Any:  # noqa: ANN401  # The value of a column.
    return value.isoformat() if isinstance(value, datetime) else value
