"""Tests of converting survey texts to plain text."""

from __future__ import annotations

import subprocess
import sys
from types import FrameType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smaply_metrics_core.input_limits import html_text as core_html_text
from smaply_metrics_qualtrics import html_text
from smaply_metrics_qualtrics.html_text import html_to_text


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("Plain text", "Plain text"),
        ("<b>Bold</b> and <i>more</i>", "Bold and more"),
        ("one<br>two<br/>three<div>four</div>five", "one two three four five"),
        ("un<b>believ</b>able", "unbelievable"),
        ("Fish &amp; Chips&nbsp;&lt;3&#33;", "Fish & Chips <3!"),
        ("a<script>if (a < b) alert('x')</script>b", "ab"),
        ("a<style>p { color: red }</style>b", "ab"),
        ('<video src="x"><source src="y"/></video>Seen', "Seen"),
        ("<video src='x'>Your browser shows no videos.</video>Seen", "Seen"),
        ("<iframe src='x'>No frames?</iframe> Seen <svg><title>t</title></svg>", "Seen"),
        ("<video src='x'>Never ended", "Never ended"),
        ("Hi ${e://Field/${q://QID1/ChoiceGroup}}!", "Hi […]!"),
        ("3 < 4 and 5 > 4", "3 < 4 and 5 > 4"),
        ("Hello ${e://Field/Name}, rate ${q://QID1/ChoiceGroup}!", "Hello […], rate […]!"),
        ("<span>${lm://Field/1}</span>", "[…]"),
        ("${a{b}c} ${d} {${e}} ${f", "${a{b}c} […] {[…]} ${f"),
        ("${a${b}${c}} }", "[…] }"),
        ("a<!-- > <b> -->b<!-->c<!DOCTYPE html><?xml?>d</ >e", "abcde"),
        ("a<!-- never ended", "a"),
        ("<b title='1 > 2'>a</b> <i title=Don't>b</i> <u title=\"x>c</u>", "a b c"),
        ("a <b", "a <b"),
        ("1 <2, 3 <é, 4 </ 5", "1 <2, 3 <é, 4 </ 5"),
        ("a<script>b</scripts>c</script>d<style/>e", "ade"),
        ("a<svg>b<video>c</svg>d</video>e", "ade"),
        ("a<title>b</title>c<title>d", "ac"),
        ("&#" + "1" * 5000 + ";", "&#" + "1" * 5000 + ";"),
        ("<script>hidden", ""),
        (" \n\t ", ""),
        (5, "5"),
        (None, ""),
        ([], ""),
        ({"a": 1}, ""),
    ],
)
def test_html_becomes_one_line_of_text(source: object, text: str) -> None:
    """Tags and scripts are removed, entities are decoded, and piped text is marked."""
    assert html_to_text(source) == text


@given(st.one_of(st.text(), st.text(alphabet="<>!&;/-[]{}$#x0sctyle \n\"'=")))
def test_converting_a_text_never_fails(source: str) -> None:
    """Any text becomes one line without surrounding white space."""
    text = html_to_text(source)
    assert text == text.strip()
    assert "\n" not in text


UNITS = ["<", "<a ", "<!--", "</", "</a ", "<![CDATA[", "<?", "&", "&#1", "<a b='", "<a b=\"'"]
UNITS += ["${", "<svg>", "<script>", "<svg></script>", "<title>", "='", "<a b=>", "${a}{", "<br"]
ENDS = ["", '>"']
MODULES = {html_text.__file__, core_html_text.__file__}


@pytest.mark.parametrize("end", [*ENDS, "}" * 200, "</svg>" * 200])
@pytest.mark.parametrize("unit", UNITS)
def test_the_steps_grow_with_the_length_of_the_text(unit: str, end: str) -> None:
    """A text that is eight times as long takes at most eight times as many lines of code."""
    assert _steps(unit * 400 + end * 4) <= 8 * _steps(unit * 50 + end) + 100


def _steps(text: str) -> int:
    """Return the number of lines of the modules that run to convert a text."""
    lines = 0

    def trace(frame: FrameType, event: str, _: object) -> object:
        nonlocal lines
        lines += event == "line"
        return trace if frame.f_code.co_filename in MODULES else None

    before = sys.gettrace()
    sys.settrace(trace)  # type: ignore[arg-type]  # As the documentation of Python describes it.
    try:
        html_to_text(text)
    finally:
        sys.settrace(before)
    return lines


def test_patterns_do_not_search_a_text_again_and_again() -> None:
    """A text of 100 kB takes 0.1 s of CPU time; a quadratic search takes 2 to 50 s."""
    code = f"""
import time
from smaply_metrics_qualtrics.html_text import html_to_text
texts = [unit * (100_000 // len(unit)) + end for unit in {UNITS!r} for end in {ENDS!r}]
for text in (*texts, "${{" * 50_000 + "}}" * 50_000):
    began = time.process_time()
    html_to_text(text)
    assert time.process_time() - began < 1, text[:20]
"""
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)
