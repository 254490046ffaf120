"""Sources are listed and classified without importing them."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source_state import SourceState, SourceStatus

from .conftest import Installs

EXPLODES = "raise RuntimeError('imported')"


def states(settings: SourceSettings | None = None) -> dict[tuple[str, str], SourceState]:
    """Return the states of the sources of a test, by id and distribution."""
    found = SourceRegistry(settings).states()
    ours = [state for state in found if state.distribution.startswith("zz-")]
    assert len({(state.id, state.distribution, state.version) for state in ours}) == len(ours)
    return {(state.id, state.distribution): state for state in ours}


def test_an_entry_point_is_listed_without_being_imported(install: Installs) -> None:
    """A state has id, distribution, version and required core, and nothing is imported."""
    install(
        "zz-acme",
        version="3.2",
        points={"zz_acme": "zz_listed:source"},
        requires=["smaply-metrics-core>=0.1,<0.2", "something-else>99"],
        module="zz_listed",
        code=EXPLODES,
    )

    state = states()["zz_acme", "zz-acme"]

    assert (state.title, state.version, state.contract) == ("zz_acme", "3.2", "<0.2,>=0.1")
    assert (state.state, state.reason, state.hooks) == (SourceStatus.OK, "", ())
    assert "zz_listed" not in sys.modules


@pytest.mark.parametrize("id_", ["two words", "-dash", "ümlaut", "a" * 101])
def test_a_source_with_an_invalid_id_is_broken(install: Installs, id_: str) -> None:
    """Ids are short ASCII names, since they are used in commands and settings."""
    install("zz-acme", points={id_: "zz_odd:source"})

    state = states()[id_, "zz-acme"]

    assert state.state is SourceStatus.BROKEN
    assert "not a valid ID. Rename it" in state.reason


@pytest.mark.parametrize(
    ("requirement", "fits"),
    [
        ("smaply-metrics-core>=0.1", True),
        ("Smaply_Metrics.Core (>=0.1)", True),
        ("smaply-metrics-core", True),
        ("smaply-metrics-core>=99; python_version < '3'", True),
        ("smaply-metrics-core>=99; extra == 'dev'", True),
        ("smaply-metrics-core>=99", False),
        ("smaply-metrics-core<0.1", False),
        ("smaply-metrics-core>=99; python_version > '3'", False),
        ("smaply-metrics-core>>1", False),
        ("smaply-metrics-core>=0.1; nonsense == '1'", False),
        ("%%% not a requirement", True),
        ("smaply-metrics-core-tools>=99", True),
    ],
)
def test_an_incompatible_core_is_detected_without_an_import(
    install: Installs, requirement: str, *, fits: bool
) -> None:
    """Requirements for the core are evaluated with their environment markers."""
    install("zz-acme", points={"zz_acme": "zz_v:source"}, requires=[requirement])

    state = states()["zz_acme", "zz-acme"]

    assert state.state is (SourceStatus.OK if fits else SourceStatus.INCOMPATIBLE)
    assert bool(state.reason) is not fits


def test_all_requirements_for_the_core_apply(install: Installs) -> None:
    """A source is incompatible if one of two requirements is not met."""
    requires = ["smaply-metrics-core>=0.1", "smaply-metrics-core>=99"]
    install("zz-acme", points={"zz_acme": "zz_v:source"}, requires=requires)

    state = states()["zz_acme", "zz-acme"]

    assert state.state is SourceStatus.INCOMPATIBLE
    assert state.contract == ">=0.1,>=99"


def test_two_distributions_with_the_same_id_clash(install: Installs) -> None:
    """Neither is used; the reason names both and the setting that selects one."""
    install("zz-one", points={"zz_acme": "zz_one:source"})
    install("zz-two", points={"zz_acme": "zz_two:source", "zz_other": "zz_two:source"})

    found = states()

    for name in ("zz-one", "zz-two"):
        assert found["zz_acme", name].state is SourceStatus.CLASH
        for word in (
            "zz-one",
            "zz-two",
            "SMAPLY_METRICS_SOURCES_PREFERRED",
            "zz_acme=DISTRIBUTION",
        ):
            assert word in found["zz_acme", name].reason
    assert found["zz_other", "zz-two"].state is SourceStatus.OK


def test_a_setting_resolves_a_clash(install: Installs) -> None:
    """The preferred distribution is used and the other one is blocked."""
    install("zz-one", points={"zz_acme": "zz_one:source"})
    install("zz-two", points={"zz_acme": "zz_two:source"})

    found = states(SourceSettings(preferred={"zz_acme": "ZZ_two"}))

    assert found["zz_acme", "zz-one"].state is SourceStatus.BLOCKED
    assert found["zz_acme", "zz-two"].state is SourceStatus.OK


def test_blocking_one_distribution_resolves_a_clash(install: Installs) -> None:
    """A blocked distribution does not clash with others."""
    install("zz-one", points={"zz_acme": "zz_one:source"})
    install("zz-two", points={"zz_acme": "zz_two:source"})

    found = states(SourceSettings(blocked=frozenset({"zz-one"})))

    assert found["zz_acme", "zz-one"].state is SourceStatus.BLOCKED
    assert found["zz_acme", "zz-two"].state is SourceStatus.OK


def test_a_preference_blocks_other_distributions(install: Installs) -> None:
    """An id that is assigned to one distribution is blocked for others, even without a clash."""
    install("zz-one", points={"zz_acme": "zz_one:source"})

    state = states(SourceSettings(preferred={"zz_acme": "zz-genuine"}))["zz_acme", "zz-one"]

    assert state.state is SourceStatus.BLOCKED
    assert "zz-genuine" in state.reason


def test_a_distribution_with_the_same_id_twice_clashes(install: Installs) -> None:
    """No setting can select one of two entry points of a distribution."""
    install("zz-one", points="zz_acme = zz_one:source\nzz_acme = zz_one:other\n")

    found = SourceRegistry(SourceSettings(preferred={"zz_acme": "zz-one"})).states()

    clashing = [state for state in found if state.id == "zz_acme"]
    assert [state.state for state in clashing] == [SourceStatus.CLASH, SourceStatus.CLASH]
    assert "2 times" in clashing[0].reason


def test_two_versions_in_one_folder_clash(install: Installs) -> None:
    """After a failed upgrade, it is not known which version would be imported."""
    install("zz-one", version="1.0", points={"zz_acme": "zz_one:source"})
    install("zz-one", version="2.0", points={"zz_acme": "zz_one:source"})

    found = [state for state in SourceRegistry().states() if state.id == "zz_acme"]

    assert {(state.version, state.state) for state in found} == {
        ("1.0", SourceStatus.CLASH),
        ("2.0", SourceStatus.CLASH),
    }


def test_an_earlier_folder_hides_a_later_one(install: Installs) -> None:
    """As for imports, the first folder on ``sys.path`` with a distribution is used."""
    install("zz-one", version="1.0", points={"zz_acme": "zz_one:source"}, folder="later")
    install("zz-one", version="2.0", points={"zz_acme": "zz_one:source"}, folder="earlier")

    assert states()["zz_acme", "zz-one"].version == "2.0"


def test_a_folder_that_is_on_the_path_twice_counts_once(
    install: Installs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A symbolic link to the same folder is not a second installation."""
    site = install("zz-one", points={"zz_acme": "zz_one:source"})
    (tmp_path / "link").symlink_to(site)
    monkeypatch.syspath_prepend(str(tmp_path / "link"))

    assert states()["zz_acme", "zz-one"].state is SourceStatus.OK


