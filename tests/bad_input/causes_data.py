"""Causes in a survey, in its responses, or in the API of Qualtrics."""

from __future__ import annotations

from datetime import timedelta

from smaply_metrics_core import Issue, Problem
from smaply_metrics_core.host import ConnectionStatus, Freshness
from smaply_metrics_core.models.query import Calculation, GroupBy
from tests.bad_input.cause import Where, Works, cause
from tests.bad_input.connected_account import (
    ADMIN,
    COMMENT,
    EMPTY,
    HOUR,
    NOON,
    NPS,
    PREVIEWS,
    STORE,
    SURVEY,
    UNRATED,
    World,
)

LATER = HOUR + 1


@cause(
    "The question was deleted and added again",
    Where.CARD,
    kind="question_unavailable",
    issue=Issue.DATA,
    says=(STORE, "was deleted"),
    advises=("choose QID99",),
)
def question_added_again(world: World) -> Problem | None:
    """The remedy names the question that replaces it."""
    host = world.measured(question=STORE)
    before = world.card(host)
    world.state.delete_question(SURVEY, STORE, to_trash=True)
    world.state.restore_question(SURVEY, STORE, "QID99")
    card = world.card(host, later=LATER)
    assert (card.result, card.freshness) == (before.result, Freshness.FAILED)
    return card.problem


@cause(
    "The token's user may not view the results",
    Where.CARD,
    kind="results_unavailable",
    issue=Issue.DATA,
    says=("not allowed to view its results",),
    advises=("View Results",),
)
def results_hidden(world: World) -> Problem | None:
    """The survey is shared without its results."""
    host = world.measured()
    world.state.share(SURVEY, results=False)
    return world.card(host).problem


@cause(
    "The host is that of another data centre",
    Where.CARD,
    kind="remote_error",
    issue=Issue.CONNECTION,
    says=("sjc1.qualtrics.com", "export responses"),
    advises=("Enter `sjc1.qualtrics.com`",),
)
def export_not_forwarded(world: World) -> Problem | None:
    """Requests for lists are forwarded; exports are not."""
    world.state.set_account(proxied_to="sjc1.qualtrics.com")
    return world.card(world.measured()).problem


@cause(
    "The survey has no responses",
    Where.CARD,
    kind="nothing_to_count",
    issue=Issue.DATA,
    says=("There are no responses",),
    advises=("Wait for responses",),
)
def empty_survey(world: World) -> Problem | None:
    """There is no value, and the card is fresh."""
    card = world.card(world.measured(EMPTY))
    assert card.freshness is Freshness.FRESH
    assert card.result is not None
    assert (card.result.current.value, card.result.current.responses) == (None, 0)
    return card.problem


@cause(
    "The survey has only previews",
    Where.CARD,
    kind="nothing_to_count",
    issue=Issue.DATA,
    says=("excluded", "12 previews"),
    advises=("include the excluded ones",),
)
def only_previews(world: World) -> Problem | None:
    """Previews are excluded and counted."""
    card = world.card(world.measured(PREVIEWS))
    assert card.result is not None
    assert card.result.current.excluded == {"preview": 12}
    return card.problem


@cause(
    "No response answers the question",
    Where.CARD,
    kind="nothing_to_count",
    issue=Issue.DATA,
    says=("None of the 8 counted responses",),
    advises=("choose another question",),
)
def unanswered(world: World) -> Problem | None:
    """There are responses, but none has an answer to the question."""
    card = world.card(world.measured(UNRATED))
    assert card.result is not None
    assert (card.result.current.value, card.result.current.responses) == (None, 8)
    return card.problem


@cause(
    "The export is a ZIP without a file",
    Where.CARD,
    kind="nothing_to_count",
    issue=Issue.DATA,
    says=("There are no responses",),
    advises=("Wait for responses",),
)
def empty_zip(world: World) -> Problem | None:
    """Qualtrics exports a survey without responses as an empty ZIP."""
    host = world.measured()
    world.fault("export_file", kind="empty_zip")
    card = world.card(host)
    assert card.freshness is Freshness.FRESH
    return card.problem


@cause(
    "The export is truncated",
    Where.CARD,
    kind="export_failed",
    issue=Issue.DATA,
    says=("damaged or incomplete",),
    advises=("Try again",),
)
def truncated_zip(world: World) -> Problem | None:
    """Nothing is read from it, so that no value is based on incomplete data."""
    host = world.measured()
    world.fault("export_file", kind="truncated_zip")
    card = world.card(host)
    assert card.result is None
    return card.problem


@cause(
    "The export fails in Qualtrics",
    Where.CARD,
    kind="export_failed",
    issue=Issue.DATA,
    says=("failed to create the export",),
    advises=("request ID",),
)
def failed_export(world: World) -> Problem | None:
    """The problem has the request id for the support of Qualtrics."""
    host = world.measured()
    world.fault("export_progress", kind="failed")
    problem = world.card(host).problem
    assert problem is not None
    assert problem.request_id
    return problem


