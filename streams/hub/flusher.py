"""When to wake the readers: at once if it has been quiet, in bigger steps under load."""

import asyncio
from collections.abc import Callable, Iterable

from streams.conf import conf
from streams.hub.feed import Feed

PAUSE = 0.005  # seconds


class Flusher:
    """Calls `flush` with the feeds that have grown.

    Between two flushes lie FLUSH_MIN at least. Once events come faster than they are flushed, so that a flush has more
    of them than feeds, the pause is as long as the flush took, at most PAUSE: light load gains no delay, heavy load
    turns into bigger frames instead of more of them. A flush that takes longer than PAUSE gathers enough while it runs;
    to wait as long again would only leave the processor idle.
    """

    def __init__(self, flush: Callable[[Iterable[Feed]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._flush = flush
        self._grown: dict[Feed, None] = {}
        self._events = 0
        self._not_before = 0.0
        self._scheduled = False

    def add(self, feed: Feed, events: int = 1) -> None:
        """The feed has grown by so many events."""
        self._grown[feed] = None
        self._events += events
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_at(max(self._not_before, self._loop.time()), self._run)

    def _run(self) -> None:
        self._scheduled = False
        grown, self._grown = self._grown, {}
        pressed, self._events = self._events > len(grown), 0
        start = self._loop.time()
        try:
            self._flush(grown)
        finally:
            end = self._loop.time()
            shortest = conf().FLUSH_MIN
            self._not_before = end + (min(max(shortest, end - start), PAUSE) if pressed else shortest)
