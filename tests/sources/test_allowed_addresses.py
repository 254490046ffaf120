"""Servers beyond public hosts are reached only if the operator allows exactly their address."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.errors import CredentialsInvalid, DestinationRefused, InputError
from smaply_metrics_core.models.address import Address, ServerAddress, is_plain_path
from smaply_metrics_core.models.credentials import Credentials, parse_credentials
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.sources.allow_list import AllowedDestinations
from smaply_metrics_core.sources.settings import SourceSettings

if TYPE_CHECKING:
    from pathlib import Path

SETTING = "SMAPLY_METRICS_SOURCES_ADDRESSES"
CA_SETTING = "SMAPLY_METRICS_SOURCES_CA_FILES"


def resolve(url: str, setting: str = "", hosts: dict[str, tuple[str, ...]] | None = None) -> str:
    """Return the address after the check against a value of the setting."""
    found = SourceSettings.from_environment({SETTING: setting})
    allowed = AllowedDestinations(addresses=found.addresses, hosts=hosts or {}, environment={})
    destination = Destination(kind="address", address=url)
    (checked,) = allowed.resolve([destination], "acct", source="acme")
    return checked.address


@pytest.mark.parametrize(
    "url",
    [
        "https://surveys.example.com:8443/",
        "https://surveys.corp/",
        "https://odk.internal/v1/",
        "https://surveys/",
        "https://10.0.0.5/",
        "http://10.0.0.5/",
        "http://127.0.0.1:8080/lime/",
        "https://[fd00::5]:8443/lime/",
        "https://surveys.corp/index.php?r=admin/remotecontrol",
        "postgresql://db.corp/feedback",
    ],
)
def test_an_address_is_refused_unless_the_operator_names_it(url: str) -> None:
    """The remedy names the pair to add to the setting, and with it the address is accepted."""
    with pytest.raises(DestinationRefused) as caught:
        resolve(url, "other=" + url)

    assert f"add acme={url} to {SETTING}" in caught.value.remedy
    assert resolve(url, f"acme={url}") == url


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("https://s.corp:8443/", "https://s.corp:8443/any/path"),
        ("https://s.corp:8443", "https://S.CORP:8443/"),
        ("https://s.corp/lime/", "https://s.corp/lime/index.php"),
        ("https://s.corp/lime", "https://s.corp/lime/index.php"),
        ("https://s.corp/", "https://s.corp/index.php?r=admin/remotecontrol"),
        ("https://s.corp:443/", "https://s.corp/"),
        ("https://[FD00:0::5]/", "https://[fd00::5]/"),
    ],
)
def test_an_allowed_address_covers_what_is_below_it(allowed: str, url: str) -> None:
    """Scheme, host and port are compared in their normal form, the path by segments."""
    assert resolve(url, f"acme={allowed}")


@pytest.mark.parametrize(
    ("allowed", "url"),
    [
        ("https://s.corp:8443/", "https://s.corp:8444/"),
        ("https://s.corp:8443/", "https://s.corp/"),
        ("https://s.corp:8443/", "https://t.corp:8443/"),
        ("https://s.corp:8443/", "https://a.s.corp:8443/"),
        ("https://10.0.0.5/", "http://10.0.0.5/"),
        ("https://10.0.0.5/", "https://10.0.0.50/"),
        ("https://s.corp/lime/", "https://s.corp/"),
        ("https://s.corp/lime/", "https://s.corp/limes/"),
        ("https://s.corp/lime", "https://s.corp/limes"),
        ("https://s.corp/lime/", "https://s.corp/Lime/"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php?r=a&r=b"),
        ("https://s.corp/i.php?r=a", "https://s.corp/i.php/x?r=a"),
    ],
)
def test_an_allowed_address_covers_nothing_else(allowed: str, url: str) -> None:
    """Another scheme, host, port or path, or a changed query, is refused."""
    with pytest.raises(DestinationRefused, match="does not allow the address"):
        resolve(url, f"acme={allowed}")


def test_a_path_of_a_public_host_needs_no_setting() -> None:
    """It only narrows what a source with the host as its destination can request."""
    url = "https://surveys.example.com/lime/index.php?r=admin/remotecontrol"

    assert resolve(url) == url
    assert resolve(url, hosts={"acme": ("*.example.com",)}) == url
    with pytest.raises(DestinationRefused):
        resolve(url, hosts={"acme": ("*.other.com",)})


@pytest.mark.parametrize(
    "url",
    [
        "surveys.corp",
        "//surveys.corp/",
        "https:///path",
        "https://",
        "https://user@surveys.corp/",
        "https://user:secret@surveys.corp/",
        "https://@surveys.corp/",
        "https://surveys.corp/#part",
        "https://surveys.corp/?",
        "https://surveys.corp:/",
        "https://surveys.corp:0/",
        "https://surveys.corp:65536/",
        "https://surveys.corp:1:2/",
        "https://surveys.corp./",
        "https://-surveys.corp/",
        "https://sürveys.corp/",
        "https://10.1/",
        "https://0x7f.1/",
        "https://2130706433/",
        "https://0.0.0.0/",
        "https://[::]/",
        "https://[::ffff:10.0.0.5]/",
        "https://[fe80::1%25eth0]/",
        "https://::1/",
        "https://224.0.0.1/",
        "https://surveys.corp/a/../b",
        "https://surveys.corp/./b",
        "https://surveys.corp/a/%2e%2E/b",
        "https://surveys.corp/a/%252e%252e/b",
        "https://surveys.corp/a%2fb",
        "https://surveys.corp/a%5cb",
        "https://surveys.corp/a\\b",
        "https://surveys.corp/a//b",
        "https://surveys.corp//b",
        "https://surveys.corp/a b",
        "https://surveys.corp/a\n",
        "https://surveys.corp/%00",
        "https://surveys.corp\\@evil.example/",
        "https://surveys.corp/" + "a" * 2_000,
    ],
)
def test_what_is_not_an_address_is_refused(url: str) -> None:
    """A user, odd forms of IP addresses, and paths that lead elsewhere are never accepted."""
    with pytest.raises(DestinationRefused, match="address is not valid") as caught:
        resolve(url, "acme=https://surveys.corp/")

    assert "secret" not in f"{caught.value.message} {caught.value.remedy}"


@given(text=st.text(max_size=60).map(lambda text: f"https://{text}"))
def test_parsing_is_stable(text: str) -> None:
    """An accepted address parses to itself; nothing else than ``ValueError`` is raised."""
    try:
        address = Address.parse(text)
    except ValueError:
        return
    assert Address.parse(address.url) == address
    assert is_plain_path(address.path)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("acme", "ID=URL"),
        ("acme=", "ID=URL"),
        ("=https://s.corp/", "ID=URL"),
        ("acme=s.corp", "begins with its scheme"),
        ("acme=https://s.corp/a/../b", "must not have"),
        ("acme=http://s.corp/", "not encrypted"),
        ("acme=http://8.8.8.8/", "not encrypted"),
    ],
)
def test_an_invalid_setting_stops_at_start(value: str, reason: str) -> None:
    """The message says what is wrong, and the remedy names the variable."""
    with pytest.raises(InputError, match=reason) as caught:
        SourceSettings.from_environment({SETTING: value})

    assert SETTING in caught.value.remedy


def test_one_source_may_have_several_addresses() -> None:
    """Pairs with one ID add up, and pairs of other sources do not count."""
    setting = "acme=https://a.corp/, acme=https://b.corp/,other=https://c.corp/"

    assert resolve("https://a.corp/", setting)
    assert resolve("https://b.corp/", setting)
    with pytest.raises(DestinationRefused):
        resolve("https://c.corp/", setting)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("s.corp", "HOST:PORT=FILE"),
        ("s.corp/path={ca}", "not a host"),
        ("https://s.corp={ca}", "not a host"),
        ("s.corp=ca.pem", "not absolute"),
        ("s.corp=/nowhere/ca.pem", "cannot be read"),
        ("s.corp={empty}", "no certificate"),
        ("s.corp={empty},s.corp:443={empty}", "no certificate"),
    ],
)
def test_an_invalid_certificate_setting_stops_at_start(
    tmp_path: Path, value: str, reason: str
) -> None:
    """A file that is missing or has no certificate is reported before anything connects."""
    empty = tmp_path / "empty.pem"
    empty.touch()

    with pytest.raises(InputError, match=reason) as caught:
        SourceSettings.from_environment({CA_SETTING: value.format(empty=empty, ca=empty)})

    assert CA_SETTING in caught.value.remedy


class SelfHosted(Credentials):
    """Credentials with the address of a server."""

    server: ServerAddress


def test_a_form_field_takes_an_address_in_any_form() -> None:
    """It is stored in its normal form; a missing scheme is suggested."""
    parsed = parse_credentials(SelfHosted, {"server": " HTTPS://Surveys.Corp:443/Lime/ "})
    assert parsed.server == "https://surveys.corp/Lime/"

    with pytest.raises(CredentialsInvalid) as caught:
        parse_credentials(SelfHosted, {"server": "surveys.corp:8443/lime"})
    assert caught.value.fields[0].suggestion == "https://surveys.corp:8443/lime"

    with pytest.raises(CredentialsInvalid, match="user or a password"):
        parse_credentials(SelfHosted, {"server": "https://me:secret@surveys.corp/"})
