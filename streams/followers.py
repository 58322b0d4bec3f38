"""Runs the followers: woken by the broker or by polling, takes the lease, hands over new events, stores the position.

Never delays a publication: a follower reads the log after the commit, in its own thread, in small steps with a pause
between them.
"""

import asyncio
import logging
import os
import random
import threading
import time
import uuid
from collections.abc import Collection, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

from streams import metrics
from streams.broker import HUBS_GROUP, Broker, StreamsGrown
from streams.conf import conf
from streams.database import in_thread
from streams.log import followers as store
from streams.log.followers import Behind, LeaseLostError
from streams.plugin import Follower, Start, StreamApp, installed
from streams.protocol.messages import ProtocolError

logger = logging.getLogger(__name__)

STEP_EVENTS = 100  # handed over at once
STEP_SIZE = 131_072  # characters handed over at once: large events are in memory several times while they are handled
STEP_PAUSE = 0.02  # shortest pause between two steps in seconds, so that others can write
REST = 9.0  # pause after a step, times its duration: leaves publishers most of the machine and of the database
TELL_SECONDS = 0.2  # for which names of grown streams are collected before other processes are notified
GATHER_SECONDS = 0.5  # for which they are collected before a step, so that many small publications share one
MAX_NAMES = 1_000  # collected at most; beyond that all streams are scanned

Names = set[str] | None  # of streams that have grown; None: any may have


def installed_followers() -> list[Follower]:
    return [follower for app in installed(StreamApp) for follower in app.followers()]


class Worker:
    """Runs one follower in this process. Not thread-safe."""

    def __init__(self, follower: Follower, holder: str, stopping: threading.Event | None = None) -> None:
        self.follower = follower
        self._holder = holder
        self._stopping = stopping or threading.Event()
        self._failing: set[int] = set()
        self._started = False

    def run(self, names: Collection[str] | None = None) -> set[str]:
        """Hand over a step of each of these streams, or of all, that has new events, if the lease can be had.

        Returns the streams that have more: they take turns with what grows meanwhile."""
        name, kinds = self.follower.name, self.follower.kinds
        if self.follower.start is Start.NEWEST and not self._started:
            store.skip_history(name, kinds)
            self._started = True
        found = list(store.behind(name, kinds, names))
        gone = store.ended(name) if names is None else []
        if names is None:
            metrics.FOLLOWER_LAG.labels(follower=name).set(sum(stream.count for stream in found))
        if not (found or gone) or not store.take_lease(name, self._holder):
            return set()
        try:
            self._forget(gone)
            return self._follow(found)
        except LeaseLostError:
            logger.warning("another process has taken over the follower %s", name)
            return set()

    def release(self) -> None:
        """Let another process take over the follower at once."""
        store.release_lease(self.follower.name, self._holder)

    def _follow(self, found: list[Behind]) -> set[str]:
        rest = set()
        for stream in found:
            began = time.monotonic()
            reached = self._step(stream)
            if reached is not None and reached < stream.head:
                rest.add(stream.stream)
            if self._stopping.wait(_pause_after(time.monotonic() - began)):
                break
        return rest

    def _step(self, stream: Behind) -> int | None:
        """Hand over the next events of a stream. Returns how far it has then been handled; None if that failed."""
        step = store.next_events(stream, STEP_EVENTS, STEP_SIZE, self.follower.types)
        try:
            if stream.floor > stream.known_floor:
                self.follower.trimmed(stream.stream, stream.stream_id, stream.floor)
            if step.events:
                self.follower.handle(stream.stream, stream.stream_id, step.events)
        except Exception:
            if stream.stream_id not in self._failing:
                logger.exception("the follower %s failed on %s and will be retried", self.follower.name, stream.stream)
            self._failing.add(stream.stream_id)
            return None
        self._failing.discard(stream.stream_id)
        reached = max(step.reached, stream.floor)
        store.advance(self.follower.name, self._holder, stream.stream_id, reached, stream.floor)
        return reached

    def _forget(self, stream_ids: Iterable[int]) -> None:
        for stream_id in stream_ids:
            self.follower.ended(stream_id)
            store.forget(self.follower.name, self._holder, stream_id)
            if self._stopping.wait(STEP_PAUSE):
                return


def _pause_after(step_seconds: float) -> float:
    """The pause between two steps, in seconds: never so long that the lease could run out meanwhile."""
    return min(max(STEP_PAUSE, REST * step_seconds), conf().FOLLOWER_LEASE / 4)


class Followers:
    """The followers of one event loop."""

    def __init__(self, followers: Collection[Follower], broker: Broker) -> None:
        holder = f"{os.getpid()}-{uuid.uuid4().hex[:12]}"
        self._stopping = threading.Event()
        self._workers = [Worker(follower, holder, self._stopping) for follower in followers]
        self._kinds = {kind for follower in followers for kind in follower.kinds}
        self._broker = broker
        self._grown: dict[Worker, Names] = {worker: set() for worker in self._workers}
        self._woken = {worker: asyncio.Event() for worker in self._workers}
        self._untold: set[str] = set()
        self._telling: asyncio.TimerHandle | None = None
        self._executor = ThreadPoolExecutor(max(1, len(self._workers)), thread_name_prefix="follower")
        self._tasks = [asyncio.create_task(self._run(worker)) for worker in self._workers]

    def note(self, names: Iterable[str]) -> None:
        """This process has appended to these streams: wake the followers here and, soon, in other processes."""
        followed = {name for name in names if name.partition(".")[0] in self._kinds}
        if not followed:
            return
        self.wake(followed)
        if self._broker.alone:
            return
        self._untold |= followed
        if self._telling is None:
            self._telling = asyncio.get_running_loop().call_later(TELL_SECONDS, self._tell)

    def wake(self, names: Collection[str] | None) -> None:
        """Wake the followers here because these streams (None: any) have grown."""
        for worker, event in self._woken.items():
            known = self._grown[worker]
            together = None if names is None or known is None else known | set(names)
            self._grown[worker] = None if together is None or len(together) > MAX_NAMES else together
            event.set()

    def _tell(self) -> None:
        self._telling = None
        untold, self._untold = self._untold, set()
        names = sorted(untold) if len(untold) <= MAX_NAMES else []
        self._broker.publish_many([(HUBS_GROUP, StreamsGrown(names))])

    async def _run(self, worker: Worker) -> None:
        clock = asyncio.get_running_loop().time
        poll_at = clock()
        rest: set[str] = set()
        while True:
            if not rest:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._woken[worker].wait(), max(poll_at - clock(), 0))
                    await asyncio.sleep(GATHER_SECONDS)
            grown, self._grown[worker] = self._grown[worker], set()
            names = None if grown is None else grown | rest
            rest = set()
            self._woken[worker].clear()
            if clock() >= poll_at:
                names, poll_at = None, clock() + conf().FOLLOWER_POLL * random.uniform(0.8, 1.2)  # noqa: S311
            try:
                rest = await in_thread(self._executor, worker.run, names)
            except ProtocolError:
                pass  # the database is down, which has been logged
            except Exception:
                logger.exception("the follower %s failed", worker.follower.name)

    async def close(self) -> None:
        """Stop after the current step, and let other processes take over."""
        self._stopping.set()
        if self._telling is not None:
            self._telling.cancel()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for worker in self._workers:
            with suppress(Exception):  # the lease expires by itself
                await in_thread(self._executor, worker.release)
        self._executor.shutdown(wait=False)
