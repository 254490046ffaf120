"""What forms hold."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.datastructures import FormData


def texts(form: FormData) -> dict[str, str]:
    """Give what was entered by field, files left out; of a field sent twice the last."""
    return {name: value for name, value in form.items() if isinstance(value, str)}
