"""Credentials lead only where the operator allows."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smaply_metrics_core.errors import DestinationRefused
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.sources.allow_list import AllowedDestinations

SETTING = "SMAPLY_ACME_SANDBOX"


def to_host(
    host: str, setting: str = "", allowed: AllowedDestinations | None = None
) -> Destination:
    """Where a host destination ends up."""
    operator = AllowedDestinations(environment={}) if allowed is None else allowed
    destination = Destination(kind="host", host=host, setting=setting)
    (found,) = operator.resolve([destination], "acct", source="acme")
    return found


def refusal(host: str, setting: str = "", allowed: AllowedDestinations | None = None) -> str:
    """Why a host is refused, with what to do."""
    with pytest.raises(DestinationRefused) as caught:
        to_host(host, setting, allowed)
    return f"{caught.value.message} {caught.value.remedy}"


@pytest.mark.parametrize("host", ["iad1.qualtrics.com", "API.Acme.IO", "a.b-c.xn--p1ai", "x1.de"])
def test_a_public_host_is_allowed(host: str) -> None:
    """Every public host name passes, in lower case."""
    assert to_host(host).host == host.lower()


@pytest.mark.parametrize(
    "host",
    [
        "",
        "localhost",
        "intranet",
        "printer.local",
        "db.internal",
        "a.localhost",
        "LOCALHOST",
        "router.home.arpa",
        "nas.lan",
        "127.0.0.1",
        "169.254.169.254",
        "10.1",
        "127.1",
        "0x7f.1",
        "1.0x7f",
        "2130706433",
        "::1",
        "[::1]",
        "fe80::1%eth0",
        "acme.com:443",
        "acme.com:8080",
        "https://acme.com",
        "acme.com/api",
        "user@acme.com",
        "acme.com.",
        ".acme.com",
        "a..com",
        "-a.com",
        "a_b.com",
        "ac me.com",
        "acme.com\n",
        "acme.com\0",
        "ácme.com",
        "acme.c\u043em",
        "acme.com#x",
        "*.acme.com",
        "a." * 130 + "com",
        "a" * 64 + ".com",
    ],
)
def test_whatever_is_not_a_public_host_name_is_refused(host: str) -> None:
    """Addresses, ports, internal names and malformed ones are refused, with the form to use."""
    assert "such as api.example.com" in refusal(host)


@settings(deadline=None)
@given(address=st.one_of(st.ip_addresses().map(str), st.integers(0, 2**32 - 1).map(str)))
def test_no_spelling_of_an_address_is_a_host_name(address: str) -> None:
    """Nothing that is an IP address passes."""
    assert "public host name" in refusal(address)


@settings(deadline=None)
@given(host=st.text(max_size=40), setting=st.sampled_from(["", SETTING, "PATH"]))
def test_any_text_is_allowed_or_refused(host: str, setting: str) -> None:
    """No text makes the check fail in another way."""
    try:
        found = to_host(host, setting)
    except DestinationRefused as refused:
        assert refused.remedy  # noqa: PT017  # Both ways are fine; this is about one of them.
    else:
        assert found.host == host.lower()


def test_the_operator_can_narrow_a_source_to_some_hosts() -> None:
    """Patterns hold for the source they are given for, and the refusal tells them."""
    allowed = AllowedDestinations(hosts={"acme": ("*.Acme.com", "one.org")}, environment={})

    assert to_host("eu.acme.com", allowed=allowed).host == "eu.acme.com"
    assert to_host("one.org", allowed=allowed).host == "one.org"
    for host in ("acme.com", "acme.com.evil.org", "two.org"):
        assert "*.Acme.com, one.org" in refusal(host, allowed=allowed)
    other = Destination(kind="host", host="two.org")
    assert allowed.resolve([other], "acct", source="other") == (other,)


def test_no_pattern_allows_no_host() -> None:
    """A source with an empty list of patterns reaches nothing."""
    assert "none is" in refusal("acme.com", allowed=AllowedDestinations(hosts={"acme": ()}))


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "127.9.9.9:1", "[::1]:65535"])
def test_a_setting_allows_one_loopback_address(host: str) -> None:
    """A sandbox on this machine is reached when a setting names exactly it."""
    allowed = AllowedDestinations(environment={SETTING: host}, hosts={"acme": ("*.acme.com",)})

    assert to_host(host, SETTING, allowed).host == host


@pytest.mark.parametrize(
    "host",
    [
        "localhost:8080",
        "127.0.0.1",
        "127.0.0.1:0",
        "127.0.0.1:65536",
        "127.0.0.1:80:80",
        "127.0.0.1:\uff18\uff10\uff18\uff10",
        "127.1:8080",
        "0.0.0.0:8080",
        "10.0.0.1:8080",
        "[::]:8080",
        "[fe80::1]:8080",
        "acme.com:443",
        "127.0.0.1:8080/path",
        "127.0.0.1:8080\n",
        "::1:8080",
    ],
)
def test_a_setting_allows_nothing_but_loopback(host: str) -> None:
    """Even when the setting names it, only a literal loopback address with a port passes."""
    allowed = AllowedDestinations(environment={SETTING: host})

    assert "loopback" in refusal(host, SETTING, allowed)


@pytest.mark.parametrize("value", [None, "", "127.0.0.1:8081", "127.0.0.1:8080 ", "127.0.0.1"])
def test_a_loopback_address_that_no_setting_names_is_refused(value: str | None) -> None:
    """The setting has to name exactly this address; the refusal says how."""
    environment = {} if value is None else {SETTING: value}

    said = refusal("127.0.0.1:8080", SETTING, AllowedDestinations(environment=environment))

    assert f"set {SETTING}=127.0.0.1:8080" in said


@pytest.mark.parametrize("setting", ["DATABASE_HOST", "smaply_x", "SMAPLY_", "SMAPLY_X=1"])
def test_only_a_setting_made_for_it_allows_loopback(setting: str) -> None:
    """A source cannot pass off the address of another local service as its sandbox."""
    allowed = AllowedDestinations(environment={setting: "127.0.0.1:5432"})

    assert "begin with SMAPLY_" in refusal("127.0.0.1:5432", setting, allowed)


def test_the_environment_is_read_when_it_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless another mapping is given, settings are those of the process."""
    allowed = AllowedDestinations()
    monkeypatch.setenv(SETTING, "127.0.0.1:8080")

    assert to_host("127.0.0.1:8080", SETTING, allowed).setting == SETTING
    assert "PATH" not in repr(allowed)


