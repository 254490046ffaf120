"""Settings of the reference host."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from smaply_metrics_core.host import Audience, InputError, Settings

FILES: Final = "files"

PUBLIC_URL_VARIABLE: Final = "SMAPLY_METRICS_HOST_PUBLIC_URL"
ROOT_PATH_VARIABLE: Final = "SMAPLY_METRICS_HOST_ROOT_PATH"
VARIABLES: Final = frozenset({PUBLIC_URL_VARIABLE, ROOT_PATH_VARIABLE})
_ROOT_PATH: Final = re.compile(r"(?:/[A-Za-z0-9._~-]*[A-Za-z0-9_~-])+")
"""One or more segments that need no escaping in URLs, HTML and cookies; none is ``.`` or ``..``."""


@dataclass(frozen=True)
class HostSettings:
    """The settings of the host and of the framework.

    Attributes:
        framework: The settings of the framework; both use the same home.
        public_url: The URL at which browsers reach the host, without a trailing slash. With
            ``https``, cookies are ``Secure``.
        root_path: The path prefix below which a reverse proxy shows the host, without a trailing
            slash; empty for none.
        demo: Whether this is a demo, whose sign-in links need no confirmation.
    """

    framework: Settings
    public_url: str = field(
        metadata={
            "variable": PUBLIC_URL_VARIABLE,
            "meaning": "The public URL of the reference host; `--public-url` takes precedence.",
            "expects": "a URL without a path, such as https://metrics.example.com",
            "default": "the address that it listens on",
        }
    )
    root_path: str = field(
        default="",
        metadata={
            "variable": ROOT_PATH_VARIABLE,
            "meaning": "The path below which a reverse proxy shows the reference host; "
            "`--root-path` takes precedence.",
            "expects": "a path, such as /metrics",
            "default": "the root of the host",
        },
    )
    demo: bool = False

    @property
    def home(self) -> Path:
        """The data folder."""
        return self.framework.home

    @property
    def support(self) -> str:
        """The support contact; empty if none is set."""
        return self.framework.support_contact

    @property
    def https(self) -> bool:
        """Whether browsers use HTTPS."""
        return self.public_url.startswith("https://")

    @property
    def address(self) -> str:
        """The URL of the start page, without a trailing slash: the public URL and the root path."""
        return self.public_url + self.root_path

    def files_of(self, account: str) -> Path:
        """Return the folder of an account's files, which its sources are allowed to read."""
        return self.framework.allowed.folders[account]

    @classmethod
    def from_environment(
        cls,
        home: Path,
        public_url: str,
        environment: Mapping[str, str] | None = None,
        *,
        root_path: str = "",
    ) -> HostSettings:
        """Read the ``SMAPLY_METRICS_…`` variables; each account has its own folder below ``files``.

        An unknown variable is logged as a warning.

        Raises:
            InputError: if a value is not valid; it names the variable and the expected value.
        """
        env = os.environ if environment is None else environment
        framework = Settings.from_environment(home, env, host_variables=VARIABLES)
        folders = FoldersByAccount(home / FILES)
        return cls(
            framework.with_folders(folders), public_url.rstrip("/"), checked_root_path(root_path)
        )


class FoldersByAccount(Mapping[str, Path]):
    """A folder per account below one root, created on first access."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def __getitem__(self, account: str) -> Path:
        folder = self._root / account
        if folder.parent != self._root or account == "..":
            raise KeyError(account)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return folder

    def __iter__(self) -> Iterator[str]:
        return (folder.name for folder in self._root.iterdir())

    def __len__(self) -> int:
        return sum(1 for _ in self._root.iterdir())


def checked_root_path(text: str) -> str:
    """Return a root path without a trailing slash; empty for the root of the host.

    Raises:
        InputError: if it is not a path of letters, digits, hyphens, dots, tildes and underscores.
    """
    root = text.strip().rstrip("/")
    if root and not _ROOT_PATH.fullmatch(root):
        raise InputError(
            "The root path is not valid.",
            remedy="Enter a path that starts with a slash, such as /metrics; use only letters, "
            "digits and the characters - . _ ~ in its segments.",
            audience=Audience.OPERATOR,
        )
    return root
