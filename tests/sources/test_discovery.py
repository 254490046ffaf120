"""Installed distributions are listed and judged without being imported."""

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
    """What is said of the sources of these tests, by id and distribution."""
    found = SourceRegistry(settings).states()
    ours = [state for state in found if state.distribution.startswith("zz-")]
    assert len({(state.id, state.distribution, state.version) for state in ours}) == len(ours)
    return {(state.id, state.distribution): state for state in ours}


def test_an_entry_point_is_listed_without_being_imported(install: Installs) -> None:
    """Listing tells id, distribution, version and contract, and imports nothing."""
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
def test_an_id_that_could_not_be_typed_is_broken(install: Installs, id_: str) -> None:
    """Ids are short plain words, since commands and settings name them."""
    install("zz-acme", points={id_: "zz_odd:source"})

    state = states()[id_, "zz-acme"]

    assert state.state is SourceStatus.BROKEN
    assert "Rename its entry point" in state.reason


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
def test_a_core_that_does_not_fit_is_seen_before_the_import(
    install: Installs, requirement: str, *, fits: bool
) -> None:
    """What a distribution requires of the core decides, as far as it applies here."""
    install("zz-acme", points={"zz_acme": "zz_v:source"}, requires=[requirement])

    state = states()["zz_acme", "zz-acme"]

    assert state.state is (SourceStatus.OK if fits else SourceStatus.INCOMPATIBLE)
    assert bool(state.reason) is not fits


def test_every_requirement_on_the_core_counts(install: Installs) -> None:
    """Of two requirements on the core, one that does not fit is enough."""
    requires = ["smaply-metrics-core>=0.1", "smaply-metrics-core>=99"]
    install("zz-acme", points={"zz_acme": "zz_v:source"}, requires=requires)

    state = states()["zz_acme", "zz-acme"]

    assert state.state is SourceStatus.INCOMPATIBLE
    assert state.contract == ">=0.1,>=99"


def test_two_distributions_with_one_id_are_both_out(install: Installs) -> None:
    """A clash of ids takes both out and names both and the setting that decides."""
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


def test_a_setting_decides_a_clash(install: Installs) -> None:
    """The preferred distribution is used and the other one is blocked."""
    install("zz-one", points={"zz_acme": "zz_one:source"})
    install("zz-two", points={"zz_acme": "zz_two:source"})

    found = states(SourceSettings(preferred={"zz_acme": "ZZ_two"}))

    assert found["zz_acme", "zz-one"].state is SourceStatus.BLOCKED
    assert found["zz_acme", "zz-two"].state is SourceStatus.OK


def test_blocking_one_distribution_ends_a_clash(install: Installs) -> None:
    """A distribution that is blocked claims nothing."""
    install("zz-one", points={"zz_acme": "zz_one:source"})
    install("zz-two", points={"zz_acme": "zz_two:source"})

    found = states(SourceSettings(blocked=frozenset({"zz-one"})))

    assert found["zz_acme", "zz-one"].state is SourceStatus.BLOCKED
    assert found["zz_acme", "zz-two"].state is SourceStatus.OK


def test_a_preference_keeps_another_distribution_out(install: Installs) -> None:
    """An id that is given to one distribution cannot be taken by another, clash or not."""
    install("zz-one", points={"zz_acme": "zz_one:source"})

    state = states(SourceSettings(preferred={"zz_acme": "zz-genuine"}))["zz_acme", "zz-one"]

    assert state.state is SourceStatus.BLOCKED
    assert "zz-genuine" in state.reason


def test_one_distribution_that_claims_an_id_twice_is_out(install: Installs) -> None:
    """No setting can choose between two entry points of one distribution."""
    install("zz-one", points="zz_acme = zz_one:source\nzz_acme = zz_one:other\n")

    found = SourceRegistry(SourceSettings(preferred={"zz_acme": "zz-one"})).states()

    clashing = [state for state in found if state.id == "zz_acme"]
    assert [state.state for state in clashing] == [SourceStatus.CLASH, SourceStatus.CLASH]
    assert "2 times" in clashing[0].reason


