"""The routes of the project."""

import os

from django.http import HttpRequest, JsonResponse
from django.urls import path
from metrics_host import VIEWER, changes, metrics_host

from smaply_metrics_core.host import card_json


def cards(_request: HttpRequest) -> JsonResponse:
    """Return every card; due ones are refreshed in the background."""
    found = [card_json(card) for card in metrics_host().cards.load(VIEWER)]
    return JsonResponse(found, safe=False)


def card(_request: HttpRequest, metric_id: str) -> JsonResponse:
    """Return one card, after waiting up to ten seconds for a refresh that is due."""
    (found,) = metrics_host().cards.load(VIEWER, [metric_id], wait=10)
    return JsonResponse(card_json(found))


def changed(_request: HttpRequest) -> JsonResponse:
    """Return the process, and the metrics whose values have changed since it started."""
    metrics_host()
    return JsonResponse({"process": os.getpid(), "changes": changes})


urlpatterns = [
    path("cards", cards),
    path("cards/<str:metric_id>", card),
    path("changes", changed),
]
