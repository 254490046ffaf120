"""Only destinations that the operator allows are accepted."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.errors import DestinationRefused
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.sources.allow_list import AllowedDestinations

SETTING = "SMAPLY_ACME_SANDBOX"


def to_host(
    host: str, setting: str = "", allowed: AllowedDestinations | None = None
) -> Destination:
    """Return the resolved host destination."""
    operator = AllowedDestinations(environment={}) if allowed is None else allowed
    destination = Destination(kind="host", host=host, setting=setting)
    (found,) = operator.resolve([destination], "acct", source="acme")
    return found


def refusal(host: str, setting: str = "", allowed: AllowedDestinations | None = None) -> str:
    """Return the message and remedy for a host that is rejected."""
    with pytest.raises(DestinationRefused) as caught:
        to_host(host, setting, allowed)
    return f"{caught.value.message} {caught.value.remedy}"


@pytest.mark.parametrize("host", ["iad1.qualtrics.com", "API.Acme.IO", "a.b-c.xn--p1ai", "x1.de"])
def test_a_public_host_is_allowed(host: str) -> None:
    """Every public host name is allowed, and returned in lower case."""
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
def test_anything_but_a_public_host_name_is_rejected(host: str) -> None:
    """Addresses, ports, internal names and malformed names are rejected, with an example."""
    assert "such as api.example.com" in refusal(host)


@given(address=st.one_of(st.ip_addresses().map(str), st.integers(0, 2**32 - 1).map(str)))
def test_an_ip_address_is_not_a_host_name(address: str) -> None:
    """No form of an IP address is accepted."""
    assert "public host name" in refusal(address)


@given(host=st.text(max_size=40), setting=st.sampled_from(["", SETTING, "PATH"]))
def test_any_text_is_allowed_or_rejected(host: str, setting: str) -> None:
    """No text raises another exception."""
    try:
        found = to_host(host, setting)
    except DestinationRefused as refused:
        assert refused.remedy  # noqa: PT017  # Not every text raises.
    else:
        assert found.host == host.lower()


def test_the_operator_can_restrict_a_source_to_some_hosts() -> None:
    """Patterns apply only to their source, and the remedy lists them."""
    allowed = AllowedDestinations(hosts={"acme": ("*.Acme.com", "one.org")}, environment={})

    assert to_host("eu.acme.com", allowed=allowed).host == "eu.acme.com"
    assert to_host("one.org", allowed=allowed).host == "one.org"
    for host in ("acme.com", "acme.com.evil.org", "two.org"):
        assert "*.Acme.com or one.org" in refusal(host, allowed=allowed)
    other = Destination(kind="host", host="two.org")
    assert allowed.resolve([other], "acct", source="other") == (other,)


def test_no_pattern_allows_no_host() -> None:
    """A source with an empty list of patterns may not connect to any host."""
    assert "no host is allowed" in refusal(
        "acme.com", allowed=AllowedDestinations(hosts={"acme": ()})
    )


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "127.9.9.9:1", "[::1]:65535"])
def test_a_setting_allows_one_loopback_address(host: str) -> None:
    """A local sandbox is allowed by a setting with exactly its address."""
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
    """With a setting, only a literal loopback address with a port is allowed."""
    allowed = AllowedDestinations(environment={SETTING: host})

    assert "loopback" in refusal(host, SETTING, allowed)


@pytest.mark.parametrize("value", [None, "", "127.0.0.1:8081", "127.0.0.1:8080 ", "127.0.0.1"])
def test_a_loopback_address_without_a_setting_is_rejected(value: str | None) -> None:
    """The setting must have exactly this address; the remedy shows it."""
    environment = {} if value is None else {SETTING: value}

    said = refusal("127.0.0.1:8080", SETTING, AllowedDestinations(environment=environment))

    assert f"sets {SETTING}=127.0.0.1:8080" in said


@pytest.mark.parametrize("setting", ["DATABASE_HOST", "smaply_x", "SMAPLY_", "SMAPLY_X=1"])
def test_only_a_setting_with_the_prefix_allows_loopback(setting: str) -> None:
    """A source cannot use the address of another local service as its sandbox."""
    allowed = AllowedDestinations(environment={setting: "127.0.0.1:5432"})

    assert "begin with SMAPLY_" in refusal("127.0.0.1:5432", setting, allowed)


def test_the_environment_is_read_on_each_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """By default, settings are read from the environment of the process."""
    allowed = AllowedDestinations()
    monkeypatch.setenv(SETTING, "127.0.0.1:8080")

    assert to_host("127.0.0.1:8080", SETTING, allowed).setting == SETTING
    assert "PATH" not in repr(allowed)


def test_a_destination_with_a_host_and_a_folder_is_rejected(tmp_path: Path) -> None:
    """A destination is either a host or a folder."""
    both = Destination(kind="host", host="acme.com", folder=tmp_path)
    neither = Destination(kind="folder")
    other = Destination(kind="folder", host="acme.com", folder=tmp_path)
    allowed = AllowedDestinations(folders={"acct": tmp_path})

    for destination in (both, neither, other):
        with pytest.raises(DestinationRefused, match="The source returned a"):
            allowed.resolve([destination], "acct", source="acme")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The folder of the account, as a symbolic link."""
    (tmp_path / "real" / "surveys" / "deep").mkdir(parents=True)
    (tmp_path / "real-too").mkdir()
    (tmp_path / "real" / "file.csv").touch()
    (tmp_path / "real" / "out").symlink_to(tmp_path / "real-too")
    (tmp_path / "real" / "in").symlink_to(tmp_path / "real" / "surveys")
    (tmp_path / "real" / "loop").symlink_to(tmp_path / "real" / "loop")
    (tmp_path / "link").symlink_to(tmp_path / "real")
    return tmp_path / "link"


