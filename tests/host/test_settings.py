"""Settings are read from variables, validated, and never show a secret."""

from __future__ import annotations

import logging
from pathlib import Path

import certifi
import pytest
from pydantic import SecretStr, ValidationError

from smaply_metrics_core.environment import unknown_variable_text
from smaply_metrics_core.errors import InputError
from smaply_metrics_core.host import AllowedDestinations, LogFormat, LogLevel, Settings
from smaply_metrics_core.models.address import Address

SECRET = "postgresql://user:hunter2@host/database"
EVERY = {
    "SMAPLY_METRICS_HOME": "/srv/metrics",
    "SMAPLY_METRICS_ACCOUNT": "acme",
    "SMAPLY_METRICS_DATABASE_URL": SECRET,
    "SMAPLY_METRICS_DATABASE_CONNECTIONS": "5",
    "SMAPLY_METRICS_DATABASE_SCHEMA": "metrics",
    "SMAPLY_METRICS_EVENT_RETENTION_DAYS": "3",
    "SMAPLY_METRICS_ENCRYPTION_KEYS": "hunter3",
    "SMAPLY_METRICS_FILES_DIR": "/srv/files",
    "SMAPLY_METRICS_TEMP_DIR": "/srv/scratch",
    "SMAPLY_METRICS_HISTORY_RETENTION_DAYS": "7",
    "SMAPLY_METRICS_REFRESH_EXECUTOR": "procrastinate",
    "SMAPLY_METRICS_REFRESH_THREADS": "2",
    "SMAPLY_METRICS_LOG_FORMAT": "json",
    "SMAPLY_METRICS_LOG_LEVEL": "warning",
    "SMAPLY_METRICS_TELEMETRY": "on",
    "SMAPLY_METRICS_SUPPORT_CONTACT": "help@example.com",
    "SMAPLY_METRICS_SOURCES_ALLOWED": "qualtrics, csv_example",
    "SMAPLY_METRICS_AUDIT_RETENTION_DAYS": "30",
    "SMAPLY_METRICS_ACCOUNT_MAX_CONNECTIONS": "10",
    "SMAPLY_METRICS_ACCOUNT_MAX_METRICS": "1000",
    "SMAPLY_METRICS_ACCOUNT_MAX_EXPORTS_PER_HOUR": "200",
    "SMAPLY_METRICS_SOURCES_BLOCKED": "form_garden",
    "SMAPLY_METRICS_SOURCES_PREFERRED": "qualtrics=smaply-metrics-qualtrics",
    "SMAPLY_METRICS_SOURCES_ADDRESSES": "limesurvey=https://surveys.corp:8443/lime/",
    "SMAPLY_METRICS_SOURCES_CA_FILES": f"surveys.corp:8443={certifi.where()}",
    "SMAPLY_METRICS_SOURCES_LOAD_SECONDS": "3",
}


def test_every_variable_is_read() -> None:
    """Each listed variable reaches the object, and there are no others."""
    settings = Settings.from_environment(environment=EVERY)

    assert {variable.name for variable in Settings.all_variables()} == set(EVERY)
    assert settings.home == Path("/srv/metrics")
    assert settings.account == "acme"
    assert settings.database_url == SecretStr(SECRET)
    assert settings.database_connections == 5
    assert settings.database_schema == "metrics"
    assert settings.event_retention.days == 3
    assert settings.encryption_keys == SecretStr("hunter3")
    assert settings.allowed.folders == {"acme": Path("/srv/files")}
    assert settings.allowed.store == Path("/srv/metrics/store.db")
    assert settings.temp_dir == Path("/srv/scratch")
    assert settings.history_retention.days == 7
    assert settings.audit_retention_days == 30
    assert settings.account_max_connections == 10
    assert settings.account_max_metrics == 1_000
    assert settings.account_max_exports_per_hour == 200
    assert settings.refresh_executor == "procrastinate"
    assert settings.refresh_threads == 2
    assert (settings.log_level, settings.log_format, settings.telemetry) == (
        LogLevel.WARNING,
        LogFormat.JSON,
        "on",
    )
    assert settings.support_contact == "help@example.com"
    assert settings.sources.allowed == frozenset({"qualtrics", "csv_example"})
    assert settings.sources.blocked == {"form_garden"}
    assert settings.sources.preferred == {"qualtrics": "smaply-metrics-qualtrics"}
    assert settings.sources.load_seconds == 3
    assert settings.allowed.addresses == {
        "limesurvey": [Address.parse("https://surveys.corp:8443/lime/")]
    }
    assert settings.allowed.ca_files == {"surveys.corp:8443": Path(certifi.where())}


def test_arguments_take_precedence(tmp_path: Path) -> None:
    """A home and an account passed by the caller override the variables."""
    settings = Settings.from_environment(tmp_path, EVERY, account="zenith")

    assert settings.home == tmp_path
    assert settings.allowed.folders == {"zenith": Path("/srv/files")}


