"""What runs longer than a request: checks, previews and downloads, with progress and Cancel."""

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
    Blame,
    CheckStep,
    Clock,
    InputError,
    MetricsError,
    NotFound,
    Problem,
    Role,
    StepResult,
)

if TYPE_CHECKING:
    from smaply_metrics_host.store.people import Person

logger = logging.getLogger(__name__)

KEPT_SECONDS: Final = 900.0
"""How long an ended job can still be asked for."""
MOST_RUNNING: Final = 4
"""Jobs that one person may have running."""
MOST_KEPT: Final = 30
"""Ended jobs of one person that are kept: of more, the oldest are forgotten."""


class TooManyJobs(InputError):
    """Somebody has as many jobs running as one may have."""

    kind = "too_many_jobs"


class JobState(StrEnum):
    """How far a job is."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"


class JobView(BaseModel):
    """A job as pages and programs see it.

    Attributes:
        done: How much of ``total`` is done; without a total, just how much.
        what: What it is doing.
        steps: The steps of a check that have ended.
        pending: Those that have not; the first of them is the one that runs.
        back: The page that it was started from; empty where nobody said.
        problem: Why it failed.
        location: Where its outcome is, once it has one.
        html: Its outcome as a fragment of the page that started it; empty where there is none.
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
    """What a job came to: where it can be seen, and a fragment for the page that started it."""

    location: str
    html: str = ""
    problem: Problem | None = None


@dataclass
class Job:
    """One piece of work. Its methods are called on the event loop.

    Attributes:
        role: The one that the person had when they started it: with less they see it no more.
        checks: The steps of a check that it goes through.
        back: The page that it was started from.
        file: What it made for people to download, removed when the job is forgotten.
        file_name: What the download is called; as the file itself when empty.
        memo: What the page, or the call, that shows the outcome has to know; no part of the view.
    """

    id: str
    title: str
    account: str
    person: str
    role: Role
    checks: InitVar[tuple[CheckStep, ...]] = ()
    back: InitVar[str] = ""
    state: JobState = JobState.RUNNING
    file: Path | None = None
    file_name: str = ""
    memo: object = None
    _view: JobView = field(init=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _task: asyncio.Task[None] | None = None
    _ended_at: float | None = None

    def __post_init__(self, checks: tuple[CheckStep, ...], back: str) -> None:
        self._view = JobView(
            id=self.id, title=self.title, state=self.state, pending=checks, back=back
        )

    @property
    def view(self) -> JobView:
        """How it stands now."""
        return self._view

    def progress(self, done: float, total: float | None, what: str) -> None:
        """Tell how far it is."""
        self._change(done=done, total=total, what=what)

    def step(self, step: StepResult) -> None:
        """Tell of a step of a check that has ended."""
        self._change(
            steps=(*self._view.steps, step),
            pending=tuple(one for one in self._view.pending if one.name != step.name),
        )

    async def follow(self) -> AsyncGenerator[JobView, None]:
        """Give the job as it stands, and again after each change, until it has ended."""
        while True:
            changed, view = self._changed, self._view
            yield view
            if view.state is not JobState.RUNNING:
                return
            if self._view is view:
                await changed.wait()

    async def ended(self) -> JobView:
        """Wait for the end."""
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
        clock: Says when an ended job is forgotten.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: dict[str, Job] = {}

    def start(
        self,
        person: Person,
        title: str,
        work: Callable[[Job], Awaitable[JobResult]],
        *,
        checks: tuple[CheckStep, ...] = (),
        back: str = "",
    ) -> Job:
        """Begin some work in the background.

        A ``MetricsError`` that it raises becomes the job's problem.

        Args:
            person: Who asks.
            title: What it is called while it runs.
            work: Does it; tells the job how far it is.
            checks: The steps of a check that it goes through, shown before they have begun.
            back: The page that it is started from, to go back to when it is cancelled or fails.

        Raises:
            TooManyJobs: when this person has ``MOST_RUNNING`` of them.
        """
        self._forget()
        running = [job for job in self._of(person) if job.state is JobState.RUNNING]
        if len(running) >= MOST_RUNNING:
            raise TooManyJobs(
                f"{MOST_RUNNING} of your requests are still running.",
                remedy="Wait until one has ended, or cancel it.",
            )
        ended = [job for job in self._of(person) if job.state is not JobState.RUNNING]
        for one in ended[: -MOST_KEPT + 1]:
            self._drop(one)
        job = Job(
            secrets.token_urlsafe(12), title, person.account, person.id, person.role, checks, back
        )
        self._jobs[job.id] = job
        job._task = asyncio.create_task(self._run(job, work))  # noqa: SLF001  # Its own module.
        return job

    def find(self, person: Person, job_id: str) -> Job:
        """Give a job of this person.

        Raises:
            NotFound: when this person has none of this id, or it ended long ago, or they may do
                less by now than when they started it.
        """
        self._forget()
        job = self._jobs.get(job_id)
        owner = job is not None and (job.account, job.person) == (person.account, person.id)
        if job is None or not owner or person.role < job.role:
            raise NotFound("This request is no longer known.", remedy="Begin it again.")
        return job

    async def cancel(self, person: Person, job_id: str) -> Job:
        """Stop a job and wait until it has; one that has ended stays as it is."""
        job = self.find(person, job_id)
        task = job._task  # noqa: SLF001  # Its own module.
        if task is not None and not task.done():
            task.cancel()
            await asyncio.wait([task])
        return job

    async def close(self) -> None:
        """Stop everything and delete its files."""
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
            logger.exception("The job “%s” broke off.", job.title)
            self._end(job, JobState.FAILED, JobResult("", problem=_bug()))
        else:
            state = JobState.DONE if outcome.problem is None else JobState.FAILED
            self._end(job, state, outcome)

    def _end(self, job: Job, state: JobState, outcome: JobResult) -> None:
        job.state = state
        job._ended_at = self._clock.monotonic()  # noqa: SLF001  # Its own module.
        # Also when nobody starts or asks for another one: it may have made a file about people.
        asyncio.get_running_loop().call_later(KEPT_SECONDS + 1, self._forget)
        job._change(  # noqa: SLF001  # Its own module.
            state=state, location=outcome.location, html=outcome.html, problem=outcome.problem
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
            if ended is not None and now - ended > KEPT_SECONDS:
                self._drop(job)

    def _drop(self, job: Job) -> None:
        _delete(job)
        del self._jobs[job.id]


def _delete(job: Job) -> None:
    if job.file is not None:
        job.file.unlink(missing_ok=True)


def _bug() -> Problem:
    return Problem(
        kind="bug",
        message="Something is wrong in this app itself.",
        remedy="Try again; if it stays, tell support when it happened.",
        blame=Blame.PLUGIN,
    )
