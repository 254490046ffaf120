"""Replaces one survey in the text of a mapping, and leaves the other lines as they are."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Final

import yaml

from smaply_metrics_sql.mapping.model import DatabaseMapping, SurveyMapping
from smaply_metrics_sql.mapping.yaml_text import (
    MappingInvalid,
    read_mapping,
    survey_lines,
    write_mapping,
)

_COMMENT: Final = re.compile(r"(^|\s)#")
_DASH: Final = re.compile(r"( *)-(\s|$)")


@dataclass(frozen=True)
class _SurveyLines:
    """The lines of a survey: from its dash to its last line that is not a comment.

    Attributes:
        first: The first line.
        end: The line after the last one.
        indent: The column of the dash.
    """

    first: int
    end: int
    indent: int


def replace_survey(text: str, survey_id: str, survey: SurveyMapping | None) -> str:
    """Return the text of a mapping with another version of a survey, or without it.

    Comments stay, except those between the lines of the survey. Without any survey, the text is
    empty.

    Args:
        text: The text; empty for none.
        survey_id: The id of the survey; it is added if there is none.
        survey: The new version; ``None`` to remove it.
    """
    before = read_mapping(text).surveys if text.strip() else ()
    after = [survey if one.id == survey_id else one for one in before]
    if survey is not None and survey not in after:
        after.append(survey)
    left = tuple(one for one in after if one is not None)
    if not left:
        return ""
    wanted = DatabaseMapping(surveys=left)
    ids = [one.id for one in before]
    return _with_lines(text, ids, survey_id, survey, wanted) or write_mapping(wanted)


def lost_comments(text: str, survey_id: str) -> str:
    """Return which comments ``replace_survey`` would lose; empty for none."""
    if not _COMMENT.search(text):
        return ""
    mapping = read_mapping(text)
    ids = [one.id for one in mapping.surveys]
    same = mapping.surveys[ids.index(survey_id)]
    if not _with_lines(text, ids, survey_id, same, mapping):
        return "A change here rewrites the whole text, and removes all comments in it."
    found = _lines_of(text, ids, survey_id)
    inside = text.splitlines()[found.first : found.end] if found else []
    if any(_COMMENT.search(line) for line in inside):
        return "A change here rewrites the lines of this survey, and removes the comments in them."
    return ""


def _with_lines(
    text: str,
    ids: list[str],
    survey_id: str,
    survey: SurveyMapping | None,
    wanted: DatabaseMapping,
) -> str:
    """Return the text with other lines for one survey; empty if its layout does not allow it."""
    text = f"{text.rstrip()}\n"
    found = _lines_of(text, ids, survey_id) if ids else None
    if found is None:
        return ""
    lines = text.splitlines()
    new = survey_lines(survey).splitlines() if survey is not None else []
    lines[found.first : found.end] = [" " * found.indent + line for line in new]
    edited = "\n".join(lines) + "\n"
    try:
        return edited if read_mapping(edited) == wanted else ""
    except MappingInvalid:
        return ""


def _lines_of(text: str, ids: list[str], survey_id: str) -> _SurveyLines | None:
    """Return the lines of a survey, or the end of the list for a new one.

    ``None`` if the surveys are in brackets.
    """
    root: Any = yaml.compose(text, yaml.SafeLoader)
    found: Any = next(value for key, value in root.value if key.value == "surveys")
    lines = text.splitlines()
    starts = [_dash(lines, one.start_mark.line) for one in found.value]
    if found.flow_style or len(starts) != len(ids) or None in starts:
        return None
    known = [one for one in starts if one is not None]
    known.append(min(found.end_mark.line, len(lines)))
    place = ids.index(survey_id) if survey_id in ids else len(ids)
    first, end = known[place], known[min(place + 1, len(ids))]
    while end > first + 1 and _is_outside(lines[end - 1]):
        end -= 1
    return _SurveyLines(first, end, len(lines[known[0]]) - len(lines[known[0]].lstrip()))


def _dash(lines: list[str], line: int) -> int | None:
    """Return the line of the dash before an item; ``None`` without one."""
    return next((one for one in range(line, -1, -1) if _DASH.match(lines[one])), None)


def _is_outside(line: str) -> bool:
    """Whether a line after a survey belongs to what follows: a comment, or nothing."""
    return not line.strip() or line.lstrip().startswith("#")
