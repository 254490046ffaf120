"""Where credentials may lead: the operator's word, checked before a source sees any network."""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from smaply_metrics_core.errors import DestinationRefused
from smaply_metrics_core.models.source import Destination

_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
# The last label of a public name is never a number, so no spelling of an IP address passes.
_HOST = re.compile(rf"(?=.{{4,253}}\Z)(?:{_LABEL}\.)+(?:[a-z]{{2,63}}|xn--[a-z0-9-]{{1,59}})")
_PRIVATE = re.compile(
    r"(?:.*\.)?(?:localhost|local|localdomain|internal|intranet|private|lan|home|corp|home\.arpa)"
)
_SETTING = re.compile(r"SMAPLY_[A-Z0-9_]{1,100}")
_LOOPBACK = re.compile(r"(?:\[(?P<v6>[0-9a-f:]+)\]|(?P<v4>[0-9.]+)):(?P<port>[0-9]{1,5})")


@dataclass(frozen=True)
class AllowedDestinations:
    """What the operator allows.

    Attributes:
        hosts: For a source's id, patterns such as ``*.qualtrics.com``; its hosts must match one.
            A source that is not named may reach every public host.
        folders: For an account, the folder that its sources may read below.
        environment: Where a loopback destination's setting is looked up.
        store: The framework's own store, a folder or a file, which no source may read.
    """

    hosts: Mapping[str, Sequence[str]] = field(default_factory=dict)
    folders: Mapping[str, Path] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)
    store: Path | None = None

    def resolve(
        self, destinations: Sequence[Destination], account: str, *, source: str
    ) -> tuple[Destination, ...]:
        """Check where a source's credentials lead; gives folders with every link resolved.

        Raises:
            DestinationRefused: for the first one that is not allowed; says who can do what.
        """
        return tuple(
            self._host(one, source) if one.kind == "host" else self._folder(one, account)
            for one in destinations
        )

    def _host(self, destination: Destination, source: str) -> Destination:
        if destination.folder is not None:
            raise DestinationRefused(
                "A destination that is a host names a folder as well.",
                remedy="Tell the author of the source: one destination is one host or one folder.",
            )
        if destination.setting:
            return self._loopback(destination)
        host = destination.host.lower()
        if _HOST.fullmatch(host) is None or _PRIVATE.fullmatch(host) is not None:
            raise DestinationRefused(
                f"“{destination.host}” is not a public host name.",
                remedy="Enter the host name alone, such as api.example.com: no scheme, port "
                "or path, no IP address, and no name of an internal network.",
            )
        patterns = self.hosts.get(source)
        if patterns is not None and not any(fnmatchcase(host, p.lower()) for p in patterns):
            raise DestinationRefused(
                f"“{host}” is not among the hosts that are allowed for this source.",
                remedy=f"Use a host that matches {', '.join(patterns) or 'nothing (none is)'}, or "
                "ask the operator to allow this one.",
            )
        return destination.model_copy(update={"host": host})

    def _loopback(self, destination: Destination) -> Destination:
        setting = destination.setting
        if _SETTING.fullmatch(setting) is None:
            raise DestinationRefused(
                f"“{setting}” cannot allow a host on this machine.",
                remedy="Tell the author of the source: the environment variable for that has to "
                "begin with SMAPLY_.",
            )
        match = _LOOPBACK.fullmatch(destination.host)
        if match is None or not _is_loopback(match):
            raise DestinationRefused(
                f"“{destination.host}” is not a loopback address with a port.",
                remedy="Write it as 127.0.0.1:8080.",
            )
        if self.environment.get(setting) != destination.host:
            raise DestinationRefused(
                f"“{destination.host}” is not allowed here.",
                remedy=f"If it is a sandbox of yours, set {setting}={destination.host} and start "
                "again; otherwise enter the public host.",
            )
        return destination

    def _folder(self, destination: Destination, account: str) -> Destination:
        if destination.folder is None or destination.host or destination.setting:
            raise DestinationRefused(
                "A destination that is a folder names none, or a host as well.",
                remedy="Tell the author of the source: one destination is one host or one folder.",
            )
        allowed = self.folders.get(account)
        if allowed is None:
            raise DestinationRefused(
                "No folder is set from which this account may read.",
                remedy="Ask the operator to name one for the account.",
            )
        root, folder = _resolved(allowed), _resolved(allowed / destination.folder)
        if root is None or not _is_folder(root):
            raise DestinationRefused(
                "The folder that is set for this account is not there.",
                remedy="Ask the operator to make it, or to name another one.",
            )
        # Said alike whether it exists or not: what lies outside is nobody's business.
        if folder is None or not folder.is_relative_to(root):
            raise DestinationRefused(
                f"“{destination.folder}” lies outside the folder that is set for this account.",
                remedy="Name a folder below it, as a relative path; links out of it do not count.",
            )
        if not _is_folder(folder):
            raise DestinationRefused(
                f"There is no folder “{destination.folder}” below the one set for this account.",
                remedy="Make it and put the files there, or correct its name.",
            )
        store = None if self.store is None else _resolved(self.store)
        if self.store is not None and (
            store is None or store.is_relative_to(folder) or folder.is_relative_to(store)
        ):
            raise DestinationRefused(
                f"“{destination.folder}” touches the framework's own store.",
                remedy="Name a folder that neither holds the store nor lies in it.",
            )
        return destination.model_copy(update={"folder": folder})


def _is_loopback(match: re.Match[str]) -> bool:
    try:
        address = ipaddress.ip_address(match["v6"] or match["v4"])
    except ValueError:
        return False
    return address.is_loopback and 0 < int(match["port"]) < 65536  # noqa: PLR2004  # Ports.


def _resolved(path: Path) -> Path | None:
    try:
        return path.resolve()
    except (OSError, RuntimeError, ValueError):  # A loop of links; a NUL character.
        return None


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # Nobody may look there.
        return False
