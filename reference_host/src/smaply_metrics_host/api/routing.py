"""Routes of the API: authentication, roles, CSRF tokens, strict parameters and bodies."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

from fastapi import APIRouter, Depends, Request
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel

from smaply_metrics_core.host import Role
from smaply_metrics_host.dependencies import FormExpired, signed_in
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web import csrf
from smaply_metrics_host.web.json_body import JsonRequest
from smaply_metrics_host.web.middleware import SAFE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterable
    from types import TracebackType

    from starlette.responses import Response

    from smaply_metrics_host.store.people import Session

PREFIX: Final = "/api"


class RequireRole:
    """The dependency of every operation: its required role, and the signed-in person."""

    def __init__(self, role: Role) -> None:
        self.role = role

    async def __call__(self, request: Request) -> Person:
        """Return the signed-in person, whose role ``ApiRoute`` has checked."""
        session: Session = request.state.session
        return session.person


Viewer = Annotated[Person, Depends(RequireRole(Role.VIEWER))]
Editor = Annotated[Person, Depends(RequireRole(Role.EDITOR))]
Admin = Annotated[Person, Depends(RequireRole(Role.ADMIN))]


class ApiRoute(APIRoute):
    """A route that authorizes before it reads the body, and rejects unknown parameters."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401  # Its parent's.
        super().__init__(*args, **kwargs)
        extra = {"x-role": self.role.name.lower()}
        self.openapi_extra = {**(self.openapi_extra or {}), **extra}

    @property
    def role(self) -> Role:
        """The required role."""
        (required,) = (
            one.call for one in self.dependant.dependencies if isinstance(one.call, RequireRole)
        )
        return required.role

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return FastAPI's handler with the checks of this class before it."""
        handle = super().get_route_handler()
        role, takes_body = self.role, self.body_field is not None
        known = {
            name
            for field in self.dependant.query_params
            for name in _names(field.alias, field.field_info.annotation)
        }

        async def guarded(request: Request) -> Response:
            session = await signed_in(request)
            if request.method not in SAFE:
                _check_token(session, request)
            session.person.actor.require(role, "This request")
            _refuse_unknown(request, known)
            if takes_body:
                request = JsonRequest(request.scope, request.receive)
                await request.json()
            try:
                return await handle(request)
            except Exception as error:
                # The frames before that of the operation, and this one, hold the request body.
                error.__traceback__ = _trace_from(error, self.endpoint)
                request = Request(request.scope)
                raise

        return guarded


def api_router(subject: str, path: str = "") -> APIRouter:
    """Return the router of a subject, which is also its tag in the OpenAPI document."""
    return APIRouter(
        prefix=f"{PREFIX}{path}",
        tags=[subject],
        route_class=ApiRoute,
        generate_unique_id_function=lambda route: route.name,
    )


def _trace_from(error: Exception, function: Callable[..., Any]) -> TracebackType | None:
    """Return the part of a traceback that begins in a function."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code is not function.__code__:
        trace = trace.tb_next
    return trace


def _names(alias: str, taken: object) -> Iterable[str]:
    """Return the query parameters of an argument: its alias, or the fields of its model."""
    if isinstance(taken, type) and issubclass(taken, BaseModel):
        return taken.model_fields
    return (alias,)


def _check_token(session: Session, request: Request) -> None:
    if not csrf.matches(request.headers.get(csrf.HEADER, ""), session.csrf):
        raise FormExpired(
            "The CSRF token of the session is missing or not valid.",
            remedy="Send the csrf_token of GET /api/session in the header X-CSRF-Token.",
        )


def _refuse_unknown(request: Request, known: set[str]) -> None:
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        raise RequestValidationError(
            [
                {"type": "unknown", "loc": ("query", name), "msg": "unknown parameter"}
                for name in unknown
            ]
        )
