"""Debug bundles: everything that support needs in one file, without the credential."""

from __future__ import annotations

import base64
import json
import zipfile
from typing import TYPE_CHECKING, Any

import pytest

from smaply_metrics_core import ExportFailed, SourceUnavailable, SurveyUnavailable, hookimpl
from smaply_metrics_core.errors import BundleRefused, InputError, RoleRequired
from smaply_metrics_core.host import DebugBundle
from tests.host.conftest import ADMIN, AVERAGE, EDITOR, TOKEN, VIEWER, World
from tests.host.fake_source import Shop, ShopCredentials

if TYPE_CHECKING:
    from pathlib import Path

    from smaply_metrics_core import SourceContext
    from smaply_metrics_core.bundle.writer import BundleWriter
    from smaply_metrics_core.host import MetricsHost


pytestmark = pytest.mark.postgresql_deep(reason="bundles are files")


def _read(path: Path, name: str) -> Any:  # noqa: ANN401  # Any JSON.
    with zipfile.ZipFile(path) as bundle:
        return json.loads(bundle.read(name))


def test_a_bundle_holds_what_support_needs(connected: MetricsHost, tmp_path: Path) -> None:
    """It contains data, metrics with their last result and decision, requests and versions."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    made = connected.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert _read(made.path, "answers.json") == ["5", "4", "3", None]
    (metric,) = _read(made.path, "metrics.json")
    assert metric["result"]["current"]["value"] == 4.0
    assert metric["decision"]["kind"] == "fresh"
    assert _read(made.path, "exchange.json") == []
    assert "the-shop" in _read(made.path, "versions.json")
    assert made == DebugBundle(tmp_path / "bundle.zip", None)


def test_a_bundle_is_written_when_the_source_fails(
    world: World, connected: MetricsHost, tmp_path: Path
) -> None:
    """The failure is part of the bundle."""

    class Closed(Shop):
        @hookimpl
        def debug_export(
            self,
            credentials: ShopCredentials,
            context: SourceContext,
            survey_id: str,
            bundle: BundleWriter,
        ) -> None:
            bundle.add_text("begun.txt", "so far")
            raise SourceUnavailable("The shop is closed.", request_id="r-9")

    world.shop = Closed()
    made = world.open().debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    failure = _read(made.path, "failure.json")
    assert (failure["kind"], failure["request_id"]) == ("source_unavailable", "r-9")
    assert made.problem == SourceUnavailable("The shop is closed.", request_id="r-9").to_problem()


@pytest.mark.parametrize(
    ("written", "kind"),
    [
        (SurveyUnavailable("No survey S1.").to_problem(), "survey_unavailable"),
        ([ExportFailed("It broke.").to_problem()] * 2, "export_failed"),
        ([], None),
        ({"it": "went wrong"}, "invalid_input"),
    ],
)
def test_problems_recorded_by_the_source_are_returned(
    world: World, connected: MetricsHost, tmp_path: Path, written: object, kind: str | None
) -> None:
    """Recorded problems are returned, and so is the error of an unreadable record."""

    class Noting(Shop):
        @hookimpl
        def debug_export(
            self,
            credentials: ShopCredentials,
            context: SourceContext,
            survey_id: str,
            bundle: BundleWriter,
        ) -> None:
            bundle.add_json("problem.json", written)

    world.shop = Noting()
    made = world.open().debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert (made.problem and made.problem.kind) == kind
    assert made.path.is_file()


def test_a_bundle_with_the_token_is_deleted(
    world: World, connected: MetricsHost, tmp_path: Path
) -> None:
    """When a source writes the credential, no bundle is released."""

    class Blabbing(Shop):
        @hookimpl
        def debug_export(
            self,
            credentials: ShopCredentials,
            context: SourceContext,
            survey_id: str,
            bundle: BundleWriter,
        ) -> None:
            bundle.add_text("log.txt", f"X-API-TOKEN: {credentials.api_token.get_secret_value()}")

    world.shop = Blabbing()
    with pytest.raises(BundleRefused, match=r"log\.txt"):
        world.open().debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert list(tmp_path.glob("*.zip*")) == []
    for path in tmp_path.rglob("*"):
        assert path.is_dir() or TOKEN.encode() not in path.read_bytes()


def test_only_an_admin_exports_and_nothing_is_overwritten(
    connected: MetricsHost, tmp_path: Path
) -> None:
    """Survey data is exported only by an Admin, into a new file."""
    path = tmp_path / "bundle.zip"
    with pytest.raises(RoleRequired):
        connected.debug_bundles.export(EDITOR, "shop", "S1", path)
    path.write_text("mine")
    with pytest.raises(InputError):
        connected.debug_bundles.export(ADMIN, "shop", "S1", path)
    assert path.read_text() == "mine"


def test_a_bundle_is_written_when_the_credential_is_rejected(
    connected: MetricsHost, world: World, tmp_path: Path
) -> None:
    """It has the rejection and the framework's files, and the connection records the rejection."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    world.shop.tokens.clear()
    made = connected.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert _read(made.path, "failure.json")["issue"] == "token_revoked"
    assert made.problem is not None
    assert made.problem.issue == "token_revoked"
    assert _read(made.path, "metrics.json")[0]["result"]["current"]["value"] == 4.0
    problem = connected.connections.show(ADMIN, "shop").problem
    assert problem is not None
    assert problem.issue == "token_revoked"


@pytest.mark.parametrize("lost", ["key", "source"])
def test_a_bundle_is_written_when_the_credentials_cannot_be_decrypted(
    connected: MetricsHost, world: World, tmp_path: Path, lost: str
) -> None:
    """With another key or distribution, it contains everything but the data, and the reason."""
    connected.metrics.add(EDITOR, "shop", "Stars", AVERAGE)
    connected.cards.load(VIEWER, wait=60)
    if lost == "key":
        other = base64.urlsafe_b64encode(bytes(range(1, 33))).decode()
        world.environment["SMAPLY_METRICS_ENCRYPTION_KEYS"] = other
    else:
        world.distribution = "another-shop"
    attempts = world.shop.attempts
    made = world.open().debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert world.shop.attempts == attempts
    assert _read(made.path, "failure.json")["kind"] == "credentials_not_usable"
    assert _read(made.path, "metrics.json")[0]["result"]["current"]["value"] == 4.0
    with zipfile.ZipFile(made.path) as bundle:
        assert "answers.json" not in bundle.namelist()
        assert b"No\ncredential was available" in bundle.read("README.txt")


def test_the_manifest_describes_the_bundle(connected: MetricsHost, tmp_path: Path) -> None:
    """Source, survey, the account's zone and week start, and the time of the export."""
    made = connected.debug_bundles.export(ADMIN, "shop", "S1", tmp_path / "bundle.zip")
    assert _read(made.path, "bundle.json") == {
        "format": 1,
        "source": "shop",
        "survey_id": "S1",
        "zone": "UTC",
        "week_start": 1,
        "minimum_group": 0,
        "include_personal": False,
        "made_at": "2026-04-01T12:00:00Z",
    }
