"""Tests of converting survey texts to plain text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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


@settings(deadline=None)
@given(st.one_of(st.text(), st.text(alphabet="<>!&;/-[]{}$#x0sctyle \n\"'=")))
def test_converting_a_text_never_fails(source: str) -> None:
    """Any text becomes one line without surrounding white space."""
    text = html_to_text(source)
    assert text == text.strip()
    assert "\n" not in text
