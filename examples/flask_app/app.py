"""A Flask app that shows cards as JSON; `gunicorn_conf.py` runs it in several processes."""

from __future__ import annotations

import os
from typing import Final

from flask import Flask, Response, jsonify

from smaply_metrics_core.host import (
    Actor,
    EventKind,
    MetricsError,
    MetricsEvent,
    MetricsHost,
    NotFound,
    Role,
    Settings,
    card_json,
)

VIEWER: Final = Actor("acme", "vera", Role.VIEWER)

# Opened before the server forks: parent and children go on using it.
host: Final = MetricsHost(Settings.from_environment(account=VIEWER.account))
app: Final = Flask(__name__)
changes: Final[list[str]] = []


def subscribe() -> None:
    """Count the values that change; called in each process, because threads do not fork."""

    def receive(event: MetricsEvent) -> None:
        changes.append(event.metric_id)

    # A name of its own: each process shows its own users what has changed.
    host.events.subscribe(f"flask {os.getpid()}", receive, kinds={EventKind.VALUE_CHANGED})


@app.get("/cards")
def cards() -> Response:
    """Return every card; due ones are refreshed in the background."""
    return jsonify([card_json(card) for card in host.cards.load(VIEWER)])


@app.get("/cards/<metric_id>")
def card(metric_id: str) -> Response:
    """Return one card, after waiting up to ten seconds for a refresh that is due."""
    (found,) = host.cards.load(VIEWER, [metric_id], wait=10)
    return jsonify(card_json(found))


@app.get("/changes")
def changed() -> Response:
    """Return the process, and the metrics whose values have changed since it started."""
    return jsonify({"process": os.getpid(), "changes": changes})


@app.errorhandler(MetricsError)
def explain(error: MetricsError) -> tuple[Response, int]:
    """Return an error as JSON, in words for a Viewer."""
    problem = error.to_problem().for_reader(VIEWER.role.audience, source="the survey tool")
    status = 404 if isinstance(error, NotFound) else 502
    return jsonify(problem.model_dump(mode="json")), status
