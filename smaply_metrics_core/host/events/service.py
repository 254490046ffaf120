"""Subscribes host apps to events, and lists the consumers."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection

from smaply_metrics_core.errors import InputError, NotFound
from smaply_metrics_core.forking import call_now_and_in_children
from smaply_metrics_core.host.events.delivery import (
    EventCallback,
    EventDelivery,
    EventSubscription,
)
from smaply_metrics_core.host.runtime import Runtime
from smaply_metrics_core.host.store import event_consumers
from smaply_metrics_core.host.store.event_consumers import MAX_NAME, EventConsumer
from smaply_metrics_core.host.store.events import EventKind


class Events:
    """The events of all accounts, for the host app: it must not show them to other accounts.

    Events are written in the transaction of the change that they are about, and delivered in that
    order, at least once, to each consumer. A consumer is a name and a position, in the store. Of
    all processes that use a name, one at a time receives its events. Nothing is recorded before
    there is a consumer.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime
        self._closed = False
        call_now_and_in_children(self._renew)

    def _renew(self) -> None:
        self._lock = threading.Lock()
        self._subscriptions: list[EventSubscription] = []

    def subscribe(
        self,
        consumer: str,
        callback: EventCallback,
        *,
        kinds: Collection[EventKind] = tuple(EventKind),
        cancelled: threading.Event | None = None,
        on_end: Callable[[], object] | None = None,
    ) -> EventSubscription:
        """Call a function for each event, on a thread, until the subscription or the host closes.

        If it raises an exception, the event is repeated, after 1 second at first and a minute at
        most, and later events wait. An event may be delivered twice, as after a crash: handle it by
        its ``id``. A function that takes longer than ``Deadlines.lease`` for one event may be
        overtaken by another process.

        Args:
            consumer: The name of the consumer. A new one receives the events from now on.
            callback: Receives each event.
            kinds: The kinds to receive; others are skipped.
            cancelled: An event that ends the subscription when it is set.
            on_end: Called on the thread when the subscription has ended.

        Raises:
            InputError: for a name that is empty or too long, or if the host is closed.
            StoreError: when the store cannot be used.
        """
        delivery = self._delivery(consumer, callback, kinds)
        with self._lock:
            if self._closed:
                raise InputError("This host is closed.", remedy="Open a new one.")
            self._subscriptions = [one for one in self._subscriptions if one.is_running]
            subscription = EventSubscription(
                self._runtime, delivery, cancelled or threading.Event(), on_end
            )
            self._subscriptions.append(subscription)
        return subscription

    def deliver(
        self,
        consumer: str,
        callback: EventCallback,
        *,
        kinds: Collection[EventKind] = tuple(EventKind),
    ) -> int:
        """Call a function for each pending event, and return how many there were.

        This is for a script or a cron job: it does not wait for events. The first call with a name
        adds the consumer, and returns 0. It also returns 0 while another process delivers to it.

        Raises:
            InputError: for a name that is empty or too long.
            StoreError: when the store cannot be used.
            Exception: what the function raised; the next call repeats the event.
        """
        return self._delivery(consumer, callback, kinds).deliver(threading.Event())

    def consumers(self) -> tuple[EventConsumer, ...]:
        """Return all consumers with the number of events that they have not processed."""
        with self._runtime.store.reading() as db:
            return event_consumers.read_all(db)

    def forget(self, consumer: str) -> None:
        """Remove a consumer that is no longer used; its subscriptions end.

        Raises:
            NotFound: when there is no such consumer.
        """
        with self._runtime.store.writing() as db:
            if not event_consumers.remove(db, consumer):
                raise NotFound(
                    "There is no consumer of events with this name.",
                    remedy="Use a name that events.consumers() returns.",
                )

    def close(self) -> None:
        """End all subscriptions of this process, and accept no further ones."""
        with self._lock:
            self._closed = True
            subscriptions, self._subscriptions = self._subscriptions, []
        for subscription in subscriptions:
            subscription.stop()
        for subscription in subscriptions:
            subscription.close()

    def _delivery(
        self, consumer: str, callback: EventCallback, kinds: Collection[EventKind]
    ) -> EventDelivery:
        if not 1 <= len(consumer) <= MAX_NAME:
            raise InputError(
                "The name of the consumer is not valid.",
                remedy=f"Use 1 to {MAX_NAME} characters.",
            )
        with self._runtime.store.writing() as db:
            event_consumers.register(db, consumer)
        return EventDelivery(self._runtime, consumer, callback, kinds)
