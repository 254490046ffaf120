"""The list of licences."""

from __future__ import annotations

from reference_host.tests.deploy.licences import table


def test_each_component_has_a_line_and_unknown_licences_are_named() -> None:
    """Expressions, SPDX IDs and names are read; a component without any of them is reported."""
    lines, unknown = table(
        [
            {"name": "c", "version": "3"},
            {"name": "a", "version": "1", "licenses": [{"license": {"id": "MIT"}}]},
            {"name": "b", "version": "2", "licenses": [{"expression": "MIT OR Apache-2.0"}]},
            {"name": "d", "version": "4", "licenses": [{"license": {"name": "BSD License"}}]},
        ]
    )

    assert lines == ["a 1: MIT", "b 2: MIT OR Apache-2.0", "c 3: unknown", "d 4: BSD License"]
    assert unknown == ["c"]
