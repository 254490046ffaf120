"""The registry holds sources apart, loads each once, and goes on whatever one of them does."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from importlib.metadata import EntryPoint

import pytest

from smaply_metrics_core.context import Deadline
from smaply_metrics_core.errors import NotFound, SourceNotUsable
from smaply_metrics_core.hook_markers import CONTRACT_VERSION, ENTRY_POINT_GROUP, hookimpl
from smaply_metrics_core.models.source import SourceDescription
from smaply_metrics_core.models.survey import Survey
from smaply_metrics_core.sources import loader
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.loader import contract_mismatch
from smaply_metrics_core.sources.registry import SourceRegistry
from smaply_metrics_core.sources.settings import SourceSettings
from smaply_metrics_core.sources.source_state import SourceStatus

from .conftest import Acme, AcmeCredentials, Installs, Points

GOOD = """
from smaply_metrics_core.hook_markers import hookimpl
from smaply_metrics_core.models.credentials import Credentials, Token
from smaply_metrics_core.models.check import (CheckStep)
from smaply_metrics_core.models.source import (SourceDescription)
from smaply_metrics_core.models.survey import Survey

STEP = CheckStep(name="reach", title="Reach", required=True)

class Mine(Credentials):
    api_token: Token

@hookimpl
def describe_source():
    return SourceDescription(
        id="zz_good", title="Good", contract="0.1", credentials=Mine, checks=(STEP,)
    )

@hookimpl
def destinations():
    return []

@hookimpl
def validate_credentials():
    yield STEP

@hookimpl
def list_surveys():
    yield Survey(id="s1", name="First")

@hookimpl
def list_questions(survey_id): ...

@hookimpl
def fetch_metric(queries):
    yield from ()

