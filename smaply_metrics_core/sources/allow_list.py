"""The allow-list of destinations, checked before a source receives credentials."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from smaply_metrics_core.errors import DestinationRefused
from smaply_metrics_core.models.address import HTTPS_PORT, Address
from smaply_metrics_core.models.problem import Audience
from smaply_metrics_core.models.source import Destination
from smaply_metrics_core.sources.allowed_addresses import ADDRESSES

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label of a public name is never a number, which excludes all forms of IP addresses.
_HOST = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_PRIVATE = re.compile(
    r"(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|home\.arpa)"
)
_SETTING = re.compile(r"SMAPLY_[A-Z0-9_]{1,100}")
_LOOPBACK = re.compile(r"(?:\[(?P<v6>[0-9a-f:]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class AllowedDestinations:
    """The destinations that the operator allows.

    Attributes:
        hosts: Patterns such as ``*.qualtrics.com`` by source id; hosts of the source must match
            one. Sources without patterns may connect to every public host.
        addresses: Further addresses that a source may connect to, by source id: each with its port,
            its path and what is below it, or its fixed query.
        ca_files: By ``host`` or ``host:port``, the file with the only certificate authorities that
            are trusted there.
        folders: For each account, the folder that its sources may read.
        environment: The environment variables that allow loopback destinations.
        store: The folder or file of the store, which sources may not read.
    """

    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    addresses: Mapping[str, Sequence[Address]] = field(default_factory=dict)
    ca_files: Mapping[str, Path] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    store: Path | None = None

    def resolve(
        self, destinations: Sequence[Destination], account: str, *, source: str
    ) -> tuple[Destination, ...]:
        """Return the destinations if all are allowed, with symbolic links in folders resolved.

        Raises:
            DestinationRefused: for the first destination that is not allowed.
        """
        return tuple(self._checked(one, account, source) for one in destinations)

    def _checked(self, destination: Destination, account: str, source: str) -> Destination:
        given = {"host": destination.host, "address": destination.address}
        given["folder"] = "" if destination.folder is None else str(destination.folder)
        others = [kind for kind, value in given.items() if value and kind != destination.kind]
        if destination.setting and destination.kind != "host":
            others.append("setting")
        if others or (not given[destination.kind] and destination.kind != "host"):
            raise DestinationRefused(
                f"The source returned a destination of the kind “{destination.kind}” with "
                f"{' and '.join(others) or 'nothing'}.",
                remedy="Report this to the author of the source.",
                audience=Audience.OPERATOR,
            )
        if destination.kind == "host":
            return self._host(destination, source)
        if destination.kind == "address":
            return self._address(destination, source)
        return self._folder(destination, destination.folder or Path(), account)

    def _host(self, destination: Destination, source: str) -> Destination:
        if destination.setting:
            return self._loopback(destination)
        host = destination.host.lower()
        if not _is_public(host):
            raise DestinationRefused(
                f"“{destination.host}” is not a public host name.",
                remedy="Enter only a public host name, such as api.example.com, without scheme, "
                "port or path.",
            )
        if not self._is_allowed_host(host, source):
            patterns = self.hosts[source]
            raise DestinationRefused(
                f"The operator does not allow the host “{host}” for this source.",
                remedy=f"Enter a host that matches {' or '.join(patterns)}, or ask the operator to "
                "allow this one."
                if patterns
                else "Ask the operator to allow this host; no host is allowed for this source.",
            )
        return destination.model_copy(update={"host": host})

    def _address(self, destination: Destination, source: str) -> Destination:
        try:
            address = Address.parse(destination.address)
        except ValueError as error:
            raise DestinationRefused(
                f"The address is not valid. {error}.",
                remedy="Correct the address.",
            ) from None
        allowed = any(known.covers(address) for known in self.addresses.get(source, ()))
        # Requests to a public host over HTTPS need no setting, and a path only narrows them.
        if not allowed and address.scheme == "https" and address.port == HTTPS_PORT:
            allowed = self._is_allowed_host(address.host, source)
        if not allowed:
            raise DestinationRefused(
                f"The operator does not allow the address {address.url} for this source.",
                remedy=f"Correct the address, or ask the operator to add {source}={address.url} to "
                f"{ADDRESSES} and to restart.",
            )
        return destination.model_copy(update={"address": address.url})

    def _is_allowed_host(self, host: str, source: str) -> bool:
        patterns = self.hosts.get(source)
        return _is_public(host) and (
            patterns is None or any(fnmatchcase(host, p.lower()) for p in patterns)
        )

    def _loopback(self, destination: Destination) -> Destination:
        setting = destination.setting
        if _SETTING.fullmatch(setting) is None:
            raise DestinationRefused(
                f"The source allows a local host by “{setting}”, which does not begin with "
                "SMAPLY_.",
                remedy="Report this to the author of the source.",
                audience=Audience.OPERATOR,
            )
        match = _LOOPBACK.fullmatch(destination.host)
        if match is None or not _is_loopback(match):
            raise DestinationRefused(
                f"“{destination.host}” is not a loopback address with a port.",
                remedy="Enter an address such as 127.0.0.1:8080.",
            )
        if self.environment.get(setting) != destination.host:
            raise DestinationRefused(
                f"The operator does not allow the local host “{destination.host}”.",
                remedy="Enter a public host name; to allow a sandbox, the operator sets "
                f"{setting}={destination.host} and restarts.",
            )
        return destination

    def _folder(self, destination: Destination, wanted: Path, account: str) -> Destination:
        allowed = self.folders.get(account)
        if allowed is None:
            raise DestinationRefused(
                "No folder is configured for the files of this account.",
                remedy="Ask the operator to configure a folder for this account.",
                audience=Audience.OPERATOR,
            )
        root, folder = _resolved(allowed), _resolved(allowed / wanted)
        if root is None or not _is_folder(root):
            raise DestinationRefused(
                "The folder that is configured for this account does not exist.",
                remedy="Ask the operator to create the folder or to configure another one.",
                audience=Audience.OPERATOR,
            )
        # The same message whether it exists or not, to reveal nothing about other folders.
        if folder is None or not folder.is_relative_to(root):
            raise DestinationRefused(
                f"“{wanted}” is outside the folder of this account.",
                remedy="Enter the relative path of a folder inside it, without links to outside.",
            )
        if not _is_folder(folder):
            raise DestinationRefused(
                f"There is no folder “{wanted}” in the folder of this account.",
                remedy="Correct the name, or create the folder and put the files there.",
            )
        store = None if self.store is None else _resolved(self.store)
        if self.store is not None and (
            store is None or store.is_relative_to(folder) or folder.is_relative_to(store)
        ):
            raise DestinationRefused(
                f"The folder “{wanted}” overlaps the store of Smaply Metrics.",
                remedy="Enter a folder that does not contain the store and is not inside it.",
            )
        return destination.model_copy(update={"folder": folder})


def _is_public(host: str) -> bool:
    return _HOST.fullmatch(host) is not None and _PRIVATE.fullmatch(host) is None


def _is_loopback(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match["v6"] or match["v4"])
    except ValueError:
        return False
    return address.is_loopback and 0 < int(match["port"]) < 65536  # noqa: PLR2004  # Ports.


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # A loop of links, or a NUL character.
        return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # No permission.
        return False
