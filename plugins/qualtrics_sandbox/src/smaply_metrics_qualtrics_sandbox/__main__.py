"""The command `python -m smaply_metrics_qualtrics_sandbox`."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import NoReturn

from smaply_metrics_qualtrics_sandbox.errors import SandboxError
from smaply_metrics_qualtrics_sandbox.generator.survey_files import generate
from smaply_metrics_qualtrics_sandbox.server import SandboxServer

WRONG_USAGE = 2
_SIGNAL_SECONDS = 0.5


class _Parser(argparse.ArgumentParser):
    """A parser that prints errors as one line, without the usage."""

    def error(self, message: str) -> NoReturn:
        self.exit(WRONG_USAGE, f"error: {message}\n")


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until it is interrupted.

    Args:
        arguments: The command line arguments; by default those of the process.

    Returns:
        The exit status 0. Invalid arguments or surveys exit the process with status 2.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    if (options.surveys is None) == (not options.generate):
        parser.error("give either --surveys DIR or --generate")
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    if options.stop_at_eof:
        threading.Thread(target=_wait_for_eof, args=(stop,), daemon=True).start()
    with tempfile.TemporaryDirectory(prefix="qualtrics-sandbox-") as scratch:
        folder = options.surveys or Path(scratch)
        try:
            if options.generate:
                generate(folder, seed=options.seed, until=options.until or _today())
            with SandboxServer(
                folder, token=options.token, port=options.port, page_size=options.page_size
            ) as server:
                print(server.host, flush=True)  # noqa: T201 - the line that callers wait for
                # A signal that comes just before the wait, or to another thread, does not end it.
                while not stop.wait(_SIGNAL_SECONDS):
                    pass
        except SandboxError as error:
            parser.error(str(error))
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m smaply_metrics_qualtrics_sandbox",
        description="A fake Qualtrics API v3 server on 127.0.0.1. Prints host:port when ready.",
    )
    parser.add_argument(
        "--surveys",
        type=Path,
        metavar="DIR",
        help="folder of NAME/survey.qsf (or survey.json) and NAME/responses.csv",
    )
    parser.add_argument("--generate", action="store_true", help="serve generated surveys")
    parser.add_argument("--seed", type=int, default=1, help="seed of generated surveys (1)")
    parser.add_argument(
        "--until", type=_moment, metavar="ISO", help="end date of generated surveys (today, 0:00)"
    )
    parser.add_argument("--port", type=int, default=0, help="port; 0 chooses a free port (0)")
    parser.add_argument("--token", required=True, help="the valid token")
    parser.add_argument("--page-size", type=int, default=100, help="surveys per page (100)")
    parser.add_argument(
        "--stop-at-eof",
        action="store_true",
        help="stop when standard input ends, as when the process that holds its pipe is killed",
    )
    return parser


def _wait_for_eof(stop: threading.Event) -> None:
    # Not sys.stdin: a thread that waits in its buffer makes Python abort at exit.
    while os.read(0, 4096):
        pass
    stop.set()


def _today() -> datetime:
    """Return the start of the day, so that a seed generates the same data all day."""
    return datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{text!r} is not an ISO date") from error
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


if __name__ == "__main__":
    sys.exit(main())