@cause(
    "Qualtrics sends a web page instead of data",
    Where.CARD,
    kind="source_unavailable",
    issue=Issue.CONNECTION,
    says=("a web page instead of data",),
    advises=("Check that the host name",),
)
def web_page(world: World) -> Problem | None:
    """A proxy or another service answers with HTML."""
    host = world.measured()
    world.fault("definition", kind="html", status=200)
    return world.card(host).problem


@cause(
    "Too many requests (429), with a long Retry-After",
    Where.CARD,
    kind="rate_limited",
    issue=Issue.CONNECTION,
    says=("too many requests", "a pause until"),
    advises=("Try again later", "refreshed"),
)
def rate_limited_for_long(world: World) -> Problem | None:
    """The whole connection is paused for exactly as long as Qualtrics requests."""
    host = world.measured()
    world.fault("definition", status=429, headers={"Retry-After": "7200"})
    card = world.card(host)
    calls = world.calls()
    world.card(host, later=LATER)
    assert world.calls() == calls
    world.state.clear_faults()
    assert world.card(host, later=HOUR).freshness is Freshness.FRESH
    return card.problem


@cause(
    "Too many requests (429), with a short Retry-After",
    Where.CARD,
    says=("The value, updated",),
    advises=("Nothing",),
)
def rate_limited_for_a_moment(world: World) -> Works:
    """The request is retried after a short wait."""
    host = world.measured()
    world.state.add_fault("definition", status=429, headers={"Retry-After": "20"}, times=1)
    card = world.card(host)
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)
    assert card.as_of is not None
    assert card.as_of >= NOON + timedelta(seconds=20)
    return Works("The value, updated a few seconds later.", "Nothing; the request is retried.")


@cause(
    "Too many requests (429), without Retry-After",
    Where.CARD,
    kind="rate_limited",
    issue=Issue.CONNECTION,
    says=("too many requests",),
    advises=("Try again later", "refreshed"),
)
def rate_limited(world: World) -> Problem | None:
    """The request is retried three times, and again when the card is due."""
    host = world.measured()
    before = world.calls()
    world.fault("definition", status=429)
    problem = world.card(host).problem
    assert world.calls() - before == 4
    return problem


@cause(
    "Qualtrics is down (503)",
    Where.CARD,
    kind="source_unavailable",
    issue=Issue.CONNECTION,
    says=("temporarily unavailable", "503"),
    advises=("Try again in a few minutes",),
)
def down(world: World) -> Problem | None:
    """An outage is not reported as an authentication issue, and the last good value is shown."""
    host = world.measured()
    before = world.card(host)
    world.fault("definition", status=503)
    card = world.card(host, later=LATER)
    assert (card.result, card.as_of) == (before.result, before.as_of)
    assert host.connections.show(ADMIN, "qualtrics").status is ConnectionStatus.ERROR
    world.state.clear_faults()
    assert world.card(host, later=LATER).problem is None
    assert host.connections.show(ADMIN, "qualtrics").status is ConnectionStatus.CONNECTED
    return card.problem


@cause(
    "No new responses since the last update",
    Where.CARD,
    says=("updated at 2026-04-01 13:00 UTC",),
    advises=("Nothing",),
)
def nothing_new(world: World) -> Works:
    """The value does not change, and the card shows the time of the update."""
    host = world.measured()
    before = world.card(host)
    card = world.card(host, later=LATER)
    assert before.as_of is not None
    assert card.as_of is not None
    assert card.as_of - before.as_of >= timedelta(seconds=LATER)
    assert card.result is not None
    assert before.result is not None
    assert card.result.current == before.result.current
    assert (card.freshness, card.problem) == (Freshness.FRESH, None)
    return Works(
        f"The same value, updated at {card.as_of:%Y-%m-%d %H:%M} UTC.",
        "Nothing; the time of the update shows that the value is current.",
    )


@cause(
    "The question does not support the calculation",
    Where.METRIC,
    kind="calculation_refused",
    issue=Issue.DATA,
    says=(f"{COMMENT} does not allow average",),
    advises=(f"{COMMENT} allows: responses, answered",),
)
def calculation_refused(world: World) -> Problem:
    """Free text has no average; the remedy lists the supported calculations."""
    host = world.measured()
    return world.preview(host, question_id=COMMENT, calculation=Calculation.AVERAGE)


@cause(
    "The group-by is a question with free text",
    Where.METRIC,
    kind="grouping_refused",
    issue=Issue.DATA,
    says=(f"{COMMENT} cannot be used as a group-by",),
    advises=(f"Group by one of {NPS}, {STORE}",),
)
def grouped_by_text(world: World) -> Problem:
    """Each answer could be a separate group; the remedy lists possible group-bys."""
    host = world.measured()
    return world.preview(
        host,
        question_id=NPS,
        calculation=Calculation.AVERAGE,
        group_by=GroupBy(kind="question", of=COMMENT),
    )
