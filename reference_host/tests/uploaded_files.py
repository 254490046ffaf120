"""Files to upload, and the files that an account has stored."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from smaply_metrics_core.files import read_file_table, responses_as_csv
from smaply_metrics_host.uploads.upload_storage import EXAMPLE

if TYPE_CHECKING:
    from pathlib import Path

    from reference_host.tests.app_fixture import World

UPLOAD = "/metrics/upload"
GOOD = EXAMPLE.encode()
OTHER = b"recorded_at,nps\n2026-01-05,3\n2026-01-06,4\n"
WRONG = b"recorded_at,nps\nyesterday,3\n"


def files(world: World, account: str = "") -> dict[str, bytes]:
    """Return the files of an account by their path below its folder, without mappings."""
    root = world.app_state.settings.files_of(account or world.account)
    visible = (one for one in files_below(root) if not one.name.startswith("."))
    return {str(one.relative_to(root)): one.read_bytes() for one in visible}


def stored_as(content: bytes) -> bytes:
    """Return the stored file of an uploaded one."""
    return responses_as_csv(read_file_table(io.BytesIO(content)).responses())


def files_below(root: Path) -> list[Path]:
    """Return all files in a folder and its folders."""
    return sorted(path for path in root.rglob("*") if path.is_file())
