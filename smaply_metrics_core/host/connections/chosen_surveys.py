"""The surveys of a connection that an Admin has chosen for metrics."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Final

from smaply_metrics_core.errors import EditConflict, InputError, MetricsError
from smaply_metrics_core.host.authorization import Actor, Role
from smaply_metrics_core.host.metrics.survey_catalog import SurveyCatalog
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import audit
from smaply_metrics_core.host.store import chosen_surveys as rows
from smaply_metrics_core.host.store import connections as connection_rows
from smaply_metrics_core.host.store.audit import AuditAction
from smaply_metrics_core.host.store.connections import ConnectionRow
from smaply_metrics_core.host.store.dialect import row_not_found
from smaply_metrics_core.models.base import Frozen
from smaply_metrics_core.models.problem import Problem
from smaply_metrics_core.models.survey import Survey

MOST_CHOSEN: Final = 5_000
"""The maximum number of chosen surveys of a connection."""

MOST_NAMED: Final = 20
"""The maximum number of surveys that an entry of the audit trail names."""


class SurveyOption(Frozen):
    """A survey that an Admin may choose.

    Attributes:
        name: Its name; the one when it was chosen if the survey tool no longer lists it.
        chosen: Whether it is chosen; ``False`` for all surveys of an unrestricted connection.
        listed: Whether the survey tool lists it; ``None`` if the tool could not be read.
        metrics: The number of metrics that use it.
    """

    id: str
    name: str
    chosen: bool
    listed: bool | None
    metrics: int


class SurveyChoice(Frozen):
    """The surveys of a connection, and which of them an Admin has chosen.

    Attributes:
        connection_id: The connection.
        version: Incremented by each change, to detect conflicting edits.
        restricted: Whether metrics may use the chosen surveys only, instead of all.
        surveys: The surveys that the survey tool lists, the most recently modified one first; then
            those that it does not list, but that are chosen or used by metrics.
        problem: Why the survey tool could not be read; ``None`` if it was.
    """

    connection_id: str
    version: int
    restricted: bool
    surveys: tuple[SurveyOption, ...]
    problem: Problem | None = None

    def stopped_by(self, survey_ids: Collection[str] | None) -> tuple[SurveyOption, ...]:
        """Return the surveys whose metrics another choice would stop; ``None`` allows all."""
        if survey_ids is None:
            return ()
        wanted = frozenset(survey_ids)
        return tuple(
            one
            for one in self.surveys
            if one.metrics and (one.chosen or not self.restricted) and one.id not in wanted
        )


class ChosenSurveys:
    """Restricts connections to chosen surveys.

    Editors are offered only the chosen surveys. Metrics of other surveys keep their last value and
    are not refreshed until their survey is chosen again.
    """

    def __init__(self, runtime: Runtime, catalog: SurveyCatalog) -> None:
        self._runtime = runtime
        self._catalog = catalog

    def show(self, actor: Actor, connection_id: str, *, reload: bool = False) -> SurveyChoice:
        """Return the surveys of a connection, and which of them are chosen.

        If the survey tool cannot be read, the chosen surveys are returned with the problem.

        Args:
            actor: An Admin.
            connection_id: The connection; see ``Connections.show``.
            reload: Whether to ignore the cached list of surveys.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when there is no such connection.
        """
        actor.require(Role.ADMIN, "Choosing the surveys of a connection")
        connection = self._runtime.find_connection(actor.account, connection_id)
        with self._runtime.store.reading() as db:
            row = connection_rows.find(db, actor.account, connection.id)
            chosen = rows.of_connection(db, row)
            used = rows.count_metrics(db, row)
        listed: tuple[Survey, ...] = ()
        problem = None
        try:
            listed = self._list(actor, row, reload=reload)
        except MetricsError as error:
            problem = error.to_problem()
        return SurveyChoice(
            connection_id=row.id,
            version=row.choice_version,
            restricted=chosen is not None,
            surveys=tuple(_options(listed, chosen or {}, used, readable=problem is None)),
            problem=problem,
        )

    def edit(
        self,
        actor: Actor,
        connection_id: str,
        survey_ids: Iterable[str] | None,
        *,
        version: int | None = None,
    ) -> int:
        """Restrict a connection to chosen surveys, or allow all of them.

        A refresh of another survey that is already running ends; none is started after this.
        Metrics of surveys that are chosen again are refreshed on the next load.

        Args:
            actor: An Admin.
            connection_id: The connection; see ``Connections.show``.
            survey_ids: The surveys, at least one; all surveys when ``None``. Each must be listed by
                the survey tool, already chosen, or used by a metric.
            version: The version that the edit is based on; the current one by default.

        Returns:
            The new version.

        Raises:
            RoleRequired: when the actor is not an Admin.
            NotFound: when there is no such connection or survey.
            InputError: when no survey is chosen, or too many are.
            EditConflict: when the choice has a newer version; nothing was saved.
            MetricsError: when the survey tool has to list a new survey, but cannot be read.
        """
        actor.require(Role.ADMIN, "Choosing the surveys of a connection")
        connection = self._runtime.find_connection(actor.account, connection_id)
        with self._runtime.store.reading() as db:
            row = connection_rows.find(db, actor.account, connection.id)
            before = rows.of_connection(db, row)
            used = rows.count_metrics(db, row)
        if version is not None and version != row.choice_version:
            raise _conflict()
        chosen = None if survey_ids is None else self._named(actor, row, survey_ids, before, used)
        with self._runtime.store.writing() as db:
            if not rows.lock(db, row):
                raise _conflict()
            rows.replace(db, row, chosen)
            # Their last attempts may be recent, but the next load must refresh them.
            rows.drop_attempts(db, row, _chosen_again(used, before, chosen))
            audit.add_entry(
                db, actor, AuditAction.CHOOSE_SURVEYS, row.id, _detail(chosen), self._runtime.now()
            )
        return row.choice_version + 1

    def _named(
        self,
        actor: Actor,
        row: ConnectionRow,
        survey_ids: Iterable[str],
        before: Mapping[str, str] | None,
        used: Collection[str],
    ) -> dict[str, str]:
        """Return the names of the surveys to choose, by id."""
        wanted = dict.fromkeys(survey_ids)
        if not wanted:
            raise InputError(
                "No survey is chosen.", remedy="Choose at least one survey, or allow all surveys."
            )
        if len(wanted) > MOST_CHOSEN:
            raise InputError(
                f"{len(wanted):,} surveys are chosen.",
                remedy=f"Choose at most {MOST_CHOSEN:,} surveys, or allow all surveys.",
            )
        names = dict(before or {})
        if not wanted.keys() <= names.keys():
            names = {one: one for one in used} | names
            names |= {survey.id: survey.name for survey in self._list(actor, row)}
        for survey_id in wanted:
            if survey_id not in names:
                raise row_not_found(
                    "survey", survey_id, "Choose surveys that the connection can access."
                )
        return {survey_id: names[survey_id] for survey_id in wanted}

    def _list(
        self, actor: Actor, row: ConnectionRow, *, reload: bool = False
    ) -> tuple[Survey, ...]:
        page = self._catalog.surveys(actor, row.id, limit=None, reload=reload, all_surveys=True)
        return page.surveys


def _options(
    listed: Iterable[Survey],
    chosen: Mapping[str, str],
    used: Mapping[str, int],
    *,
    readable: bool,
) -> Iterator[SurveyOption]:
    """Yield the surveys that are listed, and then those that are not."""
    names = {survey.id: survey.name for survey in listed}
    others = {survey_id: chosen.get(survey_id, survey_id) for survey_id in (*chosen, *used)}
    for survey_id in names:
        others.pop(survey_id, None)
    unlisted = sorted(others.items(), key=lambda one: (one[1].casefold(), one[0]))
    for survey_id, name in (*names.items(), *unlisted):
        yield SurveyOption(
            id=survey_id,
            name=name,
            chosen=survey_id in chosen,
            listed=survey_id in names if readable else None,
            metrics=used.get(survey_id, 0),
        )


def _chosen_again(
    used: Iterable[str], before: Mapping[str, str] | None, after: Mapping[str, str] | None
) -> list[str]:
    """Return the surveys of metrics that were not chosen before, and are now."""
    if before is None:
        return []
    return [one for one in used if one not in before and (after is None or one in after)]


def _detail(chosen: Mapping[str, str] | None) -> str:
    """Return what an entry of the audit trail says about a choice."""
    if chosen is None:
        return "all surveys"
    count = "1 survey" if len(chosen) == 1 else f"{len(chosen):,} surveys"
    more = len(chosen) - MOST_NAMED
    named = ", ".join([*chosen][:MOST_NAMED])
    return f"{count}: {named}{f' and {more:,} more' if more > 0 else ''}"


def _conflict() -> EditConflict:
    return EditConflict(
        "Another user changed the surveys of this connection, so your change was not saved.",
        remedy="Reload the page and make your change again.",
    )
