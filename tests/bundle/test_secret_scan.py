"""No bundle is released with a credential, or with a file that cannot be searched for it."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zipfile
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.bundle.writer import BundleWriter, write_bundle
from smaply_metrics_core.errors import BundleRefused

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Fill = Callable[[BundleWriter], None]

TOKEN = "aBcDeFgHiJkLmNoPqRsTuVwXyZ0123456789AbCd"


def holding(text: str) -> dict[str, Fill]:
    """Yield the ways in which a text may get into a bundle."""

    def wide(writer: BundleWriter) -> None:
        with writer.open("wide.csv") as file:
            file.write(b"x" * (2**20 - 7) + text.encode() + b"x" * 2**20)

    def twice(writer: BundleWriter) -> None:
        writer.add_text("fine.txt", "fine")
        writer.add_text("late.txt", f"at the end: {text}")

    return {
        "add_text": lambda writer: writer.add_text("a.txt", f"Authorization: {text}"),
        "add_json": lambda writer: writer.add_json("a.json", {"headers": [{"t": text}]}),
        "block border": wide,
        "second file": twice,
        "utf-16": lambda writer: writer.add_text("a.txt", text.encode("utf-16-le").decode()),
    }


@pytest.mark.parametrize("way", holding(""))
def test_a_bundle_with_the_credential_is_deleted(tmp_path: Path, way: str) -> None:
    """However it got in, the bundle is rejected, and no file remains."""
    with pytest.raises(BundleRefused, match="contains the credential") as caught:
        write_bundle(tmp_path / "b.zip", [TOKEN], include_personal=False, fill=holding(TOKEN)[way])

    assert TOKEN not in f"{caught.value.message} {caught.value.remedy}"
    assert list(tmp_path.iterdir()) == []


def test_the_refusal_names_the_file(tmp_path: Path) -> None:
    """Support can name the file to the author of the plugin."""
    with pytest.raises(BundleRefused, match=r"late\.txt contains"):
        write_bundle(
            tmp_path / "b.zip", [TOKEN], include_personal=False, fill=holding(TOKEN)["second file"]
        )


def test_a_credential_in_a_files_name_is_found_and_not_repeated(tmp_path: Path) -> None:
    """File names are searched like contents, and the message does not repeat them."""
    with pytest.raises(BundleRefused, match="the name of file 1") as caught:
        write_bundle(
            tmp_path / "b.zip",
            [TOKEN],
            include_personal=False,
            fill=lambda writer: writer.add_text(f"{TOKEN}.txt", ""),
        )
    assert TOKEN not in str(caught.value)


def make_zip() -> bytes:
    """Return a ZIP file that contains the credential."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", TOKEN)
    return held.getvalue()


@pytest.mark.parametrize(
    "packed",
    [make_zip(), gzip.compress(TOKEN.encode()), bz2.compress(b"x"), lzma.compress(b"x")],
    ids=["zip", "gzip", "bzip2", "xz"],
)
def test_a_compressed_file_is_refused(tmp_path: Path, packed: bytes) -> None:
    """A file that cannot be searched is not released."""

    def fill(writer: BundleWriter) -> None:
        with writer.open("raw.zip") as file:
            file.write(packed)

    with pytest.raises(BundleRefused, match=r"raw\.zip is compressed"):
        write_bundle(tmp_path / "b.zip", [TOKEN], include_personal=False, fill=fill)
    assert list(tmp_path.iterdir()) == []
