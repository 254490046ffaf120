"""Jobs: progress, results, cancellation, access."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import ACCOUNT, MovableClock
from smaply_metrics_core.host import (
    CredentialRefused,
    InputError,
    MetricsError,
    NotFound,
    QueryInvalid,
    Role,
    StoreError,
)
from smaply_metrics_host.jobs import (
    EXPIRY_SECONDS,
    MOST_RUNNING,
    MOST_STORED,
    Job,
    JobResult,
    Jobs,
    JobState,
)
from smaply_metrics_host.metric_form.drafts import MOST_OF_ONE, Drafts, PutAside
from smaply_metrics_host.metric_form.form_data import MetricForm
from smaply_metrics_host.store.people import Person
from smaply_metrics_host.web import server_sent_events

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator
    from pathlib import Path

    from reference_host.tests.app_fixture import World

ADA = Person("per_1", ACCOUNT, "Ada", Role.ADMIN)
EMIL = Person("per_2", ACCOUNT, "Emil", Role.EDITOR)
STRANGER = Person("per_1", "other", "Ada", Role.ADMIN)


async def done(_job: Job) -> JobResult:
    """Do nothing."""
    return JobResult("/there", "<p>Done</p>")


async def forever(_job: Job) -> JobResult:
    """Wait until cancelled."""
    await asyncio.Event().wait()
    return JobResult("/never")


def test_followers_see_each_change_and_the_result() -> None:
    """A follower receives the progress and finally the result."""
    received: list[tuple[JobState, float, str]] = []

    async def run() -> None:
        go_on = asyncio.Event()

        async def counting(job: Job) -> JobResult:
            for number in range(3):
                job.progress(number, 3, f"Page {number}")
                await go_on.wait()
                go_on.clear()
            return JobResult("/there")

        job = Jobs(MovableClock()).start(ADA, "Counting", counting)
        async for view in job.follow():
            received.append((view.state, view.done, view.location))
            go_on.set()

    asyncio.run(run())

    assert received[-1] == (JobState.DONE, 2, "/there")
    assert [far for state, far, _ in received if state is JobState.RUNNING][-1] == 2


def test_a_framework_error_is_the_problem_of_the_job() -> None:
    """A ``MetricsError`` becomes the problem of the job, with its remedy."""

    async def run() -> Job:
        async def refused(_job: Job) -> JobResult:
            raise QueryInvalid("That does not go together.", remedy="Choose another one.")

        job = Jobs(MovableClock()).start(ADA, "Preview", refused)
        await job.ended()
        return job

    view = asyncio.run(run()).view
    assert view.state is JobState.FAILED
    assert view.problem is not None
    assert view.problem.remedy == "Choose another one."


@pytest.mark.parametrize(
    ("error", "person", "message"),
    [
        (CredentialRefused("a.example refused it."), ADA, "a.example refused it."),
        (CredentialRefused("a.example refused it."), EMIL, "The connection to Acme is broken."),
        (StoreError("Locked."), EMIL, "The database of this installation cannot be used."),
    ],
)
def test_a_problem_is_shown_according_to_the_role(
    error: MetricsError, person: Person, message: str
) -> None:
    """An Editor reads no details of a problem that only an Admin or the operator can fix."""

    async def run() -> Job:
        async def failing(_job: Job) -> JobResult:
            raise error

        job = Jobs(MovableClock()).start(person, "Preview", failing, source="Acme")
        await job.ended()
        return job

    problem = asyncio.run(run()).view.problem
    assert problem is not None
    assert problem.message == message
    assert problem.kind == error.kind


def test_a_bug_is_reported_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error ends the job with a generic problem; its text is only logged."""

    async def run() -> Job:
        async def broken(_job: Job) -> JobResult:
            raise RuntimeError("internal detail")

        job = Jobs(MovableClock()).start(ADA, "Preview", broken)
        await job.ended()
        return job

    view = asyncio.run(run()).view
    assert view.problem is not None
    assert view.problem.kind == "bug"
    assert "internal detail" not in view.model_dump_json()
    assert "internal detail" in caplog.text


def test_a_cancelled_job_has_stopped_when_cancel_returns() -> None:
    """``cancel`` waits until the work has ended."""

    async def run() -> tuple[bool, JobState]:
        over = False

        async def tidy(_job: Job) -> JobResult:
            nonlocal over
            try:
                await asyncio.Event().wait()
            finally:
                over = True
            return JobResult("/never")

        jobs = Jobs(MovableClock())
        job = jobs.start(ADA, "Preview", tidy)
        await asyncio.sleep(0)
        return over, (await jobs.cancel(ADA, job.id)).state

    assert asyncio.run(run()) == (False, JobState.CANCELLED)


def test_a_job_belongs_to_its_person() -> None:
    """Other people, also with the same id in another account, cannot find a job."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        job = jobs.start(ADA, "Preview", done)
        assert jobs.find(ADA, job.id) is job
        for other in (EMIL, STRANGER):
            with pytest.raises(NotFound):
                jobs.find(other, job.id)
        await jobs.close()

    asyncio.run(run())


def test_running_jobs_per_person_are_limited() -> None:
    """The limit of one person does not affect others."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        for _ in range(MOST_RUNNING):
            jobs.start(ADA, "Preview", forever)
        with pytest.raises(InputError):
            jobs.start(ADA, "Preview", forever)
        jobs.start(EMIL, "Preview", forever)
        await jobs.close()

    asyncio.run(run())


