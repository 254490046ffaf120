"""Settings of the host."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from smaply_metrics_core.host import InputError
from smaply_metrics_host.settings import PUBLIC_URL_VARIABLE, HostSettings

URL = "https://metrics.example.com"


def test_unknown_variables_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A misspelled variable of the framework or the host is logged as a warning."""
    environment = {
        PUBLIC_URL_VARIABLE: URL,
        "SMAPLY_METRICS_HOST_PUBLIC_URI": URL,
        "SMAPLY_METRICS_SUPPORT_CONTACTS": "help@example.com",
    }
    with caplog.at_level(logging.WARNING):
        settings = HostSettings.from_environment(tmp_path, f"{URL}/", environment)

    logged = " ".join(record.getMessage() for record in caplog.records)
    assert len(caplog.records) == 2
    assert f"Did you mean {PUBLIC_URL_VARIABLE}?" in logged
    assert "Did you mean SMAPLY_METRICS_SUPPORT_CONTACT?" in logged
    assert settings.public_url == URL


def test_an_invalid_value_names_its_variable(tmp_path: Path) -> None:
    """The error names the variable and the expected value."""
    environment = {"SMAPLY_METRICS_REFRESH_EXECUTOR": "celery"}

    with pytest.raises(InputError, match="SMAPLY_METRICS_REFRESH_EXECUTOR") as caught:
        HostSettings.from_environment(tmp_path, URL, environment)
    assert "threads or procrastinate" in caught.value.remedy


def test_each_account_has_its_own_files(tmp_path: Path) -> None:
    """Sources may read the folder of their account below ``files`` in the home."""
    settings = HostSettings.from_environment(tmp_path, URL, {})

    assert settings.files_of("acme") == tmp_path / "files" / "acme"
    assert settings.framework.allowed.folders["acme"] == tmp_path / "files" / "acme"
    assert settings.framework.allowed.store == tmp_path / "store.db"
