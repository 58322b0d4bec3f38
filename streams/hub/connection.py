"""A viewer's cursors, and the sink that their frames go to. Knows nothing of JSON or Channels."""

import asyncio
from collections.abc import Callable
from typing import Protocol

from streams.conf import conf
from streams.hub.feed import Cursor, Feed
from streams.hub.window import Frame, Window
from streams.protocol.kinds import Viewer

OUTBOX_FRAMES = 1_000  # answers queued for a reader; one that keeps sending without reading is closed


class Sink(Protocol):
    """Where a connection's frames go. `ready` turns False when the reader cannot keep up; the sink then calls
    `on_ready` once there is room again. `taken` counts what the reader has taken so far, in bytes or frames: as long as
    it grows, the reader reads."""

    on_ready: Callable[[], None]

    @property
    def ready(self) -> bool: ...

    @property
    def taken(self) -> int: ...

    def write(self, frame: Frame) -> None: ...

    def close(self, code: int) -> None: ...


class SessionListener(Protocol):
    """The client session of a connection, notified of what the connection can't handle itself."""

    def lost(self, cursor: Cursor) -> None:
        """The log no longer has the events after the cursor."""

    def dropped(self, name: str) -> None:
        """The stream has ended."""

    def access_changed(self) -> None:
        """The viewer's access may have changed."""

    def stalled(self) -> None:
        """The reader has stopped reading."""


class PageSource(Protocol):
    """Reads for cursors that have fallen behind their feed's window."""

    async def page(self, name: str, seq: int) -> Window | None:
        """The page of the log for a cursor at `seq`; None if the log can't be read now."""

    def retry(self, cursor: Cursor) -> None:
        """Wake the cursor when the log may be readable again."""


class Connection:
    """One viewer's socket. Pulls from its feeds whenever its sink has room; holds no events of its own.

    `merge` says whether a frame may carry several events (subprotocol agentstream.v1).
    """

    def __init__(self, pages: PageSource, viewer: Viewer, sink: Sink, merge: bool, listener: SessionListener) -> None:
        self.viewer = viewer
        self.sink = sink
        self.listener = listener
        self.cursors: dict[str, Cursor] = {}
        self._pages = pages
        self._frame_bytes = conf().FRAME_BYTES if merge else 0
        self._drained: asyncio.Future[None] | None = None  # a caller is waiting for the outbox to become empty
        self._outbox: list[Frame] = []  # usually empty: a deque would take 700 bytes
        self._woken: dict[Cursor, None] = {}  # in the order to be served
        self._stalled_at: float | None = None
        self._stalled_taken = 0
        sink.on_ready = self.flush

    def send(self, frame: Frame) -> None:
        """Send something other than a stream's event; such frames go first."""
        self._outbox.append(frame)
        self.flush()

    async def drained(self) -> None:
        """Wait until everything sent has been written to the sink and the sink has room for more."""
        while self._outbox or not self.sink.ready:
            if self._drained is None or self._drained.done():
                self._drained = asyncio.get_running_loop().create_future()
            await asyncio.shield(self._drained)

    @property
    def flooded(self) -> bool:
        """Whether the reader keeps sending requests without reading the answers."""
        return len(self._outbox) > OUTBOX_FRAMES

    def follow(self, feed: Feed, seq: int) -> None:
        """Set this connection's cursor in `feed` to `seq`, creating it if necessary."""
        self.unfollow(feed.name)
        cursor = self.cursors[feed.name] = Cursor(self, feed, seq)
        feed.cursors[cursor] = None
        feed.idle_since = None
        self.wake(cursor)

    def unfollow(self, name: str) -> None:
        """Drop the cursor in the stream `name`, if there is one."""
        cursor = self.cursors.pop(name, None)
        if cursor is None:
            return
        cursor.feed.cursors.pop(cursor, None)
        self._woken.pop(cursor, None)
        if cursor.reading:
            cursor.reading.cancel()
        if not cursor.feed.cursors:
            cursor.feed.idle_since = asyncio.get_running_loop().time()

    def close(self) -> None:
        """Drop all cursors."""
        for name in list(self.cursors):
            self.unfollow(name)

    def wake(self, cursor: Cursor) -> None:
        """The cursor's feed has grown, or the cursor is new: send its events if the sink has room."""
        if not self._woken and not self._outbox and self.sink.ready:  # no other cursor is waiting, the usual case
            frame = cursor.next(self._frame_bytes)
            if frame is not None:
                self.sink.write(frame)
                if not cursor.behind:
                    return
        self._woken[cursor] = None
        self.flush()

    def flush(self) -> None:
        """Write frames while there are any and the sink has room."""
        sink = self.sink
        while sink.ready:
            frame = self._outbox.pop(0) if self._outbox else self._next()
            if frame is None:
                break
            sink.write(frame)
        if self._drained is not None and not self._drained.done() and sink.ready:
            self._drained.set_result(None)

    def _next(self) -> Frame | None:
        """The next frame of the woken cursors, in turn; a cursor with more frames goes to the end of the queue."""
        while self._woken:
            cursor = next(iter(self._woken))
            del self._woken[cursor]
            if not cursor.behind:
                continue
            frame = cursor.next(self._frame_bytes)
            if frame is not None:
                self._woken[cursor] = None
                return frame
            if cursor.reading is None:
                cursor.reading = asyncio.create_task(self._read(cursor))
        return None

    async def _read(self, cursor: Cursor) -> None:
        """Fetch the page of the log that the cursor needs next."""
        try:
            page = await self._pages.page(cursor.feed.name, cursor.seq)
        finally:
            cursor.reading = None
        if page is not None and page.after > cursor.seq:
            self.listener.lost(cursor)
        elif page is None or len(page) == 0:  # empty: the log is shorter than announced, which the hub will notice
            self._pages.retry(cursor)
        else:
            cursor.page = page
            self.wake(cursor)

    def lost(self, cursor: Cursor) -> None:
        self.listener.lost(cursor)

    def dropped(self, name: str) -> None:
        self.listener.dropped(name)

    def stalled(self, now: float) -> bool:
        """Whether the reader has read nothing for the allowed time. Call this about once a second."""
        if self.sink.ready:
            self._stalled_at = None
            return False
        taken = self.sink.taken
        if self._stalled_at is None or taken > self._stalled_taken:
            self._stalled_at, self._stalled_taken = now, taken
        return now - self._stalled_at >= conf().STALL
