"""Background jobs: checks, previews and downloads, with progress and cancellation."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable
from dataclasses import InitVar, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel

from smaply_metrics_core.host import (
    Audience,
    Blame,
    CheckStep,
    Clock,
    InputError,
    MetricsError,
    NotFound,
    Problem,
    Role,
    StepResult,
    log_event,
)
from smaply_metrics_host.web.reader_problem import ANY_SOURCE, problem_for

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

logger = logging.getLogger(__name__)

EXPIRY_SECONDS: Final = 900.0
"""How long an ended job is stored."""
MOST_RUNNING: Final = 4
"""The maximum number of running jobs per person."""
MOST_STORED: Final = 30
"""The maximum number of stored ended jobs per person; the oldest ones are dropped."""


class TooManyJobs(InputError):
    """A person has the maximum number of jobs running."""

    kind = "too_many_jobs"


class JobState(StrEnum):
    """The state of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobView(BaseModel):
    """The state of a job for pages and API clients.

    Attributes:
        done: The completed part of ``total``; an absolute amount if there is no total.
        what: The current activity.
        steps: The completed steps of a check.
        pending: The other steps; the first one is running.
        back: The page that started it; may be empty.
        problem: Why it failed.
        location: The URL of the result; empty until it is available.
        html: The result as a fragment for the page that started it; may be empty.
    """

    id: str
    title: str
    state: JobState
    done: float = 0.0
    total: float | None = None
    what: str = ""
    steps: tuple[StepResult, ...] = ()
    pending: tuple[CheckStep, ...] = ()
    back: str = ""
    problem: Problem | None = None
    location: str = ""
    html: str = ""


@dataclass(frozen=True)
class JobResult:
    """The result of a job: its URL, and a fragment for the page that started the job."""

    location: str
    html: str = ""
    problem: Problem | None = None


@dataclass
class Job:
    """A background job. Its methods are called on the event loop.

    Attributes:
        role: The person's role at the start; with a lower role they cannot see the job.
        source: The name of the survey tool, for problems.
        checks: The steps of the check that it runs.
        back: The page that started it.
        file: The file to download, deleted with the job.
        file_name: The name of the download; the name of ``file`` if empty.
        memo: Internal data for the code that shows the result; not part of the view.
    """

    id: str
    title: str
    account: str
    person: str
    role: Role
    source: str
    checks: InitVar[tuple[CheckStep, ...]] = ()
    back: InitVar[str] = ""
    state: JobState = JobState.RUNNING
    file: Path | None = None
    file_name: str = ""
    memo: object = None
    _view: JobView = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _begun_at: float = 0.0
    _ended_at: float | None = None

    def __post_init__(self, checks: tuple[CheckStep, ...], back: str) -> None:
        self._view = JobView(
            id=self.id, title=self.title, state=self.state, pending=checks, back=back
        )

    @property
    def view(self) -> JobView:
        """The current state of the job."""
        return self._view

    def progress(self, done: float, total: float | None, what: str) -> None:
        """Report progress."""
        self._change(done=done, total=total, what=what)

    def step(self, step: StepResult) -> None:
        """Report a completed step of a check."""
        self._change(
            steps=(*self._view.steps, step),
            pending=tuple(one for one in self._view.pending if one.name != step.name),
        )

    async def follow(self) -> AsyncGenerator[JobView, None]:
        """Yield the current view and one after each change, until the job has ended."""
        while True:
            changed, view = self._changed, self._view
            yield view
            if view.state is not JobState.RUNNING:
                return
            if self._view is view:
                await changed.wait()

    async def ended(self) -> JobView:
        """Wait until the job has ended and return its last view."""
        async for _ in self.follow():
            pass
        return self._view

    def _change(self, **values: object) -> None:
        self._view = self._view.model_copy(update=values)
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()


