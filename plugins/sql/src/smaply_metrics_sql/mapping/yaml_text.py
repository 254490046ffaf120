"""Mappings as YAML: what an Admin writes, and what a proposal prints."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

import yaml
from pydantic import ValidationError

from smaply_metrics_sql.mapping.faults import describe_fault
from smaply_metrics_sql.mapping.model import DatabaseMapping, SurveyMapping

MOST_CHARACTERS: Final = 200_000
MOST_LEVELS: Final = 50


class MappingInvalid(ValueError):
    """A mapping that cannot be read; the message says where and why."""


@lru_cache(maxsize=8)  # Each call reads its mapping twice: for its credentials, and for its work.
def read_mapping(text: str) -> DatabaseMapping:
    """Return the mapping in a text.

    Raises:
        MappingInvalid: when it is not YAML, has anchors, or is not a mapping of surveys.
    """
    if len(text) > MOST_CHARACTERS:
        raise MappingInvalid(f"The mapping has more than {MOST_CHARACTERS:,} characters.")
    try:
        data = yaml.load(text, _MappingLoader)  # noqa: S506  # Derived from SafeLoader.
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise MappingInvalid(
            f"Line {line} of the mapping is not valid YAML. Put texts with special characters in "
            "quotes."
        ) from None
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        if isinstance(error, MappingInvalid):
            raise
        raise MappingInvalid("The mapping is not valid YAML.") from None
    try:
        return DatabaseMapping.model_validate(data)
    except ValidationError as error:
        raise MappingInvalid(describe_fault(text, error)) from None


class _MappingLoader(yaml.SafeLoader):
    """Reads YAML, and raises for what makes reading expensive before it is read.

    An alias repeats what its anchor names, so few characters could become gigabytes. The time for
    nested collections grows with the square of their depth.
    """

    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Return the next node with what is in it."""
        if self.check_event(yaml.AliasEvent):
            raise MappingInvalid("The mapping has an alias (*name); write the value itself.")
        levels = int(self.check_event(yaml.CollectionStartEvent))
        self.depth += levels
        if self.depth > MOST_LEVELS:
            raise MappingInvalid(f"The mapping is nested more than {MOST_LEVELS} levels deep.")
        node = super().compose_node(parent, index)
        self.depth -= levels
        return node


def write_mapping(mapping: DatabaseMapping) -> str:
    """Return a mapping as YAML without the values that are defaults."""
    return f"surveys:\n{''.join(map(survey_lines, mapping.surveys))}"


def survey_lines(survey: SurveyMapping) -> str:
    """Return a survey as an item of the list of surveys."""
    data: Any = survey.model_dump(mode="json", exclude_defaults=True)
    return yaml.safe_dump([data], sort_keys=False, allow_unicode=True, width=100)


def comment_line(text: str) -> str:
    """Return a comment; names in it cannot end its line."""
    line = "".join(letter if letter.isprintable() else " " for letter in text)
    return f"# {line}\n"
