"""The models of the metric form: the draft, and the options of each list."""

from __future__ import annotations

from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import (
    Calculation,
    ComparedPeriod,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
    Weight,
)


class MetricDraft(Frozen):
    """The definition of a metric while it is edited: a ``Definition`` with optional parts."""

    type: MetricType | None = None
    question_id: str | None = None
    calculation: Calculation | None = None
    answers: tuple[str, ...] = ()
    group_by: GroupBy | None = None
    range: DateRange | None = None
    filters: tuple[Filter, ...] = ()
    include: frozenset[ExclusionReason] = frozenset()
    reverse_scale: bool = False
    weight: Weight | None = None
    top_answers: tuple[str, ...] = ()
    bottom_answers: tuple[str, ...] = ()
    compare_with: ComparedPeriod = ComparedPeriod.PREVIOUS_PERIOD
    rolling: int | None = None
    compare_groups: bool = False

    @classmethod
    def of(cls, definition: Definition) -> MetricDraft:
        """Return the draft of an existing definition."""
        return cls.model_validate({name: getattr(definition, name) for name in cls.model_fields})

    def definition(self, survey_id: str) -> Definition:
        """Return the definition; whether its parts are compatible is checked when it is used.

        Raises:
            QueryInvalid: when no calculation is chosen.
        """
        if self.calculation is None:
            raise QueryInvalid("The calculation is missing.", remedy="Choose a calculation.")
        chosen = {name: value for name, value in dict(self).items() if value is not None}
        return Definition.model_validate({"survey_id": survey_id, **chosen})


class FormOption(Frozen):
    """One option of a list.

    Attributes:
        value: The value in the draft, as text.
        label: The text that people read.
        help: An explanation; may be empty.
        refused: Why it cannot be chosen; empty when it can.
        rows: The rows of a question such as a matrix.
    """

    value: str
    label: str
    help: str = ""
    refused: str = ""
    rows: tuple[FormOption, ...] = ()


class MetricOptions(Frozen):
    """The options of each list of the metric form.

    The lists are in the order of the form. Each is narrowed by the choices in the lists before it,
    never by those after it, so every choice can be changed.

    Attributes:
        draft: The draft, without the parts that are not compatible with the ones before them.
        types: Every type.
        questions: Every question with its rows; the first option, with an empty value, is none.
        group_bys: The valid group-bys of a Series, in the text form of ``GroupBy``.
        calculations: Every calculation.
        answers: The answers of the question, if the calculation requires some.
        typed_answers: Whether the calculation requires answers that are numbers typed by people.
        two_sides: Whether the calculation requires top and bottom answers instead of answers.
        comparable: Whether the groups can be compared with an earlier period.
        ranges: Every named range, and ``custom``.
        reversible: Whether the scale can be reversed.
        weights: What the responses can be weighted by, in the text form of ``Weight``; empty if the
            calculation or the source does not allow weights.
    """

    draft: MetricDraft
    types: tuple[FormOption, ...]
    questions: tuple[FormOption, ...]
    group_bys: tuple[FormOption, ...]
    calculations: tuple[FormOption, ...]
    answers: tuple[FormOption, ...]
    typed_answers: bool
    two_sides: bool
    comparable: bool
    ranges: tuple[FormOption, ...]
    reversible: bool
    weights: tuple[FormOption, ...]
