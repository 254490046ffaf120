"""Paths of values in bodies."""

from __future__ import annotations

import pytest

from smaply_metrics_core.testing import Redaction
from smaply_metrics_core.testing.recording.body_paths import BodyPath, Location, Part, path_text

QUERY = Part.QUERY


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("$", ()),
        ("result", ("result",)),
        ("params[1]", ("params", 1)),
        ("[0].name", (0, "name")),
        ("responses[*].email", ("responses", 17, "email")),
        ("people.*.email", ("people", "ann", "email")),
        ('data["a.b [c]"].d', ("data", "a.b [c]", "d")),
        ('["\\"quoted\\""]', ('"quoted"',)),
        ("grüße", ("grüße",)),
        ("@odata.context", ("@odata", "context")),
        ("?token", (QUERY, "token")),
        ('?["a.b"]', (QUERY, "a.b")),
    ],
)
def test_a_path_matches_a_location(path: str, location: Location) -> None:
    """Names, indexes, wildcards, quoted names, parameters of the query and the whole body."""
    assert BodyPath(path).matches(location)


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("params[1]", ("params", 0)),
        ("params[1]", ("params", "1")),
        ("result", ()),
        ("result", ("result", "key")),
        ("result", ("Result",)),
        ("*.email", (QUERY, "email")),
        ("token", (QUERY, "token")),
        ("?token", ("token",)),
    ],
)
def test_a_path_matches_no_other_location(path: str, location: Location) -> None:
    """The whole location must match, and the query is apart from the body."""
    assert not BodyPath(path).matches(location)


@pytest.mark.parametrize(
    "path", ["", "?", ".", "a.", ".a", "a..b", "a[", "a[]", "a[-1]", "a[x]", "a b[", "$.a", "[0]x"]
)
def test_an_invalid_path_is_rejected(path: str) -> None:
    """A mistyped path would hide nothing."""
    with pytest.raises(ValueError, match="is not a path"):
        Redaction(response=(path,))


def test_paths_are_a_tuple() -> None:
    """One text instead of a tuple is rejected, and so is a redaction without a path."""
    with pytest.raises(TypeError, match="a tuple of texts"):
        Redaction(request="params[1]")  # type: ignore[arg-type]  # The mistake.
    with pytest.raises(ValueError, match="needs a path"):
        Redaction("login")


@pytest.mark.parametrize(
    "location",
    [(), ("a",), ("a", 3, "b c"), (QUERY, "t"), (QUERY, "a.b"), ("a.b", '"'), (0, "$"), ("?x",)],
)
def test_a_location_is_written_as_its_path(location: Location) -> None:
    """The text of a location is a path that matches it."""
    assert BodyPath(path_text(location)).matches(location)