def test_a_mapping_replaces_the_process_s_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a mapping, or with the constructor, the environment of the process is not read."""
    for name, value in EVERY.items():
        monkeypatch.setenv(name, value)
    settings = Settings.from_environment(tmp_path, {})
    constructed = Settings(home=tmp_path, allowed=AllowedDestinations())

    for one in (settings, constructed):
        assert one.database_url is None
        assert one.account == "default"
        assert one.refresh_threads == 4
    assert settings.allowed.folders == {"default": tmp_path / "files" / "default"}
    assert Settings.from_environment().database_connections == 5


def test_a_blank_variable_counts_as_not_set(tmp_path: Path) -> None:
    """Only blank encryption keys are kept, because a secret that was not passed is an error."""
    blank = dict.fromkeys(EVERY, " ")
    settings = Settings.from_environment(tmp_path, blank)

    assert settings.encryption_keys == SecretStr(" ")
    assert settings.model_copy(update={"encryption_keys": None, "allowed": None}) == (
        Settings.from_environment(tmp_path, {}).model_copy(update={"allowed": None})
    )


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("DATABASE_CONNECTIONS", "1", "a whole number of 2 or more"),
        ("DATABASE_CONNECTIONS", "two", "a whole number of 2 or more"),
        ("HISTORY_RETENTION_DAYS", "-1", "0 stores only the last value"),
        ("REFRESH_EXECUTOR", "celery", "threads or procrastinate"),
        ("REFRESH_THREADS", "0", "from 1 to 64"),
        ("SOURCES_PREFERRED", "qualtrics", "ID=DISTRIBUTION"),
        ("SOURCES_LOAD_SECONDS", "0", "above 0"),
    ],
)
def test_a_value_that_is_not_valid_is_rejected(
    tmp_path: Path, name: str, value: str, expected: str
) -> None:
    """The error names the variable, and its remedy the valid values."""
    with pytest.raises(InputError, match=f"SMAPLY_METRICS_{name}") as caught:
        Settings.from_environment(tmp_path, {f"SMAPLY_METRICS_{name}": value})
    assert expected in caught.value.remedy
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_long_value_is_not_repeated(tmp_path: Path) -> None:
    """It may be a secret in the wrong variable."""
    with pytest.raises(InputError) as caught:
        Settings.from_environment(tmp_path, {"SMAPLY_METRICS_REFRESH_EXECUTOR": SECRET})
    assert "hunter2" not in repr(caught.value) + caught.value.message


def test_no_repr_shows_a_secret() -> None:
    """Neither the URL with its password nor a key is in the texts of the settings."""
    settings = Settings.from_environment(environment=EVERY)

    for shown in (repr(settings), str(settings), settings.model_dump_json(exclude={"allowed"})):
        assert "hunter" not in shown


def test_settings_do_not_change() -> None:
    """They are read once; a changed one is a copy."""
    settings = Settings.from_environment(environment={})
    with pytest.raises(ValidationError):
        settings.refresh_threads = 5  # type: ignore[misc]  # That is what is tested.


def test_unknown_variables_are_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each is logged once, as a warning without its value; two prefixes are ignored."""
    environment = {
        "SMAPLY_METRICS_HISTORY_DAYS": "hunter2",
        "SMAPLY_METRICS_SECRET_API_TOKEN": "x",
        "SMAPLY_METRICS_HOST_PORT": "x",
        "SMAPLY_QUALTRICS_SANDBOX": "x",
        "PATH": "x",
        **EVERY,
    }
    with caplog.at_level(logging.WARNING):
        Settings.from_environment(tmp_path, environment)

    (record,) = caplog.records
    assert record.levelno == logging.WARNING
    assert "SMAPLY_METRICS_HISTORY_DAYS" in record.getMessage()
    assert "SMAPLY_METRICS_HISTORY_RETENTION_DAYS" in record.getMessage()
    assert "hunter2" not in record.getMessage()


def test_a_host_app_has_its_own_variables_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A host app that lists its variables gets warnings about others with its prefix."""
    url = "SMAPLY_METRICS_HOST_PUBLIC_URL"
    environment = {url: "x", "SMAPLY_METRICS_HOST_PUBLIC_UR": "x"}
    with caplog.at_level(logging.WARNING):
        Settings.from_environment(tmp_path, environment, host_variables={url})

    (record,) = caplog.records
    assert "SMAPLY_METRICS_HOST_PUBLIC_UR is not a setting" in record.getMessage()
    assert f"Did you mean {url}?" in record.getMessage()


@pytest.mark.parametrize(
    ("name", "suggested"),
    [
        ("SMAPLY_METRICS_DATABASE", "SMAPLY_METRICS_DATABASE_URL"),
        ("SMAPLY_METRICS_KEYS", "SMAPLY_METRICS_ENCRYPTION_KEYS"),
        ("SMAPLY_METRICS_SOURCES_ALLOW", "SMAPLY_METRICS_SOURCES_ALLOWED"),
        ("SMAPLY_METRICS_XYZZY", ""),
    ],
)
def test_the_most_similar_variable_is_suggested(name: str, suggested: str) -> None:
    """A typing error or a part of a name suggests the variable; other names suggest none."""
    text = unknown_variable_text(name, EVERY)

    assert text.endswith(f"Did you mean {suggested}?" if suggested else "Smaply Metrics.")
