"""Events that have not been acknowledged yet."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from uuid import uuid4

from agentstream import text
from agentstream.concurrency import Notifier
from agentstream.messages import MAX_CONTENT, Message, Output, StatusChange, encode
from agentstream.spool import Record, Spool

MAX_EVENTS = 10_000
MAX_BYTES = 8 * 1024 * 1024

# Well under the 1 MiB a server takes, so that no frame is ever refused for its size.
MAX_FRAME_EVENTS = 500
MAX_FRAME_BYTES = 512 * 1024

# Half of what one event may hold, because a joined event must fit in JSON too, whatever it holds.
MAX_JOINED_BYTES = MAX_CONTENT // 2
# What an event takes beside its text, roughly.
EVENT_OVERHEAD_BYTES = 200


@dataclass
class Entry:
    """One numbered event. Once `sealed` to JSON it may have been sent, and never changes again.

    One that comes from the disk is sealed and has no `message`.
    """

    n: int
    message: Message | None
    size: int
    sealed: str | None = None

    def seal(self) -> str:
        """The event's JSON, the same each time."""
        if self.sealed is None and self.message:
            self.sealed = encode({"n": self.n, "type": self.message.type, "payload": self.message.payload()})
        return self.sealed or ""

    def join(self, message: Message, size: int) -> bool:
        """Take `message` in, if it continues this one and nobody can have seen this one yet."""
        match self.message, message:
            case Output() as mine, Output() as other if mine.is_continued_by(other):
                if self.sealed is not None or self.size + size > MAX_JOINED_BYTES:
                    return False
                self.message = mine.joined(other)
                self.size += size
                return True
            case _:
                return False


class Outbox:
    """A bounded queue of numbered events in order, from which only an acknowledgement removes.

    `producer` names this queue's numbering on the server, which stores each number once. `changed` beats
    whenever something was added or removed. What is queued is in the `spool` as well, if there is one.
    """

    def __init__(self, max_events: int = MAX_EVENTS, max_bytes: int = MAX_BYTES, *, spool: Spool | None = None) -> None:
        self.producer = spool.producer if spool else str(uuid4())
        self._spool = spool
        self.changed = Notifier()
        self._max_events = max_events
        self._max_bytes = max_bytes
        self._entries: deque[Entry] = deque()
        self._bytes = 0
        self._last = 0
        self._status: StatusChange | None = None

    @classmethod
    def restored(cls, spool: Spool) -> Outbox:
        """What a program that is gone has left in its spool."""
        outbox = cls(spool=spool)
        for record in spool.records():
            line = record.line()
            outbox._entries.append(Entry(record.n, None, len(line), line))
            outbox._bytes += len(line)
            outbox._last = record.n
        return outbox

    def close(self, keep: bool) -> None:
        """No more is said; what is not acknowledged stays in the spool, if it is to `keep` that."""
        if self._spool:
            self._spool.close(keep=keep and len(self) > 0)

    @property
    def spooled(self) -> bool:
        """Whether what it holds outlives this program."""
        return self._spool is not None and self._spool.open

    @property
    def last(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._last

    @property
    def acknowledged(self) -> int:
        """The number up to which the server has everything."""
        return self._last - len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Whether a caller must wait before it adds more."""
        return len(self._entries) >= self._max_events or self._bytes >= self._max_bytes

    def double_capacity(self) -> None:
        """Take twice as much: what is said from now on is the end of it, and small."""
        self._max_events *= 2
        self._max_bytes *= 2
        self.changed.notify()

    def add(self, message: Message) -> None:
        """Queue `message`: as an event of its own, or joined to the chunk before it that still waits."""
        size = _size(message)
        self._status = message if isinstance(message, StatusChange) else self._status
        if not (self._entries and self._entries[-1].join(message, size)):
            self._last += 1
            size += EVENT_OVERHEAD_BYTES
            self._entries.append(Entry(self._last, message, size))
        self._bytes += size
        if self._spool:
            self._spool.add(Record(self._last, message.type, message.payload()))
        self.changed.notify()

    def repeat_status(self) -> None:
        """Say again what the agent does, in case the server has come to think otherwise."""
        if self._status:
            self.add(self._status)

    def batch(self) -> list[Entry]:
        """The oldest events, sealed, as many as one frame takes. Empty when there is nothing to send."""
        batch: list[Entry] = []
        room = MAX_FRAME_BYTES
        for entry in self._entries:
            room -= text.size(entry.seal())
            if batch and (room < 0 or len(batch) == MAX_FRAME_EVENTS):
                break
            batch.append(entry)
        return batch

    def acknowledge(self, n: int) -> None:
        """Forget everything up to number `n`: the server has it."""
        while self._entries and self._entries[0].n <= n:
            self._bytes -= self._entries.popleft().size
        if self._spool:
            self._spool.acknowledge((entry.seal() for entry in self._entries) if self._entries else None)
        self.changed.notify()


def _size(message: Message) -> int:
    if isinstance(message, Output):
        return text.size(message.content) + message.size_beside
    return text.size(encode(message.payload()))
