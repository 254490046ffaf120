"""The base of the subject classes, with the author's facts and the lab."""

from __future__ import annotations

from typing import ClassVar

from smaply_metrics_core.testing.assertions import expect
from smaply_metrics_core.testing.suite.facts import ContractFacts
from smaply_metrics_core.testing.suite.lab import Lab


class ContractSubject(ContractFacts):
    """Contract tests about one subject. A subject class contains only tests."""

    _lab: ClassVar[Lab | None] = None

    @property
    def lab(self) -> Lab:
        """The lab of the class; a subclass has its own, because its facts may differ.

        Raises:
            AssertionError: if it was set to the lab of another class.
        """
        cls = type(self)
        lab: Lab | None = vars(cls).get("_lab")
        if lab is None:
            lab = cls._lab = Lab(cls())
        expect(
            type(lab.facts) is cls,
            f"{cls.__name__} uses the lab of {type(lab.facts).__name__}.",
            "remove `_lab`; the suite creates the lab from the facts of the class",
        )
        return lab
