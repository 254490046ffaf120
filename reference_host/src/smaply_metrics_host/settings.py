"""What the operator of this host decides."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from smaply_metrics_core.host import Settings

FILES: Final = "files"

PUBLIC_URL_VARIABLE: Final = "SMAPLY_METRICS_HOST_PUBLIC_URL"


@dataclass(frozen=True)
class HostSettings:
    """Everything that an operator sets.

    Attributes:
        framework: The settings of the framework below; its home is the host's too.
        public_url: Where browsers find the host, without a slash at the end. Its scheme decides
            whether cookies are sent over HTTPS alone.
    """

    framework: Settings
    public_url: str = field(
        metadata={
            "variable": PUBLIC_URL_VARIABLE,
            "meaning": "Where browsers find the reference host; `--public-url` takes precedence.",
            "expects": "a URL without a path, as in https://metrics.example.com",
            "default": "the address that it listens on",
        }
    )

    @property
    def home(self) -> Path:
        """The folder of everything that is kept."""
        return self.framework.home

    @property
    def support(self) -> str:
        """Whom people may ask; empty when nobody was named."""
        return self.framework.support_contact

    @property
    def https(self) -> bool:
        """Whether browsers come over HTTPS."""
        return self.public_url.startswith("https://")

    def files_of(self, account: str) -> Path:
        """Give the folder that an account's files lie in, and its sources may read below."""
        return self.framework.allowed.folders[account]

    @classmethod
    def from_environment(
        cls, home: Path, public_url: str, environment: Mapping[str, str] | None = None
    ) -> HostSettings:
        """Read the ``SMAPLY_METRICS_…`` variables; each account has its own folder below ``files``.

        A variable that neither the framework nor this host reads is logged as a warning.

        Raises:
            InputError: when a value is not valid; it names the variable and what to write.
        """
        env = os.environ if environment is None else environment
        framework = Settings.from_environment(home, env, host_variables={PUBLIC_URL_VARIABLE})
        folders = FoldersByAccount(home / FILES)
        return cls(framework.with_folders(folders), public_url.rstrip("/"))


class FoldersByAccount(Mapping[str, Path]):
    """For every account a folder of its own below one root, made when it is first asked for."""

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