def test_an_expired_job_is_deleted_with_its_file(tmp_path: Path) -> None:
    """An ended job expires after 15 minutes; its file is deleted."""
    file = tmp_path / "made.zip"

    async def run() -> None:
        async def making(job: Job) -> JobResult:
            file.write_bytes(b"zip")
            job.file = file
            return JobResult("/there")

        clock = MovableClock()
        jobs = Jobs(clock)
        job = jobs.start(ADA, "Download", making)
        await job.ended()
        assert file.exists()
        clock.forward(timedelta(seconds=EXPIRY_SECONDS + 1))
        jobs.start(ADA, "Another", done)
        with pytest.raises(NotFound):
            jobs.find(ADA, job.id)
        await jobs.close()

    asyncio.run(run())

    assert not file.exists()


def test_closing_cancels_running_jobs(tmp_path: Path) -> None:
    """Closing cancels jobs and deletes their files."""
    file = tmp_path / "made.zip"

    async def run() -> Job:
        async def making(job: Job) -> JobResult:
            file.write_bytes(b"zip")
            job.file = file
            await asyncio.Event().wait()
            return JobResult("/never")

        jobs = Jobs(MovableClock())
        job = jobs.start(ADA, "Download", making)
        await asyncio.sleep(0)
        await jobs.close()
        return job

    assert asyncio.run(run()).state is JobState.CANCELLED
    assert not file.exists()


def test_a_lower_role_hides_earlier_jobs() -> None:
    """A job is hidden after its person's role is lowered, but not after it is raised."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        job = jobs.start(ADA, "Debug bundle", done)
        await job.ended()

        assert jobs.find(ADA, job.id) is job
        with pytest.raises(NotFound):
            jobs.find(replace(ADA, role=Role.EDITOR), job.id)
        other = jobs.start(EMIL, "Preview", done)
        assert jobs.find(replace(EMIL, role=Role.ADMIN), other.id) is other

    asyncio.run(run())


def test_the_latest_ended_jobs_are_stored(tmp_path: Path) -> None:
    """Older jobs of the same person are deleted with their files."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        theirs = jobs.start(EMIL, "Preview", done)
        first = jobs.start(ADA, "Debug bundle", done)
        first.file = tmp_path / "bundle.zip"
        first.file.touch()
        for _ in range(MOST_STORED):
            await jobs.start(ADA, "Preview", done).ended()

        with pytest.raises(NotFound):
            jobs.find(ADA, first.id)
        assert not first.file.exists()
        assert jobs.find(EMIL, theirs.id) is theirs

    asyncio.run(run())


def test_a_removed_person_receives_no_result(world: World) -> None:
    """An open event stream of a removed person ends without the result."""
    vera = world.client(Role.VIEWER)
    app_state, go_on = world.app_state, asyncio.Event()
    people = {one.name: one for one in app_state.people.of_account(ACCOUNT)}
    world.client(Role.ADMIN)
    (ada,) = (one for one in app_state.people.of_account(ACCOUNT) if one.name == "Ada")

    async def work(_job: Job) -> JobResult:
        await go_on.wait()
        return JobResult("/there", "<p>An outcome</p>")

    async def start() -> str:
        return app_state.jobs.start(people["Vera"], "Waiting", work).id

    async def end() -> None:
        go_on.set()

    with vera.stream("GET", f"/jobs/{world.run(start())}/events") as stream:
        pieces = stream.iter_text()
        received = next(pieces)
        app_state.people.remove(ACCOUNT, people["Vera"].id, by=ada)
        world.run(end())
        received += "".join(pieces)

    assert "An outcome" not in received


def test_streams_per_person_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream above the limit is refused; other people and ended streams do not count."""
    monkeypatch.setattr(server_sent_events, "MOST_OPEN", 1)

    async def some() -> AsyncGenerator[tuple[str, str], None]:
        yield "one", "1"
        yield "two", "2"

    async def run() -> None:
        streams = server_sent_events.Streams()
        body = aiter(streams.answer(("acme", "ada"), some()).body_iterator)
        await anext(body)

        with pytest.raises(server_sent_events.TooManyStreams):
            streams.answer(("acme", "ada"), some())
        streams.answer(("acme", "emil"), some())
        async for _ in body:
            pass
        streams.answer(("acme", "ada"), some())

    asyncio.run(run())


def test_drafts_per_person_are_limited() -> None:
    """The oldest draft of a person is dropped; drafts of other people are not."""
    drafts = Drafts(MovableClock())
    theirs = drafts.put(EMIL, PutAside(MetricForm(name="Theirs")))
    own = [drafts.put(ADA, PutAside(MetricForm())) for _ in range(MOST_OF_ONE + 1)]

    with pytest.raises(NotFound):
        drafts.find(ADA, own[0])
    assert drafts.find(ADA, own[1]).form == MetricForm()
    assert drafts.find(EMIL, theirs).form.name == "Theirs"
