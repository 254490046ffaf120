"""Two people who edit the same name, text or card: the second one learns what was saved first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import EditConflict, FieldProblem

if TYPE_CHECKING:
    from smaply_metrics_core.host import Display

WAS: Final = "was"
"""The name of the field with the version that an edit is based on."""
_SHOWN: Final = 200


class TextConflict(EditConflict):
    """Another user saved another name or text first.

    Attributes:
        saved: The saved version.
    """

    def __init__(self, saved: str) -> None:
        super().__init__(
            "Another user changed this text.",
            remedy="Reload the page to see their version, then enter yours again.",
            fields=(_now(WAS, saved),),
        )
        self.saved = saved


class DisplayConflict(EditConflict):
    """Another user saved other display settings of a card first.

    Attributes:
        saved: The saved display settings.
    """

    def __init__(self, was: Display, saved: Display) -> None:
        before, after = was.model_dump(mode="json"), saved.model_dump(mode="json")
        super().__init__(
            "Another user changed the display settings of this card.",
            remedy="Reload the page to see their version, then enter yours again.",
            fields=tuple(
                _now(f"{WAS}.{name}", "" if value is None else str(value))
                for name, value in after.items()
                if value != before[name]
            ),
        )
        self.saved = saved


def check_unchanged(was: str | None, saved: str, own: str) -> None:
    """Check that no other user changed a name or text since a form showed it.

    Args:
        was: What the form showed; ``None`` to overwrite.
        saved: The current value.
        own: The new value.

    Raises:
        TextConflict: if it was changed, to something else than the new value.
    """
    if was is not None and plain_lines(was) != saved != own:
        raise TextConflict(saved)


def check_display_unchanged(was: Display | None, saved: Display, own: Display) -> None:
    """Check that no other user changed the display settings of a card since a form showed them.

    Args:
        was: What the form showed; ``None`` to overwrite.
        saved: The current settings.
        own: The new settings.

    Raises:
        DisplayConflict: if they were changed, to something else than the new ones.
    """
    if was is not None and was != saved != own:
        raise DisplayConflict(was, saved)


def plain_lines(text: str) -> str:
    """Return a text without surrounding space and without the carriage returns of forms."""
    return text.strip().replace("\r\n", "\n")


def _now(name: str, saved: str) -> FieldProblem:
    """Return what a field has now; the whole value is the one to base the next edit on."""
    shown = saved if len(saved) <= _SHOWN else f"{saved[:_SHOWN]}…"
    message = f"It is now “{shown}”." if saved else "It is now empty."
    return FieldProblem(name=name, message=message, suggestion=saved)
