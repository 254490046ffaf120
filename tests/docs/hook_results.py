"""What each hook of the CSV example returns for the file of Getting started, as Python text.

A hook that it does not have is that of the SQL source.
"""

from __future__ import annotations

import json
import re
import sqlite3
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from enum import Enum
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import httpx
from pydantic import BaseModel

from smaply_metrics_core import (
    BundleWriter,
    Calculation,
    Definition,
    Destination,
    MetricQuery,
    SourceContext,
)
from smaply_metrics_core.bundle.contents import MANIFEST, Manifest
from smaply_metrics_core.bundle.writer import README
from smaply_metrics_core.testing import ContextFactory, ManualClock, open_bundle, write_bundle
from smaply_metrics_csv_example.source import CsvCredentials, CsvSource
from smaply_metrics_sql.credentials import SqlCredentials
from smaply_metrics_sql.source import SqlSource

DOCS: Final = Path(__file__).resolve().parents[2] / "docs"
NOW: Final = datetime(2026, 2, 4, 12, tzinfo=UTC)
SURVEY: Final = "visits"
WIDTH: Final = 88
LONGEST: Final = 4
"""The most elements of a sequence that is shown completely."""
SHOWN: Final = 2
"""How many elements of a longer sequence are shown."""


def result(hook: str) -> str:
    """Return what a hook returns, as a part of a page."""
    with TemporaryDirectory() as parent, ContextFactory(Path(parent), ManualClock(NOW)) as contexts:
        folder = Path(parent) / "surveys"
        folder.mkdir()
        (file,) = re.findall(
            r"```csv\n(.*?)```",
            (DOCS / "getting-started.md").read_text(encoding="utf-8"),
            re.DOTALL,
        )
        (folder / f"{SURVEY}.csv").write_text(
            re.sub("^ +", "", file, flags=re.MULTILINE), encoding="utf-8"
        )
        context = replace(
            contexts(_no_requests), destinations=(Destination(kind="folder", folder=folder),)
        )
        found = _calls(context, Path(parent))[hook]()
        if isinstance(found, str):
            return f"\n```yaml\n{found}```\n\n"
        return f"\n```python\n{formatted(found)}\n```\n\n"


def _no_requests(request: httpx.Request) -> httpx.Response:
    raise AssertionError(f"The source sent {request}.")


def _calls(context: SourceContext, folder: Path) -> Mapping[str, Callable[[], Any]]:
    """Return a call of each hook by its name."""
    source = CsvSource()
    manifest = Manifest(
        source="csv_example",
        survey_id=SURVEY,
        zone="UTC",
        week_start=1,
        include_personal=False,
        made_at=NOW,
    )
    query = MetricQuery(
        id="m1",
        definition=Definition(survey_id=SURVEY, question_id="nps", calculation=Calculation.NPS),
    )

    def export(bundle: BundleWriter) -> None:
        source.debug_export(context, SURVEY, bundle)

    def export_as_host(bundle: BundleWriter) -> None:
        bundle.add_json(MANIFEST, manifest)
        export(bundle)

    def exported() -> list[str]:
        path = write_bundle(folder / "bundle.zip", [], include_personal=False, fill=export)
        with zipfile.ZipFile(path) as archive:
            return [name for name in archive.namelist() if name != README]

    def recomputed() -> list[object]:
        path = write_bundle(folder / "bundle.zip", [], include_personal=False, fill=export_as_host)
        with open_bundle(path, folder) as bundle:
            return list(source.recompute_metric(context, [query], bundle))

    def in_database() -> SqlCredentials:
        connection = sqlite3.connect(folder / "surveys" / "visits.sqlite")
        connection.execute("CREATE TABLE visits (recorded_at timestamp, nps integer, region text)")
        connection.close()
        return SqlCredentials(database="sqlite:surveys/visits.sqlite")

    return {
        "describe_source": source.describe_source,
        "destinations": partial(source.destinations, CsvCredentials(folder="surveys")),
        "validate_credentials": lambda: list(source.validate_credentials(context)),
        "list_surveys": lambda: list(source.list_surveys(context)),
        "list_questions": partial(source.list_questions, context, SURVEY),
        "fetch_metric": lambda: list(source.fetch_metric(context, SURVEY, [query])),
        "debug_export": exported,
        "recompute_metric": recomputed,
        "propose_value": lambda: SqlSource().propose_value(in_database(), context),
        "edit_columns": lambda: SqlSource().edit_columns(in_database(), context, "", ()),
    }


def formatted(value: object, indent: int = 0) -> str:
    """Return a value as Python text without fields that have their default value."""
    begin, parts, end = _parts(value)
    if not parts:
        return begin + end
    line = f"{begin}{', '.join(name + formatted(part) for name, part in parts)}{end}"
    if len(line) + indent <= WIDTH and "\n" not in line:
        return line
    inner = " " * (indent + 4)
    end = end.lstrip(",")  # Each part ends with one.
    lines = [f"{inner}{name}{formatted(part, indent + 4)},\n" for name, part in parts]
    return f"{begin}\n{''.join(lines)}{' ' * indent}{end}"


def _parts(value: object) -> tuple[str, list[tuple[str, Any]], str]:
    """Return the beginning of a value, its parts with what precedes each, and its end."""
    match value:
        case BaseModel():
            fields = type(value).model_fields
            shown = [name for name in fields if getattr(value, name) != fields[name].get_default()]
            parts = [(f"{name}=", getattr(value, name)) for name in shown]
            return f"{type(value).__name__}(", parts, ")"
        case Mapping():
            return "{", [(f"{formatted(key)}: ", one) for key, one in value.items()], "}"
        case list() | tuple():
            begin, end = "[]" if isinstance(value, list) else "()"
            parts = [("", one) for one in value]
            if len(parts) > LONGEST:
                parts = [*parts[:SHOWN], ("", _Ellipsis())]
            return begin, parts, f",{end}" if end == ")" and len(parts) == 1 else end
        case _:
            return _simple(value), [], ""


def _simple(value: object) -> str:
    """Return a value without parts."""
    match value:
        case Enum():
            return f"{type(value).__name__}.{value.name}"
        case type():
            return value.__name__
        case Path():
            return f'Path("{value}")'
        case str():
            return json.dumps(value, ensure_ascii=False)
        case datetime():
            return f"datetime({value:%Y, %-m, %-d, %-H}, tzinfo=UTC)"
        case _:
            return repr(value)


class _Ellipsis:
    """Stands for the elements that are not shown."""

    def __repr__(self) -> str:
        return "..."
