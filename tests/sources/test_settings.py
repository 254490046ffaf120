"""The operator's settings."""

from __future__ import annotations

import pytest

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.sources.settings import SourceSettings


def test_nothing_set_allows_every_source() -> None:
    """Without settings, and with blank ones, all sources are allowed."""
    blank = {
        "SMAPLY_METRICS_SOURCES_ALLOWED": " , ",
        "SMAPLY_METRICS_SOURCES_BLOCKED": "",
        "SMAPLY_METRICS_SOURCES_PREFERRED": "",
    }

    for environment in ({}, blank):
        settings = SourceSettings.from_environment(environment)
        assert settings == SourceSettings()
        assert settings.refusal("acme", "acme-surveys") == ""


@pytest.mark.parametrize("name", ["acme", "acme-surveys", "Acme_Surveys"])
def test_a_source_is_named_by_id_or_distribution(name: str) -> None:
    """The lists contain ids or distributions in any spelling."""
    blocking = SourceSettings.from_environment({"SMAPLY_METRICS_SOURCES_BLOCKED": f"other, {name}"})
    allowing = SourceSettings.from_environment({"SMAPLY_METRICS_SOURCES_ALLOWED": f"other, {name}"})

    assert "SMAPLY_METRICS_SOURCES_BLOCKED" in blocking.refusal("acme", "acme-surveys")
    assert allowing.refusal("acme", "acme-surveys") == ""


def test_a_source_that_is_not_on_the_allow_list_is_blocked() -> None:
    """A source that is not on the allow-list is blocked, and the reason names the setting."""
    settings = SourceSettings(allowed=frozenset({"qualtrics"}))

    assert "SMAPLY_METRICS_SOURCES_ALLOWED" in settings.refusal("acme", "acme-surveys")


def test_blocking_overrides_allowing() -> None:
    """A source on both lists is blocked."""
    settings = SourceSettings(allowed=frozenset({"acme"}), blocked=frozenset({"acme-surveys"}))

    assert "SMAPLY_METRICS_SOURCES_BLOCKED" in settings.refusal("acme", "acme-surveys")


def test_preferences_are_pairs() -> None:
    """Each preference is an id, an equals sign and a distribution."""
    settings = SourceSettings.from_environment(
        {"SMAPLY_METRICS_SOURCES_PREFERRED": "a = dist-a, b=dist-b"}
    )

    assert settings.preferred == {"a": "dist-a", "b": "dist-b"}


@pytest.mark.parametrize("pairs", ["acme", "acme=", "=dist", "a=b,c", "a=one,a=two"])
def test_an_invalid_preference_is_rejected(pairs: str) -> None:
    """A preference without the form id=distribution, and two for one id, are rejected."""
    with pytest.raises(InputError, match="SMAPLY_METRICS_SOURCES_PREFERRED") as caught:
        SourceSettings.from_environment({"SMAPLY_METRICS_SOURCES_PREFERRED": pairs})

    assert caught.value.remedy


@pytest.mark.parametrize("seconds", [0, -1, float("nan")])
def test_the_time_limit_of_imports_is_above_zero(seconds: float) -> None:
    """A time limit that is not a positive number is rejected."""
    with pytest.raises(InputError):
        SourceSettings(load_seconds=seconds)