def to_folder(root: Path, folder: str | Path, *, store: Path | None = None) -> Path:
    """Return the resolved folder destination."""
    allowed = AllowedDestinations(folders={"acct": root}, store=store)
    destination = Destination(kind="folder", folder=Path(folder))
    (found,) = allowed.resolve([destination], "acct", source="acme")
    assert found.folder is not None
    return found.folder


@pytest.mark.parametrize("folder", ["surveys", "./surveys/deep/..", "in", "deep/../surveys"])
def test_a_subfolder_is_returned_with_its_links_resolved(root: Path, folder: str) -> None:
    """Paths are relative to the folder of the account and are resolved."""
    assert to_folder(root, folder) == root.resolve() / "surveys"


def test_the_folder_itself_and_absolute_paths_below_it_are_allowed(root: Path) -> None:
    """The folder of the account itself, and absolute paths in it, are allowed."""
    assert to_folder(root, ".") == root.resolve()
    assert to_folder(root, root / "surveys") == root.resolve() / "surveys"
    assert to_folder(root, root.resolve() / "surveys") == root.resolve() / "surveys"


@pytest.mark.parametrize(
    "folder", ["..", "../real-too", "out", "/", "/etc", "../nowhere", "loop", "sur\0veys"]
)
def test_a_folder_outside_is_rejected_whether_it_exists_or_not(root: Path, folder: str) -> None:
    """Paths and links to outside are rejected, without revealing what exists."""
    with pytest.raises(DestinationRefused) as caught:
        to_folder(root, folder)

    assert "outside the folder" in caught.value.message or folder == "loop"
    assert str(root.resolve()) not in f"{caught.value.message} {caught.value.remedy}"


@pytest.mark.parametrize("folder", ["nowhere", "file.csv", "file.csv/below"])
def test_a_folder_that_does_not_exist_is_rejected(root: Path, folder: str) -> None:
    """The message reports a missing folder, or a file instead of a folder."""
    with pytest.raises(DestinationRefused, match="There is no folder"):
        to_folder(root, folder)


def test_an_account_without_a_folder_may_not_read_any(root: Path) -> None:
    """Only accounts with a configured folder may read files."""
    allowed = AllowedDestinations(folders={"acct": root})

    with pytest.raises(DestinationRefused, match="No folder is configured"):
        allowed.resolve(
            [Destination(kind="folder", folder=Path("surveys"))], "other", source="acme"
        )


@pytest.mark.parametrize("name", ["nowhere", "link/file.csv", "link/loop"])
def test_a_missing_folder_of_an_account_is_for_the_operator(root: Path, name: str) -> None:
    """The remedy refers to the operator."""
    with pytest.raises(DestinationRefused, match="does not exist") as caught:
        to_folder(root.parent / name, ".")

    assert "Ask the operator" in caught.value.remedy


@pytest.mark.parametrize("folder", [".", "surveys", "surveys/deep", "in"])
def test_a_folder_that_overlaps_the_store_is_rejected(root: Path, folder: str) -> None:
    """A folder may not contain the store or be inside it, after resolving links."""
    with pytest.raises(DestinationRefused, match="overlaps the store"):
        to_folder(root, folder, store=root / "in")


def test_a_store_elsewhere_does_not_matter(root: Path) -> None:
    """A folder next to the store is allowed, whether the store is a folder or a file."""
    (root / "csv").mkdir()

    for store in (root / "surveys", root / "store.db"):
        assert to_folder(root, "csv", store=store) == root.resolve() / "csv"
    with pytest.raises(DestinationRefused, match="overlaps the store"):
        to_folder(root, ".", store=root / "store.db")


def test_a_source_may_have_no_destinations() -> None:
    """An empty list of destinations is allowed."""
    assert AllowedDestinations().resolve([], "acct", source="acme") == ()


@pytest.mark.skipif(os.geteuid() == 0, reason="root can read every folder")
def test_a_folder_without_permissions_is_rejected(root: Path) -> None:
    """A folder that cannot be read is rejected."""
    closed = root / "closed"
    (closed / "below").mkdir(parents=True)
    closed.chmod(0)
    try:
        with pytest.raises(DestinationRefused):
            to_folder(root, "closed/below")
    finally:
        closed.chmod(0o700)
