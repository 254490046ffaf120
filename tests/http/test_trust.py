"""The certificate authorities of the machine, which the routes of a process share."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import certifi
import pytest

from smaply_metrics_core.errors import InputError
from smaply_metrics_core.http.origin import Origin, open_route
from smaply_metrics_core.http.trust import trust_machine

NAMES = ("SSL_CERT_FILE", "SSL_CERT_DIR")


@pytest.fixture(autouse=True)
def named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A file with authorities that the environment names."""
    for name in NAMES:
        monkeypatch.delenv(name, raising=False)
    file = Path(shutil.copyfile(certifi.where(), tmp_path / "ca.pem"))
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    return file


def test_the_routes_of_a_process_share_the_authorities() -> None:
    """They are loaded once, except for a route that adds a client certificate."""
    assert trust_machine(shared=True) is trust_machine(shared=True)
    assert trust_machine(shared=False) is not trust_machine(shared=True)


def test_a_replaced_file_is_loaded_again(named: Path) -> None:
    """A renewed file needs no restart."""
    before = trust_machine(shared=True)
    one = named.read_text().partition("-----END CERTIFICATE-----")[0]
    named.write_text(f"{one}-----END CERTIFICATE-----\n")
    os.utime(named, (0, 0))

    after = trust_machine(shared=True)

    assert len(before.get_ca_certs()) > len(after.get_ca_certs()) == 1


def test_the_environment_may_name_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a file, the authorities are those of the package certifi."""
    one = trust_machine(shared=True)
    monkeypatch.delenv("SSL_CERT_FILE")

    assert trust_machine(shared=True) is not one


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(
    ("text", "reason"), [(None, "cannot be read"), ("no PEM", "has no certificate in PEM format")]
)
def test_an_unusable_file_is_reported(
    named: Path, text: str | None, reason: str, *, shared: bool
) -> None:
    """The error is the end of a sentence about the file, for shared authorities and others."""
    named.write_text(text) if text else named.unlink()

    with pytest.raises(ValueError, match=reason):
        trust_machine(shared=shared)


def test_a_request_says_which_setting_to_correct(named: Path) -> None:
    """Operators read the name of the variable; the request fails before anything is sent."""
    named.unlink()

    with pytest.raises(InputError, match="authorities of the machine cannot be read") as caught:
        open_route(Origin("https", "surveys.example", 443))

    assert caught.value.remedy == "Restore the file that SSL_CERT_FILE names."