class Jobs:
    """The jobs of this process.

    Args:
        clock: The clock by which ended jobs expire.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    def start(  # noqa: PLR0913  # What describes the job, by name.
        self,
        person: Person,
        title: str,
        work: Callable[[Job], Awaitable[JobResult]],
        *,
        source: str = ANY_SOURCE,
        checks: tuple[CheckStep, ...] = (),
        back: str = "",
    ) -> Job:
        """Start a job in the background.

        A ``MetricsError`` that it raises becomes the job's problem, as this person reads it.

        Args:
            person: The person who starts the job.
            title: The title of the job.
            work: Does the work and reports progress to the job.
            source: The name of the survey tool, for problems.
            checks: The steps of the check that it runs, shown as pending.
            back: The page to return to after it is cancelled or fails.

        Raises:
            TooManyJobs: if this person has ``MOST_RUNNING`` jobs running.
        """
        self._forget()
        running = [job for job in self._of(person) if job.state is JobState.RUNNING]
        if len(running) >= MOST_RUNNING:
            raise TooManyJobs(
                f"{MOST_RUNNING} of your requests are still running.",
                remedy="Wait until one has ended, or cancel one.",
            )
        ended = [job for job in self._of(person) if job.state is not JobState.RUNNING]
        for one in ended[: -MOST_STORED + 1]:
            self._drop(one)
        job = Job(
            id=secrets.token_urlsafe(12),
            title=title,
            account=person.account,
            person=person.id,
            role=person.role,
            source=source,
            checks=checks,
            back=back,
        )
        self._jobs[job.id] = job
        job._begun_at = self._clock.monotonic()  # noqa: SLF001  # Its own module.
        job._task = asyncio.create_task(self._run(job, work))  # noqa: SLF001  # Its own module.
        return job

    def find(self, person: Person, job_id: str) -> Job:
        """Return a job of this person.

        Raises:
            NotFound: if this person has no job with this id, it has expired, or their role is now
                lower than when they started it.
        """
        self._forget()
        job = self._jobs.get(job_id)
        owner = job is not None and (job.account, job.person) == (person.account, person.id)
        if job is None or not owner or person.role < job.role:
            raise NotFound("This request has expired.", remedy="Start it again.")
        return job

    async def cancel(self, person: Person, job_id: str) -> Job:
        """Cancel a job and wait until it has ended; no effect on an ended job."""
        job = self.find(person, job_id)
        task = job._task  # noqa: SLF001  # Its own module.
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        return job

    async def close(self) -> None:
        """Cancel all jobs and delete their files."""
        tasks = [job._task for job in self._jobs.values() if job._task is not None]  # noqa: SLF001
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        for job in self._jobs.values():
            _delete(job)

    async def _run(self, job: Job, work: Callable[[Job], Awaitable[JobResult]]) -> None:
        try:
            outcome = await work(job)
        except asyncio.CancelledError:
            self._end(job, JobState.CANCELLED, JobResult(""))
        except MetricsError as error:
            self._end(job, JobState.FAILED, JobResult("", problem=error.to_problem()))
        except Exception:
            logger.exception("The job “%s” failed.", job.title)
            self._end(job, JobState.FAILED, JobResult("", problem=_bug()))
        else:
            state = JobState.DONE if outcome.problem is None else JobState.FAILED
            self._end(job, state, outcome)

    def _end(self, job: Job, state: JobState, outcome: JobResult) -> None:
        job.state = state
        job._ended_at = self._clock.monotonic()  # noqa: SLF001  # Its own module.
        _log(job, outcome.problem, job._ended_at - job._begun_at)  # noqa: SLF001  # As above.
        # The job may have made a file with personal data, so it expires without another call.
        asyncio.get_running_loop().call_later(EXPIRY_SECONDS + 1, self._forget)
        problem = outcome.problem and problem_for(job.role, outcome.problem, job.source)
        job._change(  # noqa: SLF001  # Its own module.
            state=state, location=outcome.location, html=outcome.html, problem=problem
        )

    def _of(self, person: Person) -> list[Job]:
        return [
            job
            for job in self._jobs.values()
            if (job.account, job.person) == (person.account, person.id)
        ]

    def _forget(self) -> None:
        now = self._clock.monotonic()
        for job in list(self._jobs.values()):
            ended = job._ended_at  # noqa: SLF001  # Its own module.
            if ended is not None and now - ended > EXPIRY_SECONDS:
                self._drop(job)

    def _drop(self, job: Job) -> None:
        _delete(job)
        del self._jobs[job.id]


def _delete(job: Job) -> None:
    if job.file is not None:
        job.file.unlink(missing_ok=True)


def _log(job: Job, problem: Problem | None, seconds: float) -> None:
    """Log one record for a job that ended; its id is left out, which gives access to its file."""
    log_event(
        logger,
        logging.INFO,
        "The job ended.",
        {
            "title": job.title,
            "outcome": job.state.value,
            "account": job.account,
            "person": job.person,
            "seconds": round(seconds, 3),
            "error": problem.kind if problem else None,
            "request_id": problem.request_id if problem else None,
        },
    )


def _bug() -> Problem:
    return Problem(
        kind="bug",
        message="An internal error occurred.",
        remedy="Try again. If it happens again, contact support and state the time.",
        blame=Blame.PLUGIN,
        audience=Audience.VIEWER,
    )
