"""The metric form offers weights where the source and the calculation allow them."""

from __future__ import annotations

from smaply_metrics_core.host.metrics.form_models import MetricDraft
from smaply_metrics_core.host.metrics.form_options import metric_options
from smaply_metrics_core.models.query import Calculation, MetricType, Weight
from tests.calculations.test_weight_models import SURVEY

DRAFT = MetricDraft(
    type=MetricType.NUMBER,
    question_id="nps",
    calculation=Calculation.NPS,
    weight=Weight(kind="question", of="size"),
)


def test_fields_and_numeric_questions_are_offered() -> None:
    """The choice is kept."""
    options = metric_options(SURVEY, DRAFT)
    assert [one.value for one in options.weights] == ["field:w", "question:nps", "question:size"]
    assert options.draft.weight == DRAFT.weight


def test_other_calculations_and_sources_have_no_weights() -> None:
    """The choice is cleared."""
    sums = DRAFT.model_copy(update={"calculation": Calculation.SUM})
    without = SURVEY.model_copy(update={"can_weight": False})
    for options in (metric_options(SURVEY, sums), metric_options(without, DRAFT)):
        assert options.weights == ()
        assert options.draft.weight is None
