"""No text from outside controls a terminal or misleads its reader."""

from __future__ import annotations

import io
import json
import logging
import sys
import unicodedata
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.cli.errors import ExitReporter
from smaply_metrics_core.cli.output import print_json, print_text, show, table, text
from smaply_metrics_core.observability.log_output import LogLevel, logging_to_stderr
from smaply_metrics_core.terminal_text import to_json, visible, visible_lines

FORGED = "Survey\n✓ Signed in\r\x1b[2J\x9b31m\u202etxt.exe\u2066\u200b\u2028\x7f\ud800\U000e0041"


@cache
def unsafe() -> frozenset[str]:
    """Return every character that may not be printed; found on use, among a million."""
    return frozenset(
        character
        for character in map(chr, range(sys.maxunicode + 1))
        if unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )


def is_clean(shown: str) -> bool:
    """Whether a text has no unsafe character but line breaks."""
    return not set(shown) - {"\n"} & unsafe()


@pytest.mark.parametrize("ascii_only", [True, False])
def test_json_has_no_unsafe_character(*, ascii_only: bool) -> None:
    """Every control, bidirectional, invisible and lone character is escaped; the value is equal."""
    every = "".join(sorted(unsafe()))
    value = {every: [every, 'Grüße 😀 \\u202e \\\\ "']}

    written = to_json(value, ascii_only=ascii_only)

    assert is_clean(written)
    written.encode()
    assert json.dumps(json.loads(written)) == json.dumps(value)


@given(st.recursive(st.text() | st.none() | st.integers(), lambda one: st.lists(one, max_size=5)))
def test_json_keeps_every_value(value: object) -> None:
    """Escaping changes no value, and readable characters stay."""
    assert json.loads(to_json(value, ascii_only=False)) == value
    assert "ü😀" in to_json("ü😀", ascii_only=False)


def test_json_of_a_lone_surrogate_can_be_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of a character does not end the command with a Unicode error."""
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding="utf-8"))

    print_json({"name": FORGED})

    assert json.loads(raw.getvalue()) == {"name": FORGED}


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("two\nlines\tand\r\nmore\u2028", "two lines and  more "),
        ("\x1b[31mred\x9b0m", "�[31mred�0m"),
        ("abc\u202edef\u2066", "abc�def�"),
        ("pay\u200bpal\u200d\u00ad\ufeff", "pay�pal���"),
        ("\ud800 \U000e0041 \u3164", "� � �"),
        ("👩\u200d💻 \u0645\u06cc\u200c\u062e é", "👩\u200d💻 \u0645\u06cc\u200c\u062e é"),
        ("", ""),
    ],
)
def test_unsafe_characters_are_replaced_visibly(given_text: str, shown: str) -> None:
    """A reader sees that there was something; emoji and other scripts are not changed."""
    assert visible(given_text) == shown


def test_every_unsafe_character_is_replaced() -> None:
    """No unsafe character of Unicode is printed, alone or between letters."""
    assert [one for one in unsafe() if one in visible(f"a{one}b") and one != " "] == []


def test_people_see_what_a_name_contains(capsys: pytest.CaptureFixture[str]) -> None:
    """A name cannot forge a line, move the cursor or change the direction of a text."""
    made = table("Name")
    made.add_row(text(FORGED))

    print_text(FORGED, text(FORGED, "bold"), indent=2)
    show(made)

    printed = capsys.readouterr().out
    assert is_clean(printed)
    assert "\n✓" not in printed
    assert "�" in printed


def test_the_log_has_one_line_per_message(capsys: pytest.CaptureFixture[str]) -> None:
    """A message with line breaks does not look like several records."""
    with logging_to_stderr(LogLevel.DEBUG):
        logging.getLogger("smaply_metrics_core").info(
            "got %s", FORGED.replace("\ud800", "\nERROR forged")
        )

    printed = capsys.readouterr().err
    assert is_clean(printed)
    (line,) = [line for line in printed.splitlines() if not line.startswith("    ")]
    assert line.endswith("Z INFO smaply_metrics_core: got Survey")


def test_the_log_of_a_worker_is_safe(capsys: pytest.CaptureFixture[str]) -> None:
    """A worker logs messages of the survey tool and of its libraries."""
    message = FORGED.replace("\ud800", "\nINFO forged")
    with logging_to_stderr(LogLevel.INFO):
        logging.getLogger("smaply_metrics_core.host").info("refreshed %s", message)
        logging.getLogger("procrastinate").warning("%s", message)

    printed = capsys.readouterr().err
    assert is_clean(printed)
    assert len([line for line in printed.splitlines() if not line.startswith("    ")]) == 2


def test_a_traceback_is_readable_and_safe(capsys: pytest.CaptureFixture[str]) -> None:
    """With --debug, tracebacks keep their lines."""

    def fail() -> None:
        raise ValueError(FORGED.replace("\ud800", ""))

    ExitReporter(["--debug"]).run(fail)

    printed = capsys.readouterr().err
    assert "\n  File " in printed
    assert is_clean(printed)


def test_lines_are_indented() -> None:
    """The lines after the first are indented."""
    assert visible_lines("a\nb\x07\nc") == "a\n    b�\n    c"
