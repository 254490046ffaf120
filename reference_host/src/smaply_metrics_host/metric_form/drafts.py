"""Drafts: forms stored for a while, across a job, a redirect or a preview."""

from __future__ import annotations

import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from smaply_metrics_core.host import NotFound
from smaply_metrics_host.metric_form.form_data import MetricForm

if TYPE_CHECKING:
    from smaply_metrics_core.host import Clock, Definition, Problem, Result
    from smaply_metrics_host.store.people import Person

EXPIRY_SECONDS: Final = 3600.0
MOST_STORED: Final = 2000
"""Drafts of all people together, a few kilobytes each."""
MOST_OF_ONE: Final = 60
"""Drafts of one person, so that no one evicts the drafts of others."""


@dataclass(frozen=True)
class DraftPreview:
    """The result of a preview, with the definition that it belongs to."""

    source: str
    definition: Definition
    result: Result


@dataclass(frozen=True)
class PutAside:
    """A stored form.

    Attributes:
        problem: The problem of the last action.
        problems: Validation messages by field.
        preview: The last preview.
    """

    form: MetricForm
    problem: Problem | None = None
    problems: dict[str, str] = field(default_factory=dict)
    preview: DraftPreview | None = None


class Drafts:
    """The drafts of this process, each stored for an hour.

    Args:
        clock: The clock for their expiry.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._drafts: OrderedDict[str, tuple[float, tuple[str, str], PutAside]] = OrderedDict()

    def put(self, person: Person, aside: PutAside) -> str:
        """Store a form and return its id."""
        now = self._clock.monotonic()
        while self._drafts and (
            len(self._drafts) >= MOST_STORED or self._oldest() <= now - EXPIRY_SECONDS
        ):
            self._drafts.popitem(last=False)
        owner = (person.account, person.id)
        own = [draft for draft, (_, whose, _) in self._drafts.items() if whose == owner]
        for oldest in own[: -MOST_OF_ONE + 1]:
            del self._drafts[oldest]
        draft = secrets.token_urlsafe(12)
        self._drafts[draft] = (now, owner, aside)
        return draft

    def find(self, person: Person, draft: str) -> PutAside:
        """Return a draft of this person.

        Raises:
            NotFound: The person has no such draft, or it has expired.
        """
        at, owner, aside = self._drafts.get(draft, (0.0, ("", ""), PutAside(MetricForm())))
        over = at <= self._clock.monotonic() - EXPIRY_SECONDS
        if owner != (person.account, person.id) or over:
            raise NotFound("This form has expired.", remedy="Open the form again.")
        return aside

    def preview(self, person: Person, draft: str) -> DraftPreview | None:
        """Return the preview of a draft; ``None`` if there is none."""
        try:
            return self.find(person, draft).preview
        except NotFound:
            return None

    def _oldest(self) -> float:
        return next(iter(self._drafts.values()))[0]
