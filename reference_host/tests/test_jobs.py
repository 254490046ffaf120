"""Jobs: progress, outcomes, Cancel, and who may see them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from reference_host.tests.app_fixture import ACCOUNT, MovableClock
from smaply_metrics_core.host import InputError, NotFound, QueryInvalid, Role
from smaply_metrics_host.jobs import (
    KEPT_SECONDS,
    MOST_KEPT,
    MOST_RUNNING,
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


def test_followers_see_each_change_and_the_outcome() -> None:
    """Whoever follows a job hears how far it is, and at last what it came to."""
    heard: list[tuple[JobState, float, str]] = []

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
            heard.append((view.state, view.done, view.location))
            go_on.set()

    asyncio.run(run())

    assert heard[-1] == (JobState.DONE, 2, "/there")
    assert [far for state, far, _ in heard if state is JobState.RUNNING][-1] == 2


def test_an_error_of_the_framework_is_the_jobs_problem() -> None:
    """What the framework refuses is told with its remedy."""

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


def test_a_bug_is_told_without_its_text(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected error ends the job in words; what it says is for the log alone."""

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
    """Cancel waits until the work is over."""

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


def test_a_job_belongs_to_who_started_it() -> None:
    """Nobody else finds it: not a colleague, not a person of the same id in another account."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        job = jobs.start(ADA, "Preview", done)
        assert jobs.find(ADA, job.id) is job
        for other in (EMIL, STRANGER):
            with pytest.raises(NotFound):
                jobs.find(other, job.id)
        await jobs.close()

    asyncio.run(run())


def test_one_person_cannot_start_without_end() -> None:
    """Beyond a few running jobs a person is told to wait; others are not affected."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        for _ in range(MOST_RUNNING):
            jobs.start(ADA, "Preview", forever)
        with pytest.raises(InputError):
            jobs.start(ADA, "Preview", forever)
        jobs.start(EMIL, "Preview", forever)
        await jobs.close()

    asyncio.run(run())


def test_an_old_job_is_forgotten_with_its_file(tmp_path: Path) -> None:
    """A quarter of an hour after its end a job can no longer be asked for, and its file is gone."""
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
        clock.forward(timedelta(seconds=KEPT_SECONDS + 1))
        jobs.start(ADA, "Another", done)
        with pytest.raises(NotFound):
            jobs.find(ADA, job.id)
        await jobs.close()

    asyncio.run(run())

    assert not file.exists()


def test_closing_stops_what_runs(tmp_path: Path) -> None:
    """When the app ends, nothing goes on and no file stays."""
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


def test_who_may_do_less_sees_no_more_of_what_they_began() -> None:
    """What an Admin made is gone for them once they are none; a higher role takes nothing away."""

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


def test_of_many_ended_jobs_the_latest_are_kept(tmp_path: Path) -> None:
    """The files of the others go with them, and other people's jobs stay."""

    async def run() -> None:
        jobs = Jobs(MovableClock())
        theirs = jobs.start(EMIL, "Preview", done)
        first = jobs.start(ADA, "Debug bundle", done)
        first.file = tmp_path / "bundle.zip"
        first.file.touch()
        for _ in range(MOST_KEPT):
            await jobs.start(ADA, "Preview", done).ended()

        with pytest.raises(NotFound):
            jobs.find(ADA, first.id)
        assert not first.file.exists()
        assert jobs.find(EMIL, theirs.id) is theirs

    asyncio.run(run())


def test_who_was_removed_hears_no_outcome(world: World) -> None:
    """A stream that somebody had open ends without what the job came to."""
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
        heard = next(pieces)
        app_state.people.remove(ACCOUNT, people["Vera"].id, by=ada)
        world.run(end())
        heard += "".join(pieces)

    assert "An outcome" not in heard


def test_streams_of_one_person_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """One too many is refused, others have their own, and one that ended makes room."""
    monkeypatch.setattr(server_sent_events, "MOST_OPEN", 1)

    async def some() -> AsyncGenerator[tuple[str, str], None]:
        yield "one", "1"
        yield "two", "2"

    async def run() -> None:
        streams = server_sent_events.Streams()
        body = aiter(streams.answer(ADA, some()).body_iterator)
        await anext(body)

        with pytest.raises(server_sent_events.TooManyStreams):
            streams.answer(ADA, some())
        streams.answer(EMIL, some())
        async for _ in body:
            pass
        streams.answer(ADA, some())

    asyncio.run(run())


def test_nobodys_forms_push_out_those_of_others() -> None:
    """Of one person's forms the latest are kept, and everybody else's stay."""
    drafts = Drafts(MovableClock())
    theirs = drafts.put(EMIL, PutAside(MetricForm(name="Theirs")))
    own = [drafts.put(ADA, PutAside(MetricForm())) for _ in range(MOST_OF_ONE + 1)]

    with pytest.raises(NotFound):
        drafts.find(ADA, own[0])
    assert drafts.find(ADA, own[1]).form == MetricForm()
    assert drafts.find(EMIL, theirs).form.name == "Theirs"
