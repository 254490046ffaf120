"""Secrets are taken out of texts."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from hypothesis import given, settings
from hypothesis import strategies as st

from smaply_metrics_core.redaction import HIDDEN, Redactor

SECRET = 'k3y"with/odd+signs&ü'
secrets = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40)


@settings(deadline=None)
@given(secret=secrets, before=st.text(max_size=20), after=st.text(max_size=20))
def test_no_text_keeps_a_secret(secret: str, before: str, after: str) -> None:
    """Whatever stands around it, a secret is found, and gone from the cleaned text."""
    redactor = Redactor([secret])

    text = before + secret + after

    assert redactor.contains_secret(text)
    assert secret not in redactor.redact(text)


def test_the_rest_of_a_text_stays() -> None:
    """Dots stand in place of the secret, and what is around it can be read."""
    assert Redactor([SECRET]).redact(f"GET ?key={SECRET} failed") == f"GET ?key={HIDDEN} failed"


def test_a_text_with_a_secret_in_disguise_is_dropped() -> None:
    """Percent-encoded, escaped or in base64, the secret takes the whole text with it."""
    redactor = Redactor([SECRET])

    for form in (quote(SECRET, safe=""), json.dumps(SECRET), base64.b64encode(SECRET.encode())):
        text = form if isinstance(form, str) else form.decode()
        assert redactor.contains_secret(f"it said {text}!")
        assert redactor.redact(f"it said {text}!") == ""


def test_a_secret_within_another_leaves_nothing_behind() -> None:
    """The longer of two secrets goes first, so that no end of it stays."""
    assert Redactor(["abcdef", "abcdefghij"]).redact("abcdefghij") == HIDDEN


def test_a_short_secret_counts_as_a_word() -> None:
    """A very short secret is found where it stands alone, not inside words."""
    redactor = Redactor(["db"])

    assert redactor.redact("the password db is wrong") == ""
    assert redactor.redact("feedback and dbase") == "feedback and dbase"


def test_without_secrets_texts_stay_as_they_are() -> None:
    """An empty secret hides nothing."""
    redactor = Redactor(["", ""])

    assert not redactor.contains_secret("anything")
    assert redactor.redact("anything") == "anything"


def test_a_line_is_short_and_single() -> None:
    """A text for a message has one line of bounded length."""
    assert Redactor().redact_line(" one\n\n two\t") == "one two"
    assert len(Redactor().redact_line("long " * 1000)) == 300


def test_a_scrubber_does_not_show_what_it_knows() -> None:
    """Printing it tells no secret."""
    assert SECRET not in repr(Redactor([SECRET]))
