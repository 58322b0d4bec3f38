"""When to wake the readers: at once if it has been quiet, in bigger steps under load."""

import asyncio
from collections.abc import Callable, Iterable

from streams.conf import conf
from streams.feed import Feed

PAUSE = 0.005  # seconds


class Flusher:
    """Calls `flush` with the feeds that have grown.

    After a flush that took t seconds the next one comes no sooner than t later (at least FLUSH_MIN, at most PAUSE):
    light load gains no delay, heavy load turns into bigger frames instead of more of them. A flush that takes longer
    than PAUSE gathers enough while it runs; to wait as long again would only leave the processor idle.
    """

    def __init__(self, flush: Callable[[Iterable[Feed]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._flush = flush
        self._grown: dict[Feed, None] = {}
        self._not_before = 0.0
        self._scheduled = False

    def add(self, feed: Feed) -> None:
        self._grown[feed] = None
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_at(max(self._not_before, self._loop.time()), self._run)

    def _run(self) -> None:
        self._scheduled = False
        grown, self._grown = self._grown, {}
        start = self._loop.time()
        try:
            self._flush(grown)
        finally:
            end = self._loop.time()
            self._not_before = end + min(max(conf().FLUSH_MIN, end - start), PAUSE)
