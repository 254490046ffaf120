"""Static files are cached permanently, under URLs with the digest of their content."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.host import Role
from smaply_metrics_host.rendering import templating
from smaply_metrics_host.rendering.templating import STATIC, asset, static_digest

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from reference_host.tests.app_fixture import World

FILES = sorted(path.name for path in STATIC.iterdir())
REFERENCE = re.compile(r'(?:href|src)="(/static/[^"]+)"')
IMPORT = re.compile(r"""(?:from|import)\s*\(?["']([^"']+)["']""")


@pytest.fixture
def world(own_account: World) -> World:
    """An account of its own for each test, in one app."""
    return own_account


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder of static files."""
    (tmp_path / "a.css").write_text("a {}", encoding="utf-8")
    monkeypatch.setattr(templating, "STATIC", tmp_path)
    static_digest.cache_clear()
    yield tmp_path
    static_digest.cache_clear()


@pytest.mark.parametrize("name", FILES)
def test_a_static_file_is_immutable(world: World, name: str) -> None:
    """The browser does not request it again."""
    response = world.client(None).get(asset(name))
    assert response.content == (STATIC / name).read_bytes()
    assert response.headers["cache-control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("digest", ["0", "000000000000", "%20"])
def test_another_digest_is_not_cached(world: World, digest: str) -> None:
    """A file is not stored under the URL of another version."""
    response = world.client(None).get(f"/static/{digest}/app.js")
    assert response.status_code == 200
    assert response.headers["cache-control"] == "no-cache"


@pytest.mark.parametrize("change", ["content", "name", "more"])
def test_the_digest_changes_with_the_files(folder: Path, change: str) -> None:
    """Another content or name of a file gives other URLs."""
    before = asset("a.css")
    static_digest.cache_clear()
    assert asset("a.css") == before
    static_digest.cache_clear()
    if change == "content":
        (folder / "a.css").write_text("a{}", encoding="utf-8")
    elif change == "name":
        (folder / "a.css").rename(folder / "b.css")
    else:
        (folder / "b.css").write_text("", encoding="utf-8")
    assert asset("a.css") != before


@pytest.mark.parametrize("path", ["/sign-in", "/", "/maps", "/metrics", "/settings"])
def test_pages_name_static_files_by_digest(world: World, path: str) -> None:
    """Every reference of a page to a static file has the digest."""
    page = world.client(Role.ADMIN).get(path, follow_redirects=True)
    found = REFERENCE.findall(page.text)
    assert found
    assert {url.rpartition("/")[0] for url in found} == {f"/static/{static_digest()}"}


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(".js")])
def test_scripts_import_their_neighbors(name: str) -> None:
    """An import is relative, so that it is requested with the digest too."""
    imported = IMPORT.findall((STATIC / name).read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\./[\w.-]+\.js", each) for each in imported)
    assert {each.removeprefix("./") for each in imported} <= set(FILES)