def test_a_malformed_entry_points_file_affects_only_its_distribution(install: Installs) -> None:
    """A distribution with malformed entry points is broken; the others are listed."""
    install("zz-bad", points="zz_acme\n[\n")
    install("zz-good", points={"zz_good": "zz_good:source"})

    registry = SourceRegistry()
    found = {state.id: state for state in registry.states(load=True)}

    assert found["zz-bad"].state is SourceStatus.BROKEN
    assert "entry_points.txt" in found["zz-bad"].reason
    assert "zz_good" in found


def test_a_binary_entry_points_file_is_ignored(install: Installs) -> None:
    """A distribution whose ``entry_points.txt`` is not text does not hide others."""
    site = install("zz-bad", points={})
    (site / "zz_bad-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe\x00smaply\xff")
    install("zz-good", points={"zz_good": "zz_good:source"})

    assert ("zz_good", "zz-good") in states()


def test_a_distribution_without_metadata_is_listed(install: Installs) -> None:
    """The entry points of a distribution without a name are listed."""
    site = install("zz-bare", points={"zz_acme": "zz_bare:source"})
    (site / "zz_bare-1.0.dist-info" / "METADATA").unlink()

    found = {state.id: state for state in SourceRegistry().states()}

    assert found["zz_acme"].state is SourceStatus.OK
    assert found["zz_acme"].version == ""


def test_binary_metadata_counts_as_empty(install: Installs) -> None:
    """A distribution whose metadata is not text is listed without name and requirements."""
    site = install("zz-bare", points={"zz_acme": "zz_bare:source"})
    (site / "zz_bare-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe")

    found = {state.id: state for state in SourceRegistry().states()}

    assert (found["zz_acme"].distribution, found["zz_acme"].version) == ("unknown", "")
    assert found["zz_acme"].contract == ""


def test_an_invalid_entry_point_is_reported(install: Installs) -> None:
    """After loading, the reason shows a value that is not MODULE or MODULE:OBJECT."""
    install("zz-vain", points={"zz_vain": "no module!"})

    found = {state.id: state for state in SourceRegistry().states(load=True)}

    assert found["zz_vain"].state is SourceStatus.BROKEN
    assert "is “no module!” instead of MODULE or MODULE:OBJECT" in found["zz_vain"].reason
