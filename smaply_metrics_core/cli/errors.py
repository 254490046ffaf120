"""Wrong usage: a command line that cannot be meant as it stands."""

from __future__ import annotations


class CommandLineError(Exception):
    """The command line is wrong: exit code 2, one message and one remedy, nothing was done."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