def test_a_host_that_names_a_folder_as_well_is_refused(tmp_path: Path) -> None:
    """One destination is one place, whichever way round."""
    both = Destination(kind="host", host="acme.com", folder=tmp_path)
    neither = Destination(kind="folder")
    other = Destination(kind="folder", host="acme.com", folder=tmp_path)
    allowed = AllowedDestinations(folders={"acct": tmp_path})

    for destination in (both, neither, other):
        with pytest.raises(DestinationRefused, match="as well"):
            allowed.resolve([destination], "acct", source="acme")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder that the account may read below, reached by a link."""
    (tmp_path / "real" / "surveys" / "deep").mkdir(parents=True)
    (tmp_path / "real-too").mkdir()
    (tmp_path / "real" / "file.csv").touch()
    (tmp_path / "real" / "out").symlink_to(tmp_path / "real-too")
    (tmp_path / "real" / "in").symlink_to(tmp_path / "real" / "surveys")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real" / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    return tmp_path / "link"


def to_folder(root: Path, folder: str | Path, *, store: Path | None = None) -> Path:
    """Where a folder destination ends up."""
    allowed = AllowedDestinations(folders={"acct": root}, store=store)
    destination = Destination(kind="folder", folder=Path(folder))
    (found,) = allowed.resolve([destination], "acct", source="acme")
    assert found.folder is not None
    return found.folder


@pytest.mark.parametrize("folder", ["surveys", "./surveys/deep/..", "in", "deep/../surveys"])
def test_a_folder_below_is_given_with_its_links_resolved(root: Path, folder: str) -> None:
    """Relative folders are taken from the account's; what comes back is the real place."""
    assert to_folder(root, folder) == root.resolve() / "surveys"


