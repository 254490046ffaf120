"""Forms put aside for a while: across a job, a redirect, and while a preview is looked at."""

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

KEPT_SECONDS: Final = 3600.0
MOST_KEPT: Final = 2000
"""By all people together; each takes some kilobytes."""
MOST_OF_ONE: Final = 60
"""So that nobody's forms push out those of others."""


@dataclass(frozen=True)
class DraftPreview:
    """What was measured without being saved, and of which definition."""

    source: str
    definition: Definition
    result: Result


@dataclass(frozen=True)
class PutAside:
    """A form as it was.

    Attributes:
        problem: What kept it from going on.
        problems: By field, what does not fit.
        preview: What came of it.
    """

    form: MetricForm
    problem: Problem | None = None
    problems: dict[str, str] = field(default_factory=dict)
    preview: DraftPreview | None = None


class Drafts:
    """The forms that people of this process have put aside, each for an hour.

    Args:
        clock: Says when that is over.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._kept: OrderedDict[str, tuple[float, tuple[str, str], PutAside]] = OrderedDict()

    def put(self, person: Person, aside: PutAside) -> str:
        """Keep a form; gives the id to find it by."""
        now = self._clock.monotonic()
        while self._kept and (len(self._kept) >= MOST_KEPT or self._oldest() <= now - KEPT_SECONDS):
            self._kept.popitem(last=False)
        owner = (person.account, person.id)
        own = [draft for draft, (_, whose, _) in self._kept.items() if whose == owner]
        for oldest in own[: -MOST_OF_ONE + 1]:
            del self._kept[oldest]
        draft = secrets.token_urlsafe(12)
        self._kept[draft] = (now, owner, aside)
        return draft

    def find(self, person: Person, draft: str) -> PutAside:
        """Give a form that this person has put aside.

        Raises:
            NotFound: when they have none of this id, or it was long ago.
        """
        at, owner, aside = self._kept.get(draft, (0.0, ("", ""), PutAside(MetricForm())))
        over = at <= self._clock.monotonic() - KEPT_SECONDS
        if owner != (person.account, person.id) or over:
            raise NotFound("This form is no longer kept.", remedy="Begin it again.")
        return aside

    def preview(self, person: Person, draft: str) -> DraftPreview | None:
        """Give the preview of a form that was put aside; ``None`` when it is not there."""
        try:
            return self.find(person, draft).preview
        except NotFound:
            return None

    def _oldest(self) -> float:
        return next(iter(self._kept.values()))[0]