def test_two_versions_side_by_side_are_out(install: Installs) -> None:
    """What a failed upgrade leaves in one folder is a clash: nobody knows which one runs."""
    install("zz-one", version="1.0", points={"zz_acme": "zz_one:source"})
    install("zz-one", version="2.0", points={"zz_acme": "zz_one:source"})

    found = [state for state in SourceRegistry().states() if state.id == "zz_acme"]

    assert {(state.version, state.state) for state in found} == {
        ("1.0", SourceStatus.CLASH),
        ("2.0", SourceStatus.CLASH),
    }


def test_an_earlier_folder_hides_a_later_one(install: Installs) -> None:
    """As for Python's own imports, the first folder on the path that has a distribution wins."""
    install("zz-one", version="1.0", points={"zz_acme": "zz_one:source"}, folder="later")
    install("zz-one", version="2.0", points={"zz_acme": "zz_one:source"}, folder="earlier")

    assert states()["zz_acme", "zz-one"].version == "2.0"


def test_a_folder_that_is_on_the_path_twice_counts_once(
    install: Installs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second way to the same folder, by a link, is no second installation."""
    site = install("zz-one", points={"zz_acme": "zz_one:source"})
    (tmp_path / "link").symlink_to(site)
    monkeypatch.syspath_prepend(str(tmp_path / "link"))

    assert states()["zz_acme", "zz-one"].state is SourceStatus.OK


def test_a_malformed_entry_points_file_hurts_its_distribution_alone(install: Installs) -> None:
    """A distribution whose entry points cannot be read is broken, and the others are listed."""
    install("zz-bad", points="zz_acme\n[\n")
    install("zz-good", points={"zz_good": "zz_good:source"})

    registry = SourceRegistry()
    found = {state.id: state for state in registry.states(load=True)}

    assert found["zz-bad"].state is SourceStatus.BROKEN
    assert "entry_points.txt" in found["zz-bad"].reason
    assert "zz_good" in found


def test_entry_points_that_are_no_text_hurt_nobody(install: Installs) -> None:
    """A file of entry points that is not even text is passed over."""
    site = install("zz-bad", points={})
    (site / "zz_bad-1.0.dist-info" / "entry_points.txt").write_bytes(b"\xff\xfe\x00smaply\xff")
    install("zz-good", points={"zz_good": "zz_good:source"})

    assert ("zz_good", "zz-good") in states()


def test_a_distribution_without_metadata_is_listed(install: Installs) -> None:
    """Entry points count even when nobody knows the distribution's name."""
    site = install("zz-bare", points={"zz_acme": "zz_bare:source"})
    (site / "zz_bare-1.0.dist-info" / "METADATA").unlink()

    found = {state.id: state for state in SourceRegistry().states()}

    assert found["zz_acme"].state is SourceStatus.OK
    assert found["zz_acme"].version == ""


def test_metadata_that_is_no_text_hurts_nobody(install: Installs) -> None:
    """A distribution whose metadata cannot be read is listed without name and requirements."""
    site = install("zz-bare", points={"zz_acme": "zz_bare:source"})
    (site / "zz_bare-1.0.dist-info" / "METADATA").write_bytes(b"Name: \xff\xfe")

    found = {state.id: state for state in SourceRegistry().states()}

    assert (found["zz_acme"].distribution, found["zz_acme"].version) == ("unknown", "")
    assert found["zz_acme"].contract == ""


def test_an_entry_point_that_names_nothing_is_told(install: Installs) -> None:
    """A value that is no module and no object is shown as it stands, once it is loaded."""
    install("zz-vain", points={"zz_vain": "no module!"})

    found = {state.id: state for state in SourceRegistry().states(load=True)}

    assert found["zz_vain"].state is SourceStatus.BROKEN
    assert "names “no module!”, which is no MODULE and no MODULE:OBJECT" in found["zz_vain"].reason
