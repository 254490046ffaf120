"""Secrets are redacted in texts."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from smaply_metrics_core.redaction import HIDDEN, Redactor

SECRET = 'k3y"with/odd+signs&ü'
secrets = st.text(st.characters(codec="utf-8"), min_size=6, max_size=40)


@given(secret=secrets, before=st.text(max_size=20), after=st.text(max_size=20))
def test_a_secret_is_redacted_in_any_text(secret: str, before: str, after: str) -> None:
    """A secret is found in any context, and the redacted text does not contain it."""
    redactor = Redactor([secret])

    text = before + secret + after

    assert redactor.contains_secret(text)
    assert secret not in redactor.redact(text)


def test_only_the_secret_is_replaced() -> None:
    """The secret is replaced with dots; the text around it is not changed."""
    assert Redactor([SECRET]).redact(f"GET ?key={SECRET} failed") == f"GET ?key={HIDDEN} failed"


def test_a_word_with_an_encoded_secret_is_replaced() -> None:
    """A percent-encoded, escaped or base64-encoded secret is replaced with the word around it."""
    redactor = Redactor([SECRET])

    for form in (quote(SECRET, safe=""), json.dumps(SECRET), base64.b64encode(SECRET.encode())):
        text = form if isinstance(form, str) else form.decode()
        assert redactor.redact(f"it said {text}! And more.") == f"it said {HIDDEN} And more."


def test_a_text_with_a_secret_across_words_is_replaced() -> None:
    """If the encoding contains white space, nothing of the text is shown."""
    text = SECRET.encode().hex(" ")

    assert Redactor([SECRET]).redact(f"it said {text}!") == HIDDEN


def test_the_case_of_a_secret_does_not_matter() -> None:
    """A host name is in lower case, whatever the server wrote."""
    redactor = Redactor(["AbCdEf123456"])

    assert redactor.redact("redirects to abcdef123456.example") == (
        f"redirects to {HIDDEN}.example"
    )


def test_a_secret_can_be_added_later() -> None:
    """A session key is hidden from the moment it is known."""
    redactor = Redactor()
    assert redactor.redact("session 8f14e45f") == "session 8f14e45f"

    redactor.add(SecretStr("8f14e45f"), "", SecretStr("8f14e45f"))

    assert redactor.redact("session 8f14e45f") == f"session {HIDDEN}"


def test_a_redactor_can_include_another() -> None:
    """A debug bundle is searched for the secrets of the session that wrote it."""
    redactor, other = Redactor(), Redactor(["8f14e45f"])
    redactor.add(*other.secrets)

    assert redactor.redact("session 8F14E45F") == f"session {HIDDEN}"


def test_texts_are_searched_separately() -> None:
    """The end of one text and the start of the next are not a secret."""
    assert not Redactor(["customer experience 2026"]).contains_secret("Customer", "experience 2026")


def test_a_secret_that_contains_another_is_redacted_completely() -> None:
    """The longer of two secrets is replaced first, so that no part of it remains."""
    assert Redactor(["abcdef", "abcdefghij"]).redact("abcdefghij") == HIDDEN


def test_a_short_secret_is_redacted_as_a_word() -> None:
    """A short secret is found as a whole word, not inside other words."""
    redactor = Redactor(["db"])

    assert redactor.redact("the password db is wrong") == f"the password {HIDDEN} is wrong"
    assert redactor.redact("feedback and dbase") == "feedback and dbase"


def test_without_secrets_texts_are_not_changed() -> None:
    """An empty secret is ignored."""
    redactor = Redactor(["", ""])

    assert not redactor.contains_secret("anything")
    assert redactor.redact("anything") == "anything"


def test_a_line_is_single_and_short() -> None:
    """A redacted line has no line breaks and a maximum length."""
    assert Redactor().redact_line(" one\n\n two\t") == "one two"
    assert len(Redactor().redact_line("long " * 1000)) == 300


def test_the_repr_of_a_redactor_has_no_secret() -> None:
    """The repr does not contain the secrets."""
    assert SECRET not in repr(Redactor([SECRET]))


class CountedSearches(Redactor):
    """A redactor that counts how many characters it searches."""

    searched = 0

    def contains_secret(self, *texts: str) -> bool:
        """Search texts as a redactor does."""
        self.searched += sum(map(len, texts))
        return super().contains_secret(*texts)


def test_a_long_text_is_not_searched_word_by_word() -> None:
    """A survey tool may repeat an encoded secret in an error of a million words."""
    redactor = CountedSearches([SECRET])
    text = "a " * 200_000 + base64.b64encode(SECRET.encode()).decode()

    assert redactor.redact(text) == HIDDEN
    assert redactor.searched == len(text)
