"""The columns of a survey: how the internal names and the headings of an export belong together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple

from smaply_metrics_limesurvey.html_text import html_to_text

ID: Final = "id"
SUBMITTED: Final = "submitdate"
LAST_ACTION: Final = "datestamp"
"""Only in surveys with date stamps."""

PERSONAL: Final = frozenset({"ipaddr", "refurl", "token"})
"""Never requested: who a respondent is, and from which page they came."""

_ALWAYS: Final = {"", "1", "None"}
"""Expressions that do not decide anything; ``None`` stands for a missing one."""


class Column(NamedTuple):
    """One column of a survey.

    Attributes:
        name: The internal name, by which it is requested.
        heading: The heading in an export with codes, unique in a survey.
        question: The id of the question; 0 for a column about the response.
        code: The code within the question, such as that of a row; empty if there is one column.
        label: The text of the row or item, as plain text.
        scale: The text of the column or scale of an array with two dimensions, as plain text.
        routing: The digest of the expressions that decide whether its question is shown; empty if
            it always is.
        row_routing: The same of its row alone.
    """

    name: str
    heading: str
    question: int
    code: str
    label: str
    scale: str
    routing: str
    row_routing: str

    @property
    def conditional(self) -> bool:
        """Whether an expression decides if it is shown."""
        return bool(self.routing or self.row_routing)


def read_columns(field_map: Mapping[str, Mapping[str, Any]]) -> list[Column]:
    """Return the columns of a field map, without those that are personal.

    An export loses one of two columns with one heading, such as that of a question with the code
    ``id``: columns of questions are omitted if their heading is not unique.
    """
    found = [_column(name, one) for name, one in field_map.items() if name not in PERSONAL]
    times = Counter(one.heading for one in found)
    return [one for one in found if times[one.heading] == 1 or not one.question]


def _column(name: str, found: Mapping[str, Any]) -> Column:
    code = str(found.get("aid") or "")
    heading = str(found.get("title") or name)
    if code:
        heading = f"{heading}[{code}]"
    if found.get("type") == "1":  # A dual scale: the two columns of a row have one code.
        heading = f"{heading}[{as_int(found.get('scale_id')) + 1}]"
    return Column(
        name=name,
        heading=heading,
        question=as_int(found.get("qid")),
        code=code,
        label=html_to_text(found.get("subquestion1") or found.get("subquestion")),
        scale=html_to_text(found.get("subquestion2") or found.get("scale")),
        routing=_routing(found.get("grelevance"), found.get("relevance")),
        row_routing=_routing(found.get("SQrelevance")),
    )


def _routing(*expressions: object) -> str:
    """Return the digest of expressions without spaces; empty if a question is always shown.

    Routings are stored, and an expression may name a participant: ``TOKEN:EMAIL == "…"``.
    """
    texts = ["".join(str(one).split()) for one in expressions]
    rules = ["" if text in _ALWAYS else text for text in texts]
    return sha256(json.dumps(rules).encode()).hexdigest() if any(rules) else ""


def as_int(value: object) -> int:
    """Return a whole number, which some versions send as text; 0 if it is none."""
    try:
        return int(str(value))
    except ValueError:
        return 0
