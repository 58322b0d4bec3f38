"""In-memory fakes of what the engine uses: the log's reads, the channel layer, a socket's sink."""

import asyncio
import json
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from channels.layers import BaseChannelLayer

from streams.hub.window import Frame
from streams.protocol.kinds import Access, Kind, State
from streams.protocol.messages import encode_event
from streams.protocol.positions import Span

ROOMY = 1_000_000  # frames: more than any test sends
INSTANT = 0.001  # seconds that a read takes at least: what asks again and again is not to stop the clock

Message = dict[str, Any]


class ProbeKind(Kind):
    """Streams that everyone may see."""

    name = "probe"

    def access(self, queries: Sequence[tuple[int, uuid.UUID]]) -> list[Access]:
        return [Access.READ for _ in queries]

    def states(self, keys: Collection[uuid.UUID]) -> Mapping[uuid.UUID, State]:
        return {key: State("{}") for key in keys}


class Person:
    id = 1
    name = "somebody"
    credential = 1

    limits = None
    expires_at = None

    def renewed(self) -> "Person":
        return self


@dataclass
class Stream:
    """One stream as the log has it. No two events have the same time, so that tells them apart after a restore."""

    key: uuid.UUID
    floor: int = 0
    times: list[int] = field(default_factory=list)  # of all its events, the trimmed ones too
    restored: bool = False  # whether it has ever been put back to an older state

    @property
    def name(self) -> str:
        return f"probe.{self.key}"

    @property
    def head(self) -> int:
        return len(self.times)

    def text(self, seq: int) -> str:
        return encode_event("probe:event", f'{{"probeId":"{self.key}"}}', self.times[seq - 1], seq)


class Log:
    """The functions of `streams.log` that read; they raise `failure`, if there is any, and take `latency` seconds."""

    def __init__(self, streams: Sequence[Stream]) -> None:
        self.streams = {stream.name: stream for stream in streams}
        self.failure: Callable[[], Exception] | None = None
        self.latency = INSTANT
        self.busy_until = 0.0  # on the loop's clock: when everything asked so far has been answered
        self._clock = 1_700_000_000_000

    def append(self, stream: Stream, count: int) -> Message:
        """Write events; the broker's message about them."""
        first = stream.head + 1
        for _ in range(count):
            self._clock += 1
            stream.times.append(self._clock)
        texts = [stream.text(seq) for seq in range(first, stream.head + 1)]
        text = "\n".join(texts)
        return {"type": "stream.appended", "stream": stream.name, "first": first, "last": stream.head, "text": text}

    def spans(self, names: Collection[str]) -> dict[str, Span]:
        return {name: self._span(self.streams[name]) for name in names}

    def _span(self, stream: Stream) -> Span:
        return Span(stream.head, stream.floor, self.times(stream.name, [stream.head]).get(stream.head))

    def read(self, name: str, after: int, limit: int) -> list[tuple[int, str]]:
        stream = self.streams[name]
        first = max(after, stream.floor) + 1
        return [(seq, stream.text(seq)) for seq in range(first, min(stream.head, first + limit - 1) + 1)]

    def times(self, name: str, seqs: Collection[int]) -> dict[int, int]:
        stream = self.streams[name]
        return {seq: stream.times[seq - 1] for seq in seqs if stream.floor < seq <= stream.head}

    async def in_thread(
        self, executor: Executor, function: Callable[..., Any], *args: object, **kwargs: object
    ) -> object:
        """`streams.database.in_thread`: the answer is of the moment of asking, and comes later."""
        failure = self.failure
        result = None if failure else function(*args, **kwargs)
        self.busy_until = max(self.busy_until, asyncio.get_running_loop().time() + self.latency)
        await asyncio.sleep(self.latency)
        if failure:
            raise failure()
        return result


class Answers(Enum):
    """How a channel layer answers those who join or leave a group."""

    AT_ONCE = auto()
    NEVER = auto()  # and nothing has been done
    NEVER_THOUGH_DONE = auto()
    WITH_AN_ERROR = auto()


class Layer(BaseChannelLayer):
    """A channel layer that delivers messages on demand, and answers as `answers` says."""

    def __init__(self) -> None:
        super().__init__()
        self.groups: set[str] = set()
        self.answers = Answers.AT_ONCE
        self._queue: asyncio.Queue[Message] = asyncio.Queue()

    async def new_channel(self, prefix: str = "probe") -> str:
        return "channel"

    async def group_add(self, group: str, channel: str) -> None:
        await self._change(self.groups.add, group)

    async def group_discard(self, group: str, channel: str) -> None:
        await self._change(self.groups.discard, group)

    async def _change(self, change: Callable[[str], None], group: str) -> None:
        match self.answers:
            case Answers.AT_ONCE:
                change(group)
            case Answers.NEVER:
                await asyncio.Future()
            case Answers.NEVER_THOUGH_DONE:
                change(group)
                await asyncio.Future()
            case Answers.WITH_AN_ERROR:
                raise ConnectionError("away")

    async def receive(self, channel: str) -> Message:
        return await self._queue.get()

    def deliver(self, message: Message) -> None:
        if message["stream"] in self.groups:
            self._queue.put_nowait(dict(message))


class ScriptedSink:
    """A socket that has room for so many frames, and gives what it takes to `received`."""

    def __init__(self, received: Callable[[Message], None]) -> None:
        self.on_ready: Callable[[], None] = lambda: None
        self.taken = 0
        self.room = ROOMY
        self.code: int | None = None
        self._received = received

    @property
    def ready(self) -> bool:
        return self.room > 0 and self.code is None

    def write(self, frame: Frame) -> None:
        assert self.ready, "written to a sink that is full or closed"
        self.room -= 1
        for line in frame.payload.split(b"\n"):
            self._received(json.loads(line))

    def close(self, code: int) -> None:
        assert (code, self.room) == (4408, 0), "closed for another reason than stalling"
        self.code = code

    def drain(self, room: int) -> None:
        self.taken += max(room - self.room, 0)
        self.room = room
        if self.ready:
            self.on_ready()
