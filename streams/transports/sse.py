"""A stream as server-sent events, for networks that block WebSockets. Uses the same cursors."""

import asyncio
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import suppress

from streams.hub.window import Frame
from streams.protocol.kinds import Kind, Viewer
from streams.protocol.messages import Subscribe, seq_of
from streams.transports.session import ClientSession

QUEUE_FRAMES = 64  # frames queued and not yet sent


class EventStream:
    """A sink whose frames are read by iterating over it, each as one server-sent event."""

    def __init__(self) -> None:
        self.on_ready: Callable[[], None] = lambda: None
        self.taken = 0
        self._frames: deque[Frame] = deque()
        self._more = asyncio.Event()
        self._closed = False

    @property
    def ready(self) -> bool:
        return len(self._frames) < QUEUE_FRAMES and not self._closed

    def write(self, frame: Frame) -> None:
        self._frames.append(frame)
        self._more.set()

    def close(self, code: int) -> None:
        self._closed = True
        self._more.set()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        while True:
            while self._frames:
                text = self._frames.popleft().payload
                self.taken += 1
                yield _encode(text)
                if text.startswith(b'{"type":"unsubscribed"'):
                    return
                if len(self._frames) == QUEUE_FRAMES // 2:
                    self.on_ready()
            if self._closed:
                return
            self._more.clear()
            self.on_ready()
            if not self._frames:
                await self._more.wait()


def _encode(text: bytes) -> bytes:
    if text.startswith(b'{"type":"pong"'):
        return b": pong\n\n"
    seq = seq_of(text)
    return b"data: %b\n\n" % text if seq is None else b"id: %d\ndata: %b\n\n" % (seq, text)


async def event_stream(viewer: Viewer, kind: Kind, key: uuid.UUID, since: int | None) -> "SessionEvents":
    """The same messages as `subscribe:*` with `since`, starting with `subscribed`, while it is iterated over.

    A heartbeat is a comment. Raises ProtocolError (NOT_FOUND, UNAVAILABLE) before the first piece.
    """
    sink = EventStream()
    session = ClientSession(viewer, sink, merge=False)
    try:
        await session.subscribe(kind, key, Subscribe(since=since))
    except BaseException:
        session.end()
        raise
    return SessionEvents(sink, session)


class SessionEvents:
    """The pieces of a session's event stream. Ends the session when the iteration ends or when this is closed unread: a
    client may disconnect before the first piece, and a generator that was never started runs no `finally`."""

    def __init__(self, sink: EventStream, session: ClientSession) -> None:
        self._pieces = aiter(sink)
        self._session = session
        self._loop = asyncio.get_running_loop()

    def __aiter__(self) -> AsyncIterator[bytes]:
        return self

    async def __anext__(self) -> bytes:
        try:
            return await anext(self._pieces)
        except BaseException:
            self._session.end()
            raise

    def close(self) -> None:
        """Called by Django, in a thread, when it is done with the response."""
        with suppress(RuntimeError):  # the loop is closed, and with it the session
            self._loop.call_soon_threadsafe(self._session.end)

    __del__ = close
