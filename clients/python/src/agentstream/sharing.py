"""One connection for everything that a program publishes and watches, instead of one for each publisher and watch."""

from __future__ import annotations

import asyncio
from collections import deque
from contextlib import suppress
from types import TracebackType
from typing import Any

from agentstream.connection import Connection, Id
from agentstream.errors import AgentstreamError, InvalidMessage, Refused, TooLarge, TryLater, Unreachable
from agentstream.events import stream_of
from agentstream.messages import encode
from agentstream.reconnection import Backoff, Reconnector

Wire = dict[str, Any]

# The server allows 200 messages per second and connection, and 1,000 at once.
FRAMES_PER_SECOND = 150.0
BURST_FRAMES = 100
# A reader that is this many messages behind subscribes again when it has caught up.
MAX_WAITING = 5_000


class SharedConnection:
    """Opened when it is first needed, and again when it was lost; closed with its block.

    What the server refuses of one publisher or watch doesn't concern the others. Each stream can be watched once.
    """

    def __init__(self, url: str, token: str) -> None:
        self._reconnector = Reconnector(url, token)
        self._opening = asyncio.Lock()
        self._carrier: _Carrier | None = None

    async def channel(self) -> Channel:
        """A part of the connection for one publisher or watch. Raises as `Connection.open` does."""
        async with self._opening:
            if self._carrier is None or self._carrier.ended:
                try:
                    self._carrier = _Carrier(await self._reconnector.connect(), self._reconnector)
                except Unreachable as failed:
                    self._reconnector.lost(failed)
                    raise
            return self._carrier.channel()

    async def __aenter__(self) -> SharedConnection:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._carrier:
            await self._carrier.close()


class Sharer:
    """Connects one publisher or watch through a shared connection, which waits longer and longer when it is lost."""

    def __init__(self, shared: SharedConnection) -> None:
        self._shared = shared
        self._backoff = Backoff()
        self._pause = 0.0

    async def connect(self) -> Channel:
        """A new channel."""
        await asyncio.sleep(self._pause)
        return await self._shared.channel()

    def lost(self, error: AgentstreamError) -> None:
        """The channel has ended, or the server asks to try later."""
        self._pause = self._backoff.delay() if isinstance(error, TryLater) else 0.0


class Channel:
    """What one publisher or watch sends and gets over a shared connection; like a `Connection`."""

    def __init__(self, carrier: _Carrier) -> None:
        self._carrier = carrier
        self._received: list[Wire] = []
        self._ready = asyncio.Event()
        self._error: AgentstreamError | None = None

    async def send(self, message: str, id_: Id, stream: str = "") -> None:
        """Queue a message; see `Connection.send`. The queue is short, because each sender awaits its answer."""
        self._check()
        self._carrier.send(self, message, id_, stream)

    async def receive(self) -> list[Wire]:
        """The messages that have arrived for this channel. May be cancelled without losing any."""
        await self._ready.wait()
        self._check()
        received, self._received = self._received, []
        self._ready.clear()
        return received

    def deliver(self, message: Wire) -> None:
        """A message has arrived."""
        if len(self._received) >= MAX_WAITING:
            self._carrier.leave(self)
            self.fail(Unreachable("reading too slowly"))
        elif self._error is None:
            self._received.append(message)
            self._ready.set()

    def fail(self, error: AgentstreamError) -> None:
        """No more messages will come."""
        self._error = self._error or error
        self._ready.set()

    async def close(self) -> None:
        """Leave the connection to the others."""
        self.abort()

    def abort(self) -> None:
        """Leave the connection to the others."""
        self._carrier.leave(self)

    def _check(self) -> None:
        if self._error:
            raise self._error

    async def __aenter__(self) -> Channel:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


class _Carrier:
    """An open connection and the channels on it."""

    def __init__(self, connection: Connection, reconnector: Reconnector) -> None:
        self._connection = connection
        self._reconnector = reconnector
        self._channels: set[Channel] = set()
        self._asked: dict[Id, Channel | None] = {}  # in the order in which the server answers
        self._followers: dict[str, Channel] = {}
        self._outgoing: deque[str] = deque()
        self._waiting = asyncio.Event()
        self.ended = False
        self._task = asyncio.create_task(self._run())

    def channel(self) -> Channel:
        channel = Channel(self)
        self._channels.add(channel)
        return channel

    def send(self, channel: Channel, message: str, id_: Id, stream: str) -> None:
        if stream:
            if self._followers.get(stream, channel) is not channel:
                raise Refused("ALREADY_WATCHED", f"{stream} is watched over this connection already")
            self._followers[stream] = channel
        self._put(message, id_, channel)

    def leave(self, channel: Channel) -> None:
        """The channel is closed; its streams are no longer followed."""
        self._channels.discard(channel)
        self._asked = {id_: None if asker is channel else asker for id_, asker in self._asked.items()}
        for stream in [stream for stream, follower in self._followers.items() if follower is channel]:
            del self._followers[stream]
            if not self.ended:
                self._put(_unsubscribe(stream), f"leave {stream}", None)

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    def _put(self, message: str, id_: Id, channel: Channel | None) -> None:
        self._asked[id_] = channel
        self._outgoing.append(message)
        self._waiting.set()

    async def _run(self) -> None:
        """Send and receive until the connection ends, of which all channels are informed."""
        sending = asyncio.create_task(self._send())
        error: AgentstreamError = Unreachable("the connection was closed")
        try:
            while True:
                for message in await self._connection.receive():
                    self._route(message)
        except (Unreachable, InvalidMessage, TooLarge) as closed:
            # Each channel knows what was refused of it, and stops sending that.
            error = Unreachable(str(closed))
            self._reconnector.lost(error)
        except Refused as closed:
            error = closed
        finally:
            self.ended = True
            sending.cancel()
            for channel in self._channels:
                channel.fail(error)
            await asyncio.gather(sending, return_exceptions=True)
            await self._connection.close()

    async def _send(self) -> None:
        clock = asyncio.get_running_loop().time
        earliest = 0.0
        with suppress(AgentstreamError):  # receiving fails, too
            while True:
                await self._waiting.wait()
                self._waiting.clear()
                while self._outgoing:
                    await self._connection.send(self._outgoing.popleft(), "")
                    earliest = max(earliest, clock() - BURST_FRAMES / FRAMES_PER_SECOND) + 1 / FRAMES_PER_SECOND
                    if (pause := earliest - clock()) > 0:
                        await asyncio.sleep(pause)

    def _route(self, message: Wire) -> None:
        """Give a message to the channel that it concerns."""
        asker = self._asker(message)
        stream = stream_of(message)
        receiver = self._followers.get(stream) if stream else asker
        match message:
            case {"type": "unsubscribed", "payload": {"reason": "requested"}}:
                return
            case {"type": "unsubscribed"} if stream:
                self._followers.pop(stream, None)
        if receiver:
            receiver.deliver(message)

    def _asker(self, message: Wire) -> Channel | None:
        """Whose message this one answers, if it is an answer."""
        id_ = message.get("id")
        if id_ is None and message.get("type") == "error":
            id_ = next(iter(self._asked), None)  # of one that the server didn't read: it answers in order
        return None if id_ is None else self._asked.pop(id_, None)


def _unsubscribe(stream: str) -> str:
    kind, _, id_ = stream.partition(".")
    return encode({"type": f"unsubscribe:{kind}", "id": f"leave {stream}", "payload": {f"{kind}Id": id_}})
