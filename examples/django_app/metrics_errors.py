"""Middleware that returns errors of the framework as JSON."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, JsonResponse
from metrics_host import VIEWER

from smaply_metrics_core.host import MetricsError, NotFound


class MetricsErrors:
    """Returns each error as JSON, in words for a Viewer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        """Return the response of the view."""
        return self.get_response(request)

    def process_exception(self, _request: HttpRequest, error: Exception) -> HttpResponse | None:
        """Return the problem; ``None`` for other errors, which Django handles."""
        if not isinstance(error, MetricsError):
            return None
        problem = error.to_problem().for_reader(VIEWER.role.audience, source="the survey tool")
        status = 404 if isinstance(error, NotFound) else 502
        return JsonResponse(problem.model_dump(mode="json"), status=status)
