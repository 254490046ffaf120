"""The worker: runs queued refreshes, including those of workers that died."""

from __future__ import annotations

import asyncio
import logging
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any, Final, Self

from smaply_metrics_core.errors import StoreError
from smaply_metrics_core.forking import call_in_children, keep_inherited
from smaply_metrics_core.host.connections.sessions import ConnectionSessions
from smaply_metrics_core.host.refresh.executors import SurveyKey
from smaply_metrics_core.host.refresh.job_context import job_context
from smaply_metrics_core.host.refresh.procrastinate_queue import (
    TASK,
    add_to_waiting,
    deferrer_of,
    job_of,
    pool_arguments,
    prepare_queue,
    queue_errors,
    require_procrastinate,
)
from smaply_metrics_core.host.refresh.refresh_end import RefreshEnd
from smaply_metrics_core.host.refresh.survey_refresh import SurveyRefresh
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store.queued_jobs import LEFT_QUEUE, QUEUE, QUEUES
from smaply_metrics_core.observability.log_events import log_event
from smaply_metrics_core.observability.telemetry import capture_context

if TYPE_CHECKING:
    from procrastinate import App, JobContext
    from procrastinate.jobs import Job


logger = logging.getLogger(__name__)

RETRY_SECONDS: Final = 2.0
"""The delay before a survey that another process is refreshing is tried again."""

HEARTBEAT_SECONDS: Final = 10.0
"""The time between two writes of the heartbeat file; Procrastinate's own is as frequent."""

SIGNAL_SECONDS: Final = 0.5
"""How soon a waiting main thread handles a signal that another thread received, or that came just
before the wait: such a signal does not interrupt it."""

LEFT_SECONDS: Final = 10.0
"""How long a survey that this process cannot refresh is left to other workers; then it may be tried
again here."""

MOST_LEFT: Final = 20
"""After so many attempts that could not be made, the job ends; the next load queues another."""


