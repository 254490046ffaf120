"""The private temporary folder of a call, which goes when the call ends."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def private_folder() -> Generator[Path, None, None]:
    """Make a folder that only this user can enter (mode 0700), and remove it whatever happens."""
    folder = Path(tempfile.mkdtemp(prefix="smaply-metrics-")).resolve()
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    # A second time after opening what the source may have locked, and a third in case a thread
    # that was given up wrote into it meanwhile.
    for _ in range(3):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return
        for path, names, _files in os.walk(folder):
            for name in [".", *names]:
                inner = Path(path, name)
                if not inner.is_symlink():
                    inner.chmod(0o700)
