"""Feeds: one process's copy of a stream that is watched there, and when its followers are woken."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from enum import Enum, auto
from typing import Protocol

from streams.conf import conf
from streams.hub.window import Frame, Window
from streams.protocol.kinds import Viewer
from streams.protocol.messages import timestamp_of
from streams.protocol.positions import Span

logger = logging.getLogger(__name__)

MAX_PAUSE_SECONDS = 0.005  # between two flushes


class Follower(Protocol):
    """The holder of a cursor: a connection."""

    viewer: Viewer

    def wake(self, cursor: "Cursor") -> None:
        """The cursor's feed has grown."""

    def lost(self, cursor: "Cursor") -> None:
        """The log no longer has the events after the cursor."""

    def dropped(self, name: str) -> None:
        """The stream has ended."""


class Cursor:
    """One connection's position in one stream: everything up to `seq` has been written to its sink."""

    __slots__ = ("feed", "follower", "page", "reading", "seq")

    def __init__(self, follower: Follower, feed: "Feed", seq: int) -> None:
        self.follower = follower
        self.feed = feed
        self.seq = seq
        self.page: Window | None = None  # a page of the log, while behind the feed's window
        self.reading: asyncio.Task[None] | None = None

    def next(self, max_bytes: int) -> Frame | None:
        """The next frame for this cursor, which moves it; None if none is in memory."""
        part = self.feed.window.part(self.seq, max_bytes)
        if part is None and self.page is not None:
            part = self.page.part(self.seq, max_bytes)
        if part is None:
            return None
        frame, self.seq = part
        return frame

    @property
    def behind(self) -> bool:
        return self.seq < self.feed.head


class Received(Enum):
    """The effect of a batch of events on a feed."""

    DUPLICATE = auto()
    IN_ORDER = auto()
    GAP = auto()
    REWRITTEN = auto()  # other events at known seqs: the log was restored from a backup and has grown again


class Feed:
    """A stream's head and recent window, and the cursors that follow it.

    `head` is the newest seq known here, `at` its timestamp (None: not known). `target` is the newest seq announced; it
    is ahead of `head` while the events in between are read from the log.
    """

    __slots__ = ("at", "cursors", "filling", "head", "idle_since", "joined", "name", "opened", "target", "window")

    def __init__(self, name: str) -> None:
        self.name = name
        self.head = 0
        self.at: str | None = None
        self.target = 0
        self.window: Window = Window(0)
        self.cursors: dict[Cursor, None] = {}
        self.joined = False  # whether this process is in the stream's group
        self.filling = False
        self.idle_since: float | None = asyncio.get_running_loop().time()
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    @property
    def is_open(self) -> bool:
        return self.opened.done()

    def open(self, span: Span) -> None:
        """Start at the log's newest seq; earlier events are read from the log when needed."""
        if not self.opened.done():
            self.skip_to(span.head, span.at)
            self.opened.set_result(None)

    def fail(self, error: Exception) -> None:
        """Raise this error to everyone waiting for the feed."""
        if not self.opened.done():
            self.opened.set_exception(error)
            self.opened.exception()  # mark it as retrieved, in case nobody waits any more

    def receive(self, first: int, last: int, texts: list[bytes]) -> Received:
        """Add events `first` to `last`; `texts` is empty if the message didn't carry them."""
        self.target = max(self.target, last)
        if first <= self.head and texts and self._differs(first, texts):
            return Received.REWRITTEN
        if last <= self.head:
            return Received.DUPLICATE
        if first > self.head + 1 or not texts or not self.is_open:
            return Received.GAP
        self.window.extend(texts[self.head + 1 - first :])
        self.head, self.at = last, timestamp_of(texts[-1])
        self.window.forget(conf().WINDOW_EVENTS, conf().WINDOW_BYTES)
        return Received.IN_ORDER

    def _differs(self, first: int, texts: list[bytes]) -> bool:
        """Whether these events, from seq `first` on, differ from those known here at the same seqs."""
        newest = min(first + len(texts) - 1, self.head)
        text = texts[newest - first]
        if newest == self.head and self.at is not None:
            return timestamp_of(text) != self.at
        known = self.window.text(newest)
        return known is not None and known != text

    def skip_to(self, head: int, at: str | None) -> None:
        """Discard the window and continue after `head`, written at `at`; cursors behind it read the log."""
        self.head, self.at = head, at
        self.window = Window(head)

    def contradicts(self, at: str | None) -> bool:
        """Whether the log's event at `head`, written at `at`, differs from the one known here."""
        return self.at is not None and at is not None and at != self.at

    def wake(self) -> None:
        """Wake all followers. One that fails doesn't affect the others."""
        for cursor in list(self.cursors):
            try:
                cursor.follower.wake(cursor)
            except Exception:
                logger.exception("cannot write to %s", cursor.follower.viewer.name)


class Flusher:
    """Decides when to flush feeds that have grown: immediately when idle, in larger batches under load.

    Flushes are at least FLUSH_MIN apart. Once events arrive faster than they are flushed, so that a flush has more
    events than feeds, the pause is as long as the flush took, at most MAX_PAUSE_SECONDS: light load isn't delayed, and
    heavy load leads to larger frames instead of more of them. A longer flush gathers enough events while it runs; an
    equally long pause would only leave the processor idle.
    """

    def __init__(self, flush: Callable[[Iterable[Feed]], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._flush = flush
        self._grown: dict[Feed, None] = {}
        self._events = 0
        self._not_before = 0.0
        self._scheduled = False

    def add(self, feed: Feed, events: int = 1) -> None:
        """The feed has grown by this many events."""
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
            self._not_before = end + (min(max(shortest, end - start), MAX_PAUSE_SECONDS) if pressed else shortest)
