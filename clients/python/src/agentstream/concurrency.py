"""asyncio helpers: a timeout that is safe to cancel, a wake-up call for any number of waiters, a beat, and a clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable
from typing import TypeVar

Result = TypeVar("Result")

# Counts while the machine sleeps, too, which the event loop's clock doesn't.
_CLOCK = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def clock() -> float:
    """The seconds since some moment in the past, also those that the machine slept; nobody can set it."""
    return time.clock_gettime(_CLOCK)


async def within(seconds: float | None, work: Awaitable[Result]) -> Result:
    """The result of `work`, which is cancelled after this many seconds. Raises asyncio.TimeoutError.

    Before Python 3.12 `asyncio.wait_for` swallows a cancellation if `work` ends at that moment, and the canceller waits
    forever.
    """
    task = asyncio.ensure_future(work)
    try:
        await asyncio.wait({task}, timeout=seconds)
    finally:
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
    if task.cancelled():
        raise TimeoutError
    return task.result()


async def beat(seconds: float) -> None:
    """Wait until the loop's clock shows the next multiple of `seconds`. Everything that waits like this wakes the
    program once instead of one by one, which is most of what a program takes that has little to do."""
    loop = asyncio.get_running_loop()
    reached = asyncio.Event()
    timer = loop.call_at((loop.time() // seconds + 1) * seconds, reached.set)
    try:
        await reached.wait()
    finally:
        timer.cancel()


class Notifier:
    """`notify` wakes all current waiters. A task that checks its condition and then waits misses nothing."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def notify(self) -> None:
        self._next.set()
        self._next = asyncio.Event()

    def wait(self) -> Awaitable[object]:
        """Wait for the next notification after this call, even if the waiting begins later, as that of a new task."""
        return self._next.wait()
