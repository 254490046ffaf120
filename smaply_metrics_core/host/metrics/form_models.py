"""A metric's form: what is chosen so far, and what each of its lists may offer."""

from __future__ import annotations

from smaply_metrics_core.errors import QueryInvalid
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.query import (
    Calculation,
    DateRange,
    Definition,
    ExclusionReason,
    Filter,
    GroupBy,
    MetricType,
)


class MetricDraft(Frozen):
    """A metric's definition while it is made: as ``Definition``, with parts not chosen yet."""

    type: MetricType | None = None
    question_id: str | None = None
    calculation: Calculation | None = None
    answers: tuple[str, ...] = ()
    group_by: GroupBy | None = None
    range: DateRange | None = None
    filters: tuple[Filter, ...] = ()
    include: frozenset[ExclusionReason] = frozenset()
    reverse_scale: bool = False

    @classmethod
    def of(cls, definition: Definition) -> MetricDraft:
        """Take up what a metric measures, to change it."""
        return cls.model_validate({name: getattr(definition, name) for name in cls.model_fields})

    def definition(self, survey_id: str) -> Definition:
        """Make the definition; whether its parts go together is checked when it is used.

        Raises:
            QueryInvalid: when the calculation is not chosen yet.
        """
        if self.calculation is None:
            raise QueryInvalid("The calculation is missing.", remedy="Choose a calculation.")
        chosen = {name: value for name, value in dict(self).items() if value is not None}
        return Definition.model_validate({"survey_id": survey_id, **chosen})


class FormOption(Frozen):
    """One entry of a list.

    Attributes:
        value: What the draft then holds, as text.
        label: What people read.
        help: What it means, where that needs saying.
        refused: Why it cannot be chosen; empty when it can.
        rows: The rows of a question such as a matrix.
    """

    value: str
    label: str
    help: str = ""
    refused: str = ""
    rows: tuple[FormOption, ...] = ()


class MetricOptions(Frozen):
    """What each list of a metric's form may offer.

    The lists stand in the order of the form, and each is narrowed by what is chosen in those
    before it; so what comes later never keeps anybody from changing their mind.

    Attributes:
        draft: What was chosen, without the parts that do not go with those before them.
        types: Every type.
        questions: Every question with its rows; the first, with an empty value, is none.
        group_bys: What a Series may be split by, in the written form of ``GroupBy``; nothing else.
        calculations: Every calculation.
        answers: The question's answers, where the calculation asks for some.
        typed_answers: The calculation asks for answers, and they are numbers that people type.
        ranges: Every named range, and ``custom``.
        reversible: The scale may be taken the other way round.
    """

    draft: MetricDraft
    types: tuple[FormOption, ...]
    questions: tuple[FormOption, ...]
    group_bys: tuple[FormOption, ...]
    calculations: tuple[FormOption, ...]
    answers: tuple[FormOption, ...]
    typed_answers: bool
    ranges: tuple[FormOption, ...]
    reversible: bool
