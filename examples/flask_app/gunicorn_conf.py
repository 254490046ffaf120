"""Settings of gunicorn: the app is loaded once, and forked for each worker."""

from __future__ import annotations

preload_app = True
workers = 2
threads = 4


def post_fork(_server: object, _worker: object) -> None:
    """Subscribe to events in each worker."""
    from app import subscribe

    subscribe()


def worker_exit(_server: object, worker: object) -> None:
    """Remove the consumer of a worker, and close its copy of the host."""
    from app import host

    host.events.forget(f"flask {getattr(worker, 'pid', 0)}")
    host.close()
