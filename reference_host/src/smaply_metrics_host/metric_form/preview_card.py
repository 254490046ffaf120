"""The preview in the metric form: a card with the last calculated result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from smaply_metrics_core import charts
from smaply_metrics_host.metric_form.validation import display_of
from smaply_metrics_host.rendering.card_view import CardView

if TYPE_CHECKING:
    from smaply_metrics_core.host import Definition
    from smaply_metrics_host.metric_form.drafts import DraftPreview
    from smaply_metrics_host.metric_form.form_data import MetricForm
    from smaply_metrics_host.rendering.result_renderer import ResultRenderer

UNNAMED = "Untitled metric"


@dataclass(frozen=True)
class PreviewView:
    """A preview in the form.

    Attributes:
        id: The id of its draft.
        outdated: Whether the definition in the form has changed since.
        data_of: When the data was read, in the account's time zone.
    """

    id: str
    card: CardView
    outdated: bool
    data_of: str


def preview_view(
    preview: DraftPreview,
    form: MetricForm,
    definition: Definition | None,
    result_renderer: ResultRenderer,
    zone: str,
) -> PreviewView:
    """Return the preview with the current display settings of the form.

    Args:
        preview: The last result.
        form: The form.
        definition: The current definition; ``None`` while it is incomplete.
        result_renderer: Renders the value.
        zone: The account's time zone.
    """
    display, _ = display_of(form)
    result = preview.result
    card = CardView(
        id="preview-card",
        map="",
        heading=display.heading or form.name or UNNAMED,
        name="",
        subheading=display.subheading,
        rendered=result_renderer.render(result, display, zone),
        as_of=result.as_of,
        svg_url=f"/metrics/drafts/{form.preview}/chart.svg",
    )
    same = (preview.source, preview.definition) == (form.source, definition)
    return PreviewView(form.preview, card, not same, charts.instant_text(result.as_of, zone))
