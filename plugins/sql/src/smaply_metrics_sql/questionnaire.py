"""The questionnaire of a mapped survey; choices that are not mapped are read from the data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, TypeVar

from sqlalchemy import Select, select

from smaply_metrics_core import (
    CalculationRefused,
    Choice,
    EmbeddedField,
    Question,
    QuestionKind,
    Questionnaire,
    Survey,
)
from smaply_metrics_core.calculations import allowed_calculations, key_number
from smaply_metrics_sql.counting.answers import key_text
from smaply_metrics_sql.counting.relation import Catalog, Relation, columns_of
from smaply_metrics_sql.databases.database import ColumnType, SqlDatabase
from smaply_metrics_sql.mapping.model import (
    MOST_CHOICES,
    AnswerType,
    MappedQuestion,
    SurveyMapping,
)

V = TypeVar("V")

MOST_FOUND: Final = 200
"""The maximum number of different values that become choices; more are free text."""

_KINDS: Final = {
    AnswerType.NPS: QuestionKind.NPS,
    AnswerType.SCALE: QuestionKind.SINGLE_CHOICE,
    AnswerType.CHOICE: QuestionKind.SINGLE_CHOICE,
    AnswerType.MULTIPLE: QuestionKind.MULTIPLE_CHOICE,
    AnswerType.NUMBER: QuestionKind.NUMBER,
    AnswerType.TEXT: QuestionKind.TEXT,
}
_NPS: Final = tuple(Choice(key=str(one), label=str(one), value=one) for one in range(11))
_WITH_CHOICES: Final = {AnswerType.SCALE, AnswerType.CHOICE, AnswerType.MULTIPLE}


class QuestionnaireReader:
    """Reads questionnaires from a database.

    Args:
        database: The database.
        catalog: Its tables.

    Attributes:
        found: How many choices each question has whose choices were read from the responses.
    """

    def __init__(self, database: SqlDatabase, catalog: Catalog) -> None:
        self._database = database
        self._catalog = catalog
        self.found: dict[str, int] = {}

    def read(self, mapping: SurveyMapping, only: set[str] | None = None) -> Questionnaire:
        """Return the questionnaire of a survey.

        Args:
            mapping: The survey.
            only: The ids of the questions whose choices are needed; ``None`` for all.

        Raises:
            MetricsError: when a table or column does not exist, or the database fails.
        """
        questions, notes = [], []
        for mapped in mapping.questions:
            if only is not None and mapped.question_id not in only:
                continue
            question, note = self._question(mapping, mapped)
            questions.append(question)
            notes += [note] if note else []
        return Questionnaire(
            survey=survey_of(mapping),
            questions=tuple(questions),
            fields=tuple(
                EmbeddedField(name=one.field_name, label=one.label) for one in mapping.fields
            ),
            notes=tuple(notes),
            can_weight=True,
        )

    def _question(self, mapping: SurveyMapping, mapped: MappedQuestion) -> tuple[Question, str]:
        kind, note = _KINDS[mapped.type], ""
        choices = self._choices(mapping, mapped)
        if mapped.type in _WITH_CHOICES and len(choices) > MOST_FOUND:
            note = (
                f"“{mapped.question_id}” has more than {MOST_FOUND} different answers, so it is "
                "read as free text. Map its choices to count them."
            )
            kind, choices = QuestionKind.TEXT, ()
        question = Question(
            id=mapped.question_id,
            name=mapped.column,
            text=mapped.text or mapped.question_id,
            kind=kind,
            choices=choices,
            calculations=allowed_calculations(kind, choices),
            can_group_by=kind in {QuestionKind.NPS, QuestionKind.SINGLE_CHOICE},
            note=note,
        )
        return question, note

    def _choices(self, mapping: SurveyMapping, mapped: MappedQuestion) -> tuple[Choice, ...]:
        if mapped.type not in _WITH_CHOICES:
            return _NPS if mapped.type is AnswerType.NPS and not mapped.choices else _given(mapped)
        if mapped.choices:
            return _given(mapped)
        labels = self._labels(mapped)
        keys = [*labels] if labels else self._distinct(mapping, mapped)
        if not labels:
            self.found[mapped.question_id] = len(keys)
        return tuple(
            Choice(key=key, label=labels.get(key) or key, value=_value(key, mapped.type))
            for key in keys
        )

    def _labels(self, mapped: MappedQuestion) -> dict[str, str]:
        """Return the labels of the values of a question from its label table, in its order."""
        if mapped.labels is None:
            return {}
        found = self._catalog.table(mapped.labels.table)
        relation = columns_of(found, mapped.labels.key, mapped.labels.label)
        rows = self._database.rows(select(*relation).limit(MOST_CHOICES + 1))
        if len(rows) > MOST_CHOICES:
            raise CalculationRefused(
                f"The table “{mapped.labels.table}” has more than {MOST_CHOICES:,} labels.",
                remedy="Map a table or view with the labels of this question alone.",
            )
        pairs = [(key_text(key), key_text(label)) for key, label in rows]
        return _in_order({key: label or key for key, label in pairs if key is not None})

    def _distinct(self, mapping: SurveyMapping, mapped: MappedQuestion) -> list[str]:
        """Return the different answers; for several answers in one text, they are taken apart."""
        relation = Relation(self._database, mapping, self._catalog, {})
        several = mapped.type is AnswerType.MULTIPLE and not mapped.delimiter
        if mapped.child is not None or (several and mapping.answers is not None):
            return self._keys(relation.given_values(mapped.question_id))
        cell = relation.answer(mapped.question_id)
        value = cell.filled()
        if mapped.type is AnswerType.MULTIPLE and cell.type is ColumnType.ARRAY:
            value = self._database.elements(cell.column)
        values = self._keys(select(value.label("v")).select_from(relation.source))
        if not mapped.delimiter:
            return values
        parts = (part.strip() for value in values for part in value.split(mapped.delimiter))
        return [*_in_order(dict.fromkeys(part for part in parts if part))]

    def _keys(self, values: Select[Any]) -> list[str]:
        rows = self._database.rows(values.distinct().limit(MOST_FOUND + 2))
        keys = (key_text(found) for (found,) in rows)
        return [*_in_order(dict.fromkeys(key for key in keys if key))]


def survey_of(mapping: SurveyMapping) -> Survey:
    """Return the entry of a survey in a list."""
    return Survey(id=mapping.id, name=mapping.name or mapping.id)


def _given(mapped: MappedQuestion) -> tuple[Choice, ...]:
    return tuple(
        Choice(
            key=one.key,
            label=one.label or one.key,
            value=one.value if one.value is not None else _value(one.key, mapped.type),
            analyze=one.counts,
        )
        for one in mapped.choices
    )


def _value(key: str, kind: AnswerType) -> float | None:
    """Return the number of a choice that has none in the mapping: its key, on a scale."""
    if kind not in {AnswerType.SCALE, AnswerType.NPS}:
        return None
    number = key_number(key)
    return None if number is None else float(number)


def _in_order(keys: Mapping[str, V]) -> dict[str, V]:
    """Return the keys ascending: numbers by their value, then texts."""
    numbers = {key: key_number(key) for key in keys}
    return {
        key: keys[key]
        for key in sorted(keys, key=lambda key: (numbers[key] is None, numbers[key] or 0, key))
    }
