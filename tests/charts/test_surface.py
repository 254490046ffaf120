"""What `smaply_metrics_core.charts` offers, and what it costs to import."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import pytest

from smaply_metrics_core import charts
from smaply_metrics_core.charts import browser_bundle, svg
from smaply_metrics_core.errors import InputError


def test_all_public_names_are_listed_sorted() -> None:
    """`__all__` holds every public name, sorted as the linter sorts it."""
    public = {
        name
        for name, value in vars(charts).items()
        if not name.startswith("_") and not isinstance(value, ModuleType)
    }

    assert public == set(charts.__all__)
    constants = [name for name in charts.__all__ if name.isupper()]
    classes = [name for name in charts.__all__ if name[0].isupper() and not name.isupper()]
    functions = [name for name in charts.__all__ if name[0].islower()]
    assert charts.__all__ == [*sorted(constants), *sorted(classes), *sorted(functions)]


def test_every_public_function_says_what_it_does() -> None:
    """Each name has a docstring, but the table of themes."""
    assert [name for name in charts.__all__ if not getattr(charts, name).__doc__] == []


def test_importing_charts_loads_nothing_heavy() -> None:
    """Words, tables and specifications come without vl-convert, Polars, database or HTTP."""
    code = "import sys, smaply_metrics_core.charts; print(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )

    loaded = set(done.stdout.split())
    assert "smaply_metrics_core.charts" in loaded
    assert loaded & {"vl_convert", "polars", "sqlalchemy", "httpx", "cryptography"} == set()
    assert not any(name.startswith("smaply_metrics_core.host") for name in loaded)


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without vl-convert drawing says what to install."""
    monkeypatch.setitem(sys.modules, "vl_convert", None)

    for draw in (browser_bundle, lambda: svg({"description": "never drawn before"}, 10, 10)):
        with pytest.raises(InputError) as refused:
            draw()
        assert "smaply-metrics-core[charts]" in refused.value.remedy
