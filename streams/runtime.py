"""The runtime: what one event loop needs to serve streams, created and closed together; and the receivers of signals.

Receivers of the signals do one thing: `group_send` to the groups named after the streams (`agent.<id>`, …).
"""

import asyncio
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from asgiref.sync import async_to_sync
from channels.layers import InMemoryChannelLayer, get_channel_layer
from django.dispatch import receiver
from prometheus_client import Gauge

from streams import metrics
from streams.broker import (
    HUBS_GROUP,
    AccessChanged,
    Broker,
    Message,
    StreamAppended,
    StreamDropped,
    configured_broker,
)
from streams.database import Database
from streams.followers import Followers, installed_followers
from streams.hub.hub import Hub
from streams.hub.reader import Reader
from streams.maintenance import installed_jobs, maintain
from streams.plugin import Follower, Job, StreamApp, installed
from streams.protocol.kinds import Kind
from streams.signals import EventBatch, access_changed, events_appended, streams_dropped

T = TypeVar("T")

# The one thing kept per process: threads and signals have no other way to find a runtime.
_runtimes: WeakKeyDictionary[asyncio.AbstractEventLoop, "Runtime"] = WeakKeyDictionary()


class Runtime:
    """The kinds of streams, database threads, broker, hub, followers and maintenance of one event loop.

    A server calls `start` and `close`. `current` also starts one, for ASGI servers that have no hook for that.
    """

    def __init__(
        self,
        kinds: Iterable[Kind] | None = None,
        jobs: Sequence[Job] | None = None,
        followers: Sequence[Follower] | None = None,
    ) -> None:
        """`kinds`, `jobs` and `followers` default to those of the installed apps."""
        found = [kind for app in installed(StreamApp) for kind in app.stream_kinds()] if kinds is None else kinds
        self.kinds: dict[str, Kind] = {kind.name: kind for kind in found}
        self.kinds_on_wire: dict[str, Kind] = {kind.wire_name: kind for kind in self.kinds.values()}
        self.database = Database()
        self.broker: Broker = configured_broker()
        self.hub = Hub(self.broker, Reader(self.database, self.kinds))
        self.followers = Followers(installed_followers() if followers is None else followers, self.broker)
        self.hub.on_grown = self.followers.wake
        self._parts: dict[type, Any] = {}
        self._loop = asyncio.get_running_loop()
        self._maintenance = asyncio.create_task(maintain(installed_jobs() if jobs is None else jobs))

    @classmethod
    def start(
        cls,
        kinds: Iterable[Kind] | None = None,
        jobs: Sequence[Job] | None = None,
        followers: Sequence[Follower] | None = None,
    ) -> "Runtime":
        """Start the runtime of the running event loop, which must not have one."""
        loop = asyncio.get_running_loop()
        assert loop not in _runtimes, "this event loop already has a runtime"
        runtime = _runtimes[loop] = cls(kinds, jobs, followers)
        return runtime

    @classmethod
    def current(cls) -> "Runtime":
        """The runtime of the running event loop, started on first use."""
        return _runtimes.get(asyncio.get_running_loop()) or cls.start()

    @classmethod
    def running(cls) -> list["Runtime"]:
        """The runtimes of this process; a server has one."""
        return [runtime for loop, runtime in list(_runtimes.items()) if loop.is_running()]

    @classmethod
    def of_process(cls) -> "Runtime | None":
        """The runtime of this process, for code in any thread; None in processes that serve nothing (commands)."""
        return next(iter(cls.running()), None)

    def part(self, kind: type[T]) -> T:
        """An app's in-memory state for this event loop: one instance of `kind`, created on first use."""
        found: T | None = self._parts.get(kind)
        return self._parts.setdefault(kind, kind()) if found is None else found

    def publish_soon(self, messages: list[tuple[str, Message]]) -> None:
        """Publish messages, from any thread."""
        self._loop.call_soon_threadsafe(self.broker.publish_many, messages)

    def note_grown(self, names: Sequence[str]) -> None:
        """Wake the followers of these streams, from any thread."""
        self._loop.call_soon_threadsafe(self.followers.note, names)

    async def close(self) -> None:
        """Stop listening, send queued messages, end the threads."""
        _runtimes.pop(self._loop, None)
        self._maintenance.cancel()
        await self.followers.close()
        await asyncio.gather(self._maintenance, return_exceptions=True)
        await self.hub.close()
        await self.broker.close()
        await self.database.close()


@receiver(events_appended)
def broadcast_events(batches: list[EventBatch], **kwargs: Any) -> None:
    _broadcast([(batch.stream, StreamAppended.of(batch)) for batch in batches])
    runtime = Runtime.of_process()
    if runtime is not None:
        runtime.note_grown([batch.stream for batch in batches])


@receiver(streams_dropped)
def broadcast_dropped(names: list[str], **kwargs: Any) -> None:
    _broadcast([(name, StreamDropped(name)) for name in names])


@receiver(access_changed)
def broadcast_access(user_ids: Collection[int], **kwargs: Any) -> None:
    _broadcast([(HUBS_GROUP, AccessChanged(sorted(user_ids)))])


def _broadcast(messages: list[tuple[str, Message]]) -> None:
    """Publish through this process's runtime; a process without one, such as a command, publishes directly."""
    runtime = Runtime.of_process()
    if runtime is not None:
        runtime.publish_soon(messages)
    elif not isinstance(get_channel_layer(), InMemoryChannelLayer):  # in memory, no other process would receive it
        async_to_sync(_publish)(messages)


async def _publish(messages: list[tuple[str, Message]]) -> None:
    await configured_broker().publish_now(messages)


def _observe(gauge: Gauge, count: Callable[[Hub], int]) -> None:
    gauge.set_function(lambda: sum(count(runtime.hub) for runtime in Runtime.running()))


_observe(metrics.CONNECTIONS, lambda hub: len(hub.connections))
_observe(metrics.SUBSCRIPTIONS, lambda hub: sum(len(each.cursors) for each in hub.connections))
_observe(metrics.FEEDS, lambda hub: len(hub.feeds))
_observe(metrics.WINDOW_BYTES, lambda hub: sum(each.window.size for each in hub.feeds.values()))
_observe(metrics.BEHIND, lambda hub: sum(cursor.behind for feed in hub.feeds.values() for cursor in feed.cursors))
