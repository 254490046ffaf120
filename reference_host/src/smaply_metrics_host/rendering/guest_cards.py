"""Cards as guests with a share link read them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.charts import entered_text
from smaply_metrics_host.rendering.card_view import NOTHING_TO_COUNT_TITLE, Notice

if TYPE_CHECKING:
    from smaply_metrics_host.rendering.card_view import CardView
    from smaply_metrics_host.rendering.result_renderer import RenderedResult

_NOTHING_TO_COUNT: Final = "No response in this date range counts."
_OLD_VALUE: Final = "The last update failed. The card shows the value from before."
_NO_VALUE: Final = "There is no value yet."
_GONE: Final = "This value is no longer available."
_OWN_STATUSES: Final = {"", "refreshing", "update due", "update failed", "not updated"}


def guest_card(card: CardView) -> CardView:
    """Return a card with nothing of the account but its value.

    The names of the metric and of its connection, past updates, problems and remedies are about the
    account; so are downloads, which have addresses of their own, who entered values, and notes of
    the source, which may name surveys and people.
    """
    return replace(
        card,
        map="",
        guest=True,
        rendered=card.rendered and _guest_result(card.rendered),
        name="",
        connection="",
        attempts=(),
        missing=_GONE if card.gone else card.missing,
        status=card.status if card.status in _OWN_STATUSES else "not updated",
        notice=None if card.notice is None else _guest_notice(card, card.notice),
    )


def _guest_result(rendered: RenderedResult) -> RenderedResult:
    result = rendered.result
    hidden = result.notes if result.source_notes is None else result.source_notes
    entered = rendered.entered and entered_text(result, rendered.zone, names=False)
    told = tuple(one for one in rendered.told if one not in hidden)
    return replace(rendered, told=told, entered=entered)


def _guest_notice(card: CardView, notice: Notice) -> Notice:
    if notice.title == NOTHING_TO_COUNT_TITLE:
        return Notice(notice.tone, notice.title, _NOTHING_TO_COUNT)
    return Notice(notice.tone, "Not updated", _OLD_VALUE if card.rendered else _NO_VALUE)
