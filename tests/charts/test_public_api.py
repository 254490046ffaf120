"""The public names of `smaply_metrics_core.charts` and its imports."""

from __future__ import annotations

import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from smaply_metrics_core import charts
from smaply_metrics_core.charts import browser_bundle, render_svg
from smaply_metrics_core.errors import InputError
from tests.charts.factories import PLAIN, distribution

PAGE = (Path(__file__).parents[2] / "docs" / "charts.md").read_text(encoding="utf-8")


def test_every_public_name_has_a_docstring() -> None:
    """Each public name has a docstring."""
    assert [name for name in charts.__all__ if not getattr(charts, name).__doc__] == []


def test_the_page_has_every_signature() -> None:
    """docs/charts.md has every function with its parameters and their defaults."""
    for name in charts.__all__:
        thing = getattr(charts, name)
        if not inspect.isfunction(thing):
            continue
        parameters = [
            parameter.replace(annotation=inspect.Parameter.empty)
            for parameter in inspect.signature(thing).parameters.values()
        ]
        call = f"`{name}{inspect.Signature(parameters)}`".replace("'", '"')
        assert call in PAGE


def test_the_example_of_the_page_runs() -> None:
    """The documented code creates a specification, a headline and a table."""
    card = SimpleNamespace(result=distribution({"Yes": 60, "No": 40}), display=PLAIN)
    names: dict[str, Any] = {"card": card}

    exec(PAGE.split("```python\n")[1].split("```")[0], names)  # noqa: S102  # Our own page.

    assert names["spec"]["width"] == "container"
    assert len(names["table"].rows) == 2


def test_importing_charts_loads_no_heavy_library() -> None:
    """The import loads neither vl-convert, Polars, the database, HTTP nor encryption libraries."""
    code = "import sys, smaply_metrics_core.charts; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=180
    )

    loaded = set(done.stdout.split())
    assert "smaply_metrics_core.charts" in loaded
    assert loaded & {"vl_convert", "polars", "sqlalchemy", "httpx", "cryptography"} == set()
    assert not any(name.startswith("smaply_metrics_core.host") for name in loaded)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vl-convert, the remedy names the extra to install."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    for draw in (browser_bundle, lambda: render_svg({"description": "not cached"}, 10, 10)):
        with pytest.raises(InputError) as refused:
            draw()
        assert "smaply-metrics-core[charts]" in refused.value.remedy