@hookimpl
def debug_export(bundle): ...
"""


def test_an_installed_module_is_a_source(install: Installs, later: Deadline) -> None:
    """A distribution with an entry point to a module is found, loaded and used."""
    install("zz-good", points={"zz_good": "zz_good_m"}, module="zz_good_m", code=GOOD)

    source = SourceRegistry().get("zz_good")

    assert (source.title, source.distribution, source.version) == ("Good", "zz-good", "1.0")
    credentials = source.parse({"api_token": "t"})
    with source.session(
        credentials, account="acct", allowed=AllowedDestinations(), deadline=later
    ) as session:
        assert session.surveys() == (Survey(id="s1", name="First"),)
        assert [step.status for step in session.check()] == ["passed"]


def test_a_broken_source_leaves_the_others_alone(install: Installs) -> None:
    """Beside a source that ends the program on import, one that works goes on working."""
    install("zz-good", points={"zz_good": "zz_good_n"}, module="zz_good_n", code=GOOD)
    install("zz-bad", points={"zz_bad": "zz_bad_n"}, module="zz_bad_n", code="raise SystemExit")
    registry = SourceRegistry()

    with pytest.raises(SourceNotUsable, match=r"“zz_bad” \(distribution zz-bad 1\.0\).*SystemExit"):
        registry.get("zz_bad")

    assert registry.get("zz_good").title == "Good"
    found = {state.id: state.state for state in registry.states()}
    assert (found["zz_bad"], found["zz_good"]) == (SourceStatus.BROKEN, SourceStatus.OK)


def test_a_blocked_source_is_not_imported(install: Installs) -> None:
    """What a setting keeps out is not even imported when everything is loaded."""
    install("zz-good", points={"zz_good": "zz_good_o"}, module="zz_good_o", code=GOOD)
    registry = SourceRegistry(SourceSettings(blocked=frozenset({"zz_good"})))

    (state,) = (one for one in registry.states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.BLOCKED
    assert "zz_good_o" not in sys.modules
    with pytest.raises(SourceNotUsable, match="SMAPLY_METRICS_SOURCES_BLOCKED"):
        registry.get("zz_good")


def test_a_core_that_does_not_fit_keeps_a_source_from_being_imported(install: Installs) -> None:
    """An incompatible source is told apart before any of its code runs."""
    install(
        "zz-good",
        points={"zz_good": "zz_good_p"},
        requires=["smaply-metrics-core>=99"],
        module="zz_good_p",
        code=GOOD,
    )

    with pytest.raises(SourceNotUsable, match="smaply-metrics-core >=99"):
        SourceRegistry().get("zz_good")
    assert "zz_good_p" not in sys.modules


@pytest.mark.parametrize("declared", ["0.2", "0.0", "1.0"])
def test_a_source_of_another_contract_is_incompatible(install: Installs, declared: str) -> None:
    """A source that declares a contract that this release does not offer says how to fix that."""
    module = f"zz_good_{declared.replace('.', '_')}"
    code = GOOD.replace('contract="0.1"', f'contract="{declared}"')
    install("zz-good", points={"zz_good": module}, module=module, code=code)
    registry = SourceRegistry()

    (state,) = (one for one in registry.states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.INCOMPATIBLE
    assert f"version {declared} of the contract" in state.reason
    assert f"offers {CONTRACT_VERSION}. Install a version" in state.reason
    with pytest.raises(SourceNotUsable, match=f"version {declared} of the contract"):
        registry.get("zz_good")


@pytest.mark.parametrize("line", ["", 'contract="1", ', 'contract="", ', "contract=0.1, "])
def test_a_source_without_a_readable_contract_is_broken(install: Installs, line: str) -> None:
    """A source declares its contract as MAJOR.MINOR; without that it is broken, with the reason."""
    module = f"zz_good_undeclared{abs(hash(line))}"
    install(
        "zz-good",
        points={"zz_good": module},
        module=module,
        code=GOOD.replace('contract="0.1", ', line),
    )

    (state,) = (one for one in SourceRegistry().states(load=True) if one.id == "zz_good")

    assert state.state is SourceStatus.BROKEN
    assert "contract" in state.reason


@pytest.mark.parametrize(
    ("declared", "ours", "fits"),
    [
        ("0.1", "0.1", True),
        ("0.1", "0.2", False),
        ("1.0", "1.3", True),
        ("1.3", "1.3", True),
        ("1.4", "1.3", False),
        ("2.0", "1.3", False),
        ("0.9", "1.0", False),
    ],
)
def test_a_contract_fits_by_its_version(
    monkeypatch: pytest.MonkeyPatch, declared: str, ours: str, *, fits: bool
) -> None:
    """Before 1.0 every minor version differs; afterwards an earlier minor version fits."""
    monkeypatch.setattr(loader, "CONTRACT_VERSION", ours)

    assert (contract_mismatch(declared) == "") is fits


def test_a_preferred_source_is_the_one_given(install: Installs) -> None:
    """Of two that claim an id, the one that a setting names is loaded."""
    install("zz-good", points={"zz_good": "zz_good_q"}, module="zz_good_q", code=GOOD)
    install("zz-bad", points={"zz_good": "zz_bad_q"}, module="zz_bad_q", code="raise SystemExit")

    with pytest.raises(SourceNotUsable, match="claimed by zz-bad and zz-good"):
        SourceRegistry().get("zz_good")
    registry = SourceRegistry(SourceSettings(preferred={"zz_good": "zz-good"}))
    assert registry.get("zz_good").distribution == "zz-good"


def test_an_unknown_id_names_those_there_are(point_to: Points) -> None:
    """Asking for a source that is not installed tells which are."""
    points = [point_to(Acme()), point_to(Acme(), name="beta")]

    with pytest.raises(NotFound, match="“gamma”") as caught:
        SourceRegistry(entry_points=lambda: points).get("gamma")
    assert "acme, beta" in caught.value.remedy
    with pytest.raises(NotFound) as caught:
        SourceRegistry(entry_points=list).get("gamma")
    assert "no source is installed" in caught.value.remedy


class CountedPoint(EntryPoint):
    """Counts how often it is loaded."""

    loads: list[int]

    def load(self) -> object:
        """Load it, and count."""
        self.loads.append(1)
        return super().load()


def counted(point: EntryPoint, loads: list[int]) -> CountedPoint:
    """The same entry point, counting."""
    made = CountedPoint(name=point.name, value=point.value, group=point.group)
    vars(made)["loads"] = loads
    return made


def test_a_source_is_loaded_on_first_use_and_once(point_to: Points) -> None:
    """Many threads that ask at once get one and the same source, loaded once."""
    loads: list[int] = []
    point = counted(point_to(Acme()), loads)
    registry = SourceRegistry(entry_points=lambda: [point])
    registry.states()
    assert loads == []
    found: list[object] = []

    threads = [
        threading.Thread(target=lambda: found.append(registry.get("acme"))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)

    assert len(found) == 8
    assert len({id(source) for source in found}) == 1
    assert loads == [1]


def test_a_broken_source_is_tried_once(point_to: Points) -> None:
    """A source that failed to load is not loaded again and again."""
    loads: list[int] = []
    point = counted(point_to(None), loads)
    registry = SourceRegistry(entry_points=lambda: [point])

    for _ in range(2):
        with pytest.raises(SourceNotUsable):
            registry.get("acme")
    registry.states(load=True)

    assert loads == [1]


def test_entry_points_are_listed_once(point_to: Points) -> None:
    """A registry looks at what is installed once in its life."""
    calls: list[int] = []
    point = point_to(Acme())

    def listing() -> Iterator[EntryPoint]:
        calls.append(1)
        yield point

    registry = SourceRegistry(entry_points=listing)
    registry.states()
    registry.get("acme")

    assert calls == [1]


def test_no_source_hears_of_another(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations, later: Deadline
) -> None:
    """Each source has its own manager, so a call reaches that one source alone."""
    heard: list[str] = []

    class Beta(Acme):
        @hookimpl
        def describe_source(self) -> SourceDescription:
            return super().describe_source().model_copy(update={"id": "beta"})

        @hookimpl
        def list_surveys(self) -> Iterator[Survey]:
            heard.append("beta")
            yield from ()

    points = [point_to(Acme()), point_to(Beta(), name="beta")]
    registry = SourceRegistry(entry_points=lambda: points)
    assert registry.get("beta").id == "beta"

    with registry.get("acme").session(
        credentials, account="acct", allowed=anywhere, deadline=later
    ) as session:
        assert len(session.surveys()) == 2

    assert heard == []


def test_stuck_calls_are_named(
    point_to: Points, credentials: AcmeCredentials, anywhere: AllowedDestinations, soon: Deadline
) -> None:
    """The host can see which source holds threads that do not end."""
    released = threading.Event()

    class Hangs(Acme):
        @hookimpl
        def destinations(self) -> Iterator[None]:  # type: ignore[override]
            released.wait()
            yield

    point = point_to(Hangs())
    registry = SourceRegistry(entry_points=lambda: [point])
    source = registry.get("acme")
    try:
        with (
            pytest.raises(Exception, match="did not answer in time"),
            source.session(credentials, account="acct", allowed=anywhere, deadline=soon),
        ):
            raise AssertionError
        assert registry.stuck_calls() == ("smaply-source acme destinations",)
    finally:
        released.set()


def test_a_malformed_entry_point_is_a_broken_source() -> None:
    """An entry point whose value is no import path is broken, not a crash."""
    points = [
        EntryPoint(name="acme", value=value, group=ENTRY_POINT_GROUP)
        for value in ("", "1 + 1", "no_such_module:x", "sys:no_such_attribute", "sys:")
    ]

    for point in points:
        (state,) = SourceRegistry(entry_points=lambda one=point: [one]).states(load=True)  # type: ignore[misc]
        assert state.state is SourceStatus.BROKEN
        assert state.reason


def test_the_registry_loads_no_heavy_library() -> None:
    """Listing sources needs neither the HTTP client nor a data frame."""
    code = (
        "import sys; from smaply_metrics_core.sources.registry import SourceRegistry; "
        "SourceRegistry().states(); print(*sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    assert not {"httpx", "polars", "sqlalchemy", "cryptography"} & set(done.stdout.split())
