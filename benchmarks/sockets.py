"""The generator's WebSockets: viewers that count and time events, producers that send what is due."""

import asyncio
import uuid
from array import array
from collections.abc import Sequence

from picows import WSFrame, WSListener, WSMsgType, WSTransport, ws_connect

from benchmarks.dialects import Agentstream, Dialect
from benchmarks.events import MARK, STAMP, STAMP_BYTES, Event, clock

ANSWER_SECONDS = 20.0  # for a socket to open or to get an answer
PACE_SECONDS = 0.005  # between two publications on one socket: 200 messages a second are allowed
MAX_BATCH = 2_000  # events in one publication
HEADER = "Sec-WebSocket-Protocol"


class Socket(WSListener):
    """One WebSocket, opened by `connect`."""

    transport: WSTransport

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self.lost = False
        self.refused = b""  # the last error from the server

    async def connect(self, url: str, headers: dict[str, str]) -> None:
        await ws_connect(lambda: self, url, extra_headers=headers, websocket_handshake_timeout=ANSWER_SECONDS)

    def on_ws_connected(self, transport: WSTransport) -> None:
        self.transport = transport

    def on_ws_disconnected(self, transport: WSTransport) -> None:
        self.lost = True

    def say(self, messages: Sequence[bytes]) -> None:
        kind = WSMsgType.BINARY if self.dialect.binary else WSMsgType.TEXT
        for message in messages:
            self.transport.send(kind, message)

    def close(self) -> None:
        if not self.lost:
            self.transport.disconnect(False)


class Viewer(Socket):
    """Counts events; if `sampled`, also times each and checks for gaps, duplicates and wrong order."""

    def __init__(self, dialect: Dialect, agents: Sequence[str], sampled: bool = False) -> None:
        super().__init__(dialect)
        self.agents = agents
        self.count = 0
        self.frames = 0  # with events
        self.disorder = 0
        self.latencies = array("q")
        self.ready = asyncio.get_running_loop().create_future()
        self._sampled = sampled
        self._number = 0
        self._tail = b""
        self._missing = dialect.awaited(agents)

    async def open(self, url: str, headers: dict[str, str]) -> None:
        """Connect, and wait until the subscriptions are confirmed."""
        await self.connect(url, headers)
        self.say(self.dialect.opening(self.agents))
        if self._missing:
            await asyncio.wait_for(self.ready, ANSWER_SECONDS)

    def forget(self) -> None:
        """Begin a new measurement. Errors so far are kept."""
        self.count = self.frames = 0
        self.latencies = array("q")

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        count = payload.count(MARK)
        if count:
            self.count += count
            self.frames += 1
            if self._sampled:
                self._time(payload)
        else:
            self._talk(payload)

    def _talk(self, message: bytes) -> None:
        self.say(self.dialect.answer(message, self.agents))
        if b'"error"' in message:
            self.refused = message
        confirmed = self.dialect.confirms(message)
        self._missing -= confirmed
        if confirmed and self._missing <= 0 and not self.ready.done():
            self.ready.set_result(None)

    def _time(self, payload: bytes) -> None:
        """The stamps in a frame. One cut off at its end is completed by the next frame (NATS splits anywhere)."""
        now = clock()
        text = self._tail + payload
        last = text.rfind(MARK)
        self._tail = b""
        if len(text) - last < STAMP_BYTES:
            text, self._tail = text[:last], text[last:]
        for number, due in STAMP.findall(text):
            self.latencies.append(now - int(due))
            expected, self._number = self._number + 1, int(number)
            if self._number != expected and expected > 1:
                self.disorder += 1


class Producer(Socket):
    """Sends one agent's events. If publications are acknowledged, only one is in flight at a time, as in our clients;
    events that fall due in the meantime go into the next."""

    def __init__(self, dialect: Dialect, agent: str) -> None:
        super().__init__(dialect)
        self.agent = agent
        self._name = uuid.uuid4().hex  # numbers begin at 1 with each run of a producer
        self._answer: asyncio.Future[None] | None = None
        self.sent = 0
        self._waiting: list[Event] = []
        self._busy = False
        self._earliest = 0.0

    async def open(self, url: str, headers: dict[str, str]) -> None:
        await self.connect(url, headers)
        self.say(self.dialect.greeting())

    def send(self, count: int, due: int) -> None:
        """Send the next `count` events, which were due at `due`."""
        events = self.next_events(count, due)
        if not self.dialect.acknowledged:
            self.say(self.dialect.publish(self.agent, events, self._name))
            return
        self._waiting += events
        self._next()

    def next_events(self, count: int, due: int = 0) -> list[Event]:
        """The next `count` events."""
        first = self.sent + 1
        self.sent += count
        return [Event(first + index, due) for index in range(count)]

    async def ask(self, events: Sequence[Event]) -> None:
        """Publish these events immediately and wait for the answer."""
        await self._answered(self.dialect.publish(self.agent, events, self._name))

    async def ask_items(self, items: str) -> None:
        """The same for events of any type, for Agentstream: JSON, numbered as by `next_events`."""
        assert isinstance(self.dialect, Agentstream)
        await self._answered([self.dialect.publication(self.agent, items, self._name)])

    async def _answered(self, messages: Sequence[bytes]) -> None:
        self._answer = asyncio.get_running_loop().create_future()
        self.say(messages)
        await asyncio.wait_for(self._answer, ANSWER_SECONDS)

    def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
        payload = frame.get_payload_as_bytes()
        if self.dialect.acknowledged and b'"published"' in payload:
            self._accepted()
        elif b'"type":"error"' in payload.replace(b" ", b""):
            self.refused = payload
        else:
            self.say(self.dialect.answer(payload, ()))

    def _accepted(self) -> None:
        if self._answer and not self._answer.done():
            self._answer.set_result(None)
        self._busy = False
        self._next()

    def _next(self) -> None:
        if self._busy or not self._waiting:
            return
        self._busy = True
        loop = asyncio.get_running_loop()
        wait = self._earliest - loop.time()
        if wait > 0.0005:
            loop.call_later(wait, self._publish)
        else:
            self._publish()

    def _publish(self) -> None:
        batch, self._waiting = self._waiting[:MAX_BATCH], self._waiting[MAX_BATCH:]
        self._earliest = asyncio.get_running_loop().time() + PACE_SECONDS
        self.say(self.dialect.publish(self.agent, batch, self._name))