class Worker:
    """Runs queued refreshes until it is stopped; used as a context manager.

    A worker is considered dead when it sends no heartbeat for a third of the length of a lease. Its
    refresh is then queued again and runs when the lease has expired. It is retried only once:
    otherwise a survey that kills its worker would kill one worker after the other.

    Args:
        runtime: The shared parts of the host.
        sessions: Opens the sessions with sources.
        concurrency: How many surveys are refreshed at the same time.
        heartbeat_file: The file that the time is written to while the worker is alive.

    Raises:
        InputError: when Procrastinate is not installed, or the store is not in PostgreSQL.
        StoreError: when the database cannot be used.
    """

    def __init__(
        self,
        runtime: Runtime,
        sessions: ConnectionSessions,
        concurrency: int,
        heartbeat_file: Path | None = None,
    ) -> None:
        procrastinate = require_procrastinate()
        connector = procrastinate.PsycopgConnector(**pool_arguments(runtime.store))
        prepare_queue(runtime.store)
        self._store = runtime.store
        self._concurrency = concurrency
        self._heartbeat_file = heartbeat_file
        self._app: App = procrastinate.App(connector=connector)
        self._app.task(name=TASK, queue=QUEUE, pass_context=True)(self._refresh)
        self._make = SurveyRefresh(runtime, sessions, lambda *_: None)
        self._silence = runtime.settings.deadlines.lease / 3
        self._stopping = Event()
        self._ready = Event()
        # ``wait`` uses this instead of a join, which cannot be repeated after a signal.
        self._ended = Event()
        self._jobs: Any = None  # Procrastinate's worker; its methods have no types.
        self._pool = ThreadPoolExecutor(concurrency, "smaply-metrics-worker")
        self._failure: BaseException | None = None
        self._thread = Thread(target=self._run, name="smaply-metrics-worker")
        call_in_children(self._leave_to_the_parent)

    def _leave_to_the_parent(self) -> None:
        """Be a worker that has ended, in a child forked while this one was running."""
        keep_inherited((self._app, self._jobs))
        self._jobs = None
        self._pool = ThreadPoolExecutor(self._concurrency, "smaply-metrics-worker")
        self._ready, self._ended = Event(), Event()
        self._ready.set()
        self._ended.set()

    def __enter__(self) -> Self:
        """Start running jobs."""
        self._thread.start()
        try:
            self._ready.wait()
            logger.info(
                "The worker has started; it refreshes %d surveys at once.", self._concurrency
            )
        except BaseException:  # A signal: the block does not run, so its end is not called either.
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        """Stop the worker: running refreshes are cancelled and queued again."""
        self._stopping.set()
        if self._jobs is not None:
            self._jobs.stop()
        self._ended.wait()
        self._thread.join()
        self._pool.shutdown()
        logger.info("The worker has stopped.")

    def wait(self) -> None:
        """Block until the worker ends, and raise the error that ended it.

        Raises:
            StoreError: when the database cannot be used, or a newer Procrastinate has upgraded the
                tables of the queue.
        """
        while not self._ended.wait(SIGNAL_SECONDS):
            pass
        if self._failure is not None:
            prepare_queue(self._store)
            raise self._failure

    def _run(self) -> None:
        try:
            with queue_errors(self._store):
                asyncio.run(self._work())
        except BaseException as error:  # noqa: BLE001  # Raised by `wait`, in the caller's thread.
            self._failure = error
        finally:
            self._ready.set()
            self._ended.set()

    async def _work(self) -> None:
        from procrastinate.worker import Worker as JobWorker

        async with self._app.open_async():
            self._jobs = JobWorker(
                self._app,
                queues=[*QUEUES],
                concurrency=self._concurrency,
                delete_jobs="always",  # Failures are logged, and retried by the refresh policy.
                fetch_job_polling_interval=RETRY_SECONDS,
                install_signal_handlers=False,  # The caller handles signals.
                stalled_worker_timeout=self._silence,
                update_heartbeat_interval=self._silence / 3,
            )
            rescue = asyncio.create_task(self._rescue())
            heartbeat = asyncio.create_task(self._beat())
            self._ready.set()
            if self._stopping.is_set():
                self._jobs.stop()
            try:
                await self._jobs.run()
            finally:
                for task in (rescue, heartbeat):
                    task.cancel()
                    with suppress(asyncio.CancelledError):
                        await task

    async def _refresh(  # noqa: PLR0913  # The arguments of a job.
        self,
        context: JobContext,
        account: str,
        survey_id: str,
        *,
        connection_id: str = "",
        source: str = "",
        forced: bool,
        resumed: bool,
        left: int = 0,
    ) -> None:
        """Run one job; those of earlier releases have a source instead of a connection."""
        key = SurveyKey(account, connection_id or source, survey_id)
        with job_context(context.job.lock):
            restore_context, begun = capture_context(), time.monotonic()

            def make() -> RefreshEnd:
                with restore_context():
                    return self._make(key, forced, self._stopping, resumed=resumed)

            ended: RefreshEnd | None = None
            try:
                ended = await asyncio.get_running_loop().run_in_executor(self._pool, make)
            except Exception:  # The job ends; the refresh policy decides about the next one.
                logger.exception("The refresh of %s failed.", key)
            log_event(
                logger,
                logging.INFO,
                "The job ended.",
                {
                    "job": context.job.id,
                    "outcome": "error" if ended is None else ended.name.lower(),
                    "account": key.account,
                    "connection": key.connection_id,
                    "survey": key.survey_id,
                    "forced": forced,
                    "resumed": resumed,
                    "seconds": round(time.monotonic() - begun, 3),
                },
            )
            await self._queue_again(key, ended, forced=forced, resumed=resumed, left=left)

    async def _queue_again(
        self, key: SurveyKey, ended: RefreshEnd | None, *, forced: bool, resumed: bool, left: int
    ) -> None:
        """Queue a survey again if its refresh was not made."""
        if ended is RefreshEnd.BUSY:
            # The running refresh may lack a metric of this job, so the job runs again after it.
            job = job_of(key, forced=forced, resumed=resumed, left=left)
            await self._queue(key, job, delay=RETRY_SECONDS)
        elif ended is RefreshEnd.CUT_SHORT:
            await self._queue(key, job_of(key, forced=forced, resumed=resumed, left=left))
        elif ended is RefreshEnd.LEFT and left < MOST_LEFT:
            self._step_aside()
            job = job_of(key, forced=forced, resumed=resumed, left=left + 1)
            await self._queue(key, job, queue=LEFT_QUEUE)

    def _step_aside(self) -> None:
        """Take no job from the queue of left refreshes for a while, so that other workers get it.

        Without this, a worker that cannot make a refresh competes for it with those that can.
        """
        served = self._jobs.queues  # Procrastinate reads it at each fetch.
        if LEFT_QUEUE in served:
            self._jobs.queues = [QUEUE]
            asyncio.get_running_loop().call_later(
                LEFT_SECONDS, setattr, self._jobs, "queues", served
            )

    async def _queue(
        self,
        key: SurveyKey,
        job: dict[str, Any],
        *,
        queue: str = QUEUE,
        delay: float | None = None,
    ) -> None:
        from procrastinate.exceptions import AlreadyEnqueued

        deferrer = deferrer_of(self._app, key, queue, delay=delay)
        while True:
            try:
                await deferrer.defer_async(**job)
            except AlreadyEnqueued:
                if await asyncio.to_thread(add_to_waiting, self._store, key, job, queue):
                    return
            else:
                return

    async def _beat(self) -> None:
        """Write the time to the file of the heartbeat, in a loop."""
        while self._heartbeat_file is not None:
            now = datetime.now(UTC).isoformat(timespec="seconds")
            try:
                self._heartbeat_file.write_text(f"{now}\n", encoding="ascii")
            except OSError as error:
                logger.warning("The heartbeat could not be written: %s.", error.strerror)
            await asyncio.sleep(HEARTBEAT_SECONDS)

    async def _rescue(self) -> None:
        """Queue the jobs of dead workers again, in a loop."""
        manager = self._app.job_manager
        while True:
            try:
                with queue_errors(self._store):
                    for queue in QUEUES:
                        for job in await manager.get_stalled_jobs(
                            queue=queue, seconds_since_heartbeat=self._silence
                        ):
                            await self._take_over(job)
            except StoreError as error:
                logger.warning("The jobs of dead workers could not be taken over: %s", error)
            except Exception:  # Whatever failed, the jobs of this worker continue.
                logger.exception("The jobs of dead workers could not be taken over.")
            await asyncio.sleep(self._silence / 3)

    async def _take_over(self, job: Job) -> None:
        from procrastinate.exceptions import ConnectorException
        from procrastinate.jobs import Status

        try:
            given: dict[str, Any] = dict(job.task_kwargs)
            connection = given.get("connection_id") or given["source"]
            key = SurveyKey(given["account"], connection, given["survey_id"])
            again = job_of(key, forced=given["forced"], resumed=not given["resumed"])
        except KeyError:
            logger.error("Dropped a job of a dead worker: another release queued it.")  # noqa: TRY400  # The traceback adds nothing.
        else:
            logger.warning(
                "The worker that was refreshing %s died; the survey is queued again.", key
            )
            with job_context(job.lock):
                await self._queue(key, again)
        # Of several workers that take over the job concurrently, only one can finish it.
        with suppress(ConnectorException):
            await self._app.job_manager.finish_job(job, Status.ABORTED, delete_job=True)
