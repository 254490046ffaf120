"""A secret in what a source logs or raises is redacted, wherever the source has it from."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import pytest

from smaply_metrics_core.errors import CredentialRefused, SurveyUnavailable
from smaply_metrics_core.models.problem import FieldProblem
from smaply_metrics_core.redaction import HIDDEN, Redactor

from .conftest import TOKEN, Opens, error_in

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger("a_plugin_of_others")


def use(opened: Opens, log: object) -> None:
    """Call a source that runs a function."""

    def list_surveys(self: object) -> Iterator[object]:
        assert callable(log)
        log()
        yield from ()

    with opened(list_surveys=list_surveys) as session:
        session.surveys()


def fail() -> None:
    """Raise an error with the secret and log it."""
    try:
        int(TOKEN.lower())
    except ValueError:
        logger.exception("It failed")


def fail_at_length() -> None:
    """Log an error with the secret after a text that is too long to be searched."""
    try:
        int("x" * 200_000 + TOKEN)
    except ValueError:
        logger.exception("fine")


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(lambda: logger.info("fine%s", "x" * 200_000 + TOKEN), id="long"),
        pytest.param(fail_at_length, id="long traceback"),
        pytest.param(lambda: logger.info("GET /next/%s", TOKEN), id="argument"),
        pytest.param(lambda: logger.debug("GET %s", TOKEN.encode().hex()), id="hex"),
        pytest.param(lambda: logger.warning("%(u)s", {"u": TOKEN.upper()}), id="mapping"),
        pytest.param(lambda: logger.info("%s", {"key": TOKEN}), id="nested"),
        pytest.param(lambda: logger.info("fine", TOKEN), id="too many arguments"),  # noqa: PLE1205
        pytest.param(fail, id="traceback"),
    ],
)
def test_what_a_source_logs_is_redacted(
    opened: Opens, caplog: pytest.LogCaptureFixture, log: object
) -> None:
    """The message, the arguments and the traceback of a record contain no secret."""
    caplog.set_level(logging.DEBUG)

    use(opened, log)

    records = [record for record in caplog.records if record.name == logger.name]
    assert len(records) == 1
    shown = caplog.handler.format(records[0])
    assert not Redactor([TOKEN]).contains_secret(shown, repr(vars(records[0])))
    assert HIDDEN in shown or "fine" in shown or "a text of" in shown


def test_other_threads_log_as_before(opened: Opens, caplog: pytest.LogCaptureFixture) -> None:
    """Records of the host app are not changed, nor are those of a source without a secret."""
    caplog.set_level(logging.DEBUG)

    use(opened, lambda: logger.info("page %d", 2))
    logger.info("by the host: %s", TOKEN)

    mine = [record for record in caplog.records if record.name == logger.name]
    assert [record.args for record in mine] == [(2,), (TOKEN,)]


def test_an_error_with_the_secret_stays_the_same_error(opened: Opens) -> None:
    """A rejected token that the server repeats is still a rejected token."""

    def list_surveys(self: object) -> Iterator[object]:
        raise CredentialRefused(
            f"Token {TOKEN.lower()} is not valid.",
            remedy=f"Replace {TOKEN}.",
            code=TOKEN.encode().hex(),
            request_id=TOKEN,
            fields=(FieldProblem(name="api_token", message=TOKEN, suggestion=TOKEN[::-1]),),
        )
        yield

    with opened(list_surveys=list_surveys) as session:
        error = error_in(session.surveys)

    assert type(error) is CredentialRefused
    assert error.message == f"Token {HIDDEN} is not valid."
    assert not Redactor([TOKEN]).contains_secret(
        repr(error), repr(vars(error)), error.to_problem().model_dump_json()
    )


def test_the_name_of_an_exception_is_redacted(opened: Opens) -> None:
    """A class can be named after anything."""

    def list_surveys(self: object) -> Iterator[object]:
        raise type(TOKEN, (Exception,), {})
        yield

    with opened(list_surveys=list_surveys) as session:
        assert TOKEN not in error_in(session.surveys).message


def test_an_error_without_a_secret_is_not_changed(opened: Opens) -> None:
    """Redaction does not shorten or reformat other texts."""
    text = "A long text,\nwith  two lines. " + "x" * 400

    def list_surveys(self: object) -> Iterator[object]:
        raise SurveyUnavailable(text)
        yield

    with opened(list_surveys=list_surveys) as session:
        assert error_in(session.surveys).message == text