def test_the_folder_itself_and_absolute_paths_below_it_are_allowed(root: Path) -> None:
    """The account's folder may be read as a whole, and named in full."""
    assert to_folder(root, ".") == root.resolve()
    assert to_folder(root, root / "surveys") == root.resolve() / "surveys"
    assert to_folder(root, root.resolve() / "surveys") == root.resolve() / "surveys"


@pytest.mark.parametrize(
    "folder", ["..", "../real-too", "out", "/", "/etc", "../nowhere", "loop", "sur\0veys"]
)
def test_a_folder_outside_is_refused_whether_it_exists_or_not(root: Path, folder: str) -> None:
    """Neither a path nor a link leads out, and nothing is told of what is there."""
    with pytest.raises(DestinationRefused) as caught:
        to_folder(root, folder)

    assert "outside the folder" in caught.value.message or folder == "loop"
    assert str(root.resolve()) not in f"{caught.value.message} {caught.value.remedy}"


@pytest.mark.parametrize("folder", ["nowhere", "file.csv", "file.csv/below"])
def test_a_folder_that_is_not_there_is_refused(root: Path, folder: str) -> None:
    """A missing folder below the account's, or a file in its place, is said as such."""
    with pytest.raises(DestinationRefused, match="There is no folder"):
        to_folder(root, folder)


def test_an_account_without_a_folder_reads_none(root: Path) -> None:
    """Only accounts that the operator gave a folder read one."""
    allowed = AllowedDestinations(folders={"acct": root})

    with pytest.raises(DestinationRefused, match="No folder is set"):
        allowed.resolve(
            [Destination(kind="folder", folder=Path("surveys"))], "other", source="acme"
        )


@pytest.mark.parametrize("name", ["nowhere", "link/file.csv", "link/loop"])
def test_an_account_folder_that_is_not_there_is_the_operators_to_mend(
    root: Path, name: str
) -> None:
    """The refusal sends the user to the operator."""
    with pytest.raises(DestinationRefused, match="is not there") as caught:
        to_folder(root.parent / name, ".")

    assert "Ask the operator" in caught.value.remedy


@pytest.mark.parametrize("folder", [".", "surveys", "surveys/deep", "in"])
def test_the_store_is_never_read(root: Path, folder: str) -> None:
    """A folder that holds the store, is it, or lies in it is refused, links resolved."""
    with pytest.raises(DestinationRefused, match="own store"):
        to_folder(root, folder, store=root / "in")


def test_a_store_elsewhere_does_not_matter(root: Path) -> None:
    """Beside the store there is nothing to refuse, be it a folder or a file."""
    (root / "csv").mkdir()

    for store in (root / "surveys", root / "store.db"):
        assert to_folder(root, "csv", store=store) == root.resolve() / "csv"
    with pytest.raises(DestinationRefused, match="own store"):
        to_folder(root, ".", store=root / "store.db")


def test_a_source_without_destinations_goes_nowhere() -> None:
    """No destination is nothing to refuse."""
    assert AllowedDestinations().resolve([], "acct", source="acme") == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look anywhere")
def test_a_folder_that_cannot_be_looked_into_is_refused(root: Path) -> None:
    """A folder without permissions is no folder that can be read."""
    closed = root / "closed"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0)
    try:
        with pytest.raises(DestinationRefused):
            to_folder(root, "closed/below")
    finally:
        closed.chmod(0o700)
