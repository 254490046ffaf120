"""Spans of SQL statements, with the attributes of OpenTelemetry's conventions for databases."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Any, Final

from sqlalchemy import Connection, Engine, event
from sqlalchemy.engine import ExceptionContext

from smaply_metrics_core.observability import telemetry

_SPAN: Final = "smaply_metrics.span"


def trace_statements(engine: Engine, database: str) -> None:
    """Record a span for each statement that is part of another span.

    The text of a statement has parameters instead of values. Statements outside of a span, such as
    those of a heartbeat, are not recorded.

    Args:
        engine: The engine of the store.
        database: The name of the database.
    """
    system = "postgresql" if engine.dialect.name == "postgresql" else "sqlite"

    @event.listens_for(engine, "before_cursor_execute")
    def _begin(  # The signature of SQLAlchemy's event.
        _connection: Connection,
        _cursor: Any,  # noqa: ANN401  # A driver's object.
        statement: str,
        _parameters: Any,  # noqa: ANN401  # As above.
        context: Any,  # noqa: ANN401  # SQLAlchemy's, without a public type.
        _many: bool,  # noqa: FBT001  # SQLAlchemy passes it by position.
    ) -> None:
        if context is None or not telemetry.in_span():
            return
        operation = statement.lstrip().partition(" ")[0].upper()
        opened = ExitStack()
        opened.enter_context(
            telemetry.span(
                f"{operation} {database}",
                {
                    "db.system.name": system,
                    "db.namespace": database,
                    "db.operation.name": operation,
                    "db.query.text": statement,
                },
                client=True,
            )
        )
        vars(context)[_SPAN] = opened

    @event.listens_for(engine, "after_cursor_execute")
    def _end(  # As above.
        _connection: Connection,
        _cursor: Any,  # noqa: ANN401  # As above.
        _statement: str,
        _parameters: Any,  # noqa: ANN401  # As above.
        context: Any,  # noqa: ANN401  # As above.
        _many: bool,  # noqa: FBT001  # As above.
    ) -> None:
        _close(context, None)

    @event.listens_for(engine, "handle_error")
    def _fail(failure: ExceptionContext) -> None:
        _close(failure.execution_context, failure.original_exception)


def _close(context: Any, error: BaseException | None) -> None:  # noqa: ANN401  # As above.
    opened: ExitStack | None = None if context is None else vars(context).pop(_SPAN, None)
    if opened is None:
        return
    if error is None:
        opened.close()
    else:
        opened.__exit__(type(error), error, None)
