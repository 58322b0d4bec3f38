"""Queues events until the server has acknowledged them."""

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

# Well under the server's limit of 1 MiB, so that no frame is refused for its size.
MAX_FRAME_EVENTS = 500
MAX_FRAME_BYTES = 512 * 1024

# Half of what one event may contain, because a joined event must also fit as JSON, whatever it contains.
MAX_JOINED_BYTES = MAX_CONTENT // 2
# Approximate bytes of an event besides its text.
EVENT_OVERHEAD_BYTES = 200


@dataclass
class Entry:
    """One numbered event. Once `sealed` to JSON it may have been sent, and never changes again.

    An entry restored from disk is sealed and has no `message`.
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
        """Append `message` if it continues this one, which must not have been sent. Returns whether it did."""
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
    """A bounded, ordered queue of numbered events, which are removed only by an acknowledgement.

    `producer` identifies this queue's numbering to the server, which stores each number once. `changed` is notified
    when something is added or removed. Queued events are also in the `spool`, if there is one.
    """

    def __init__(
        self,
        max_events: int = MAX_EVENTS,
        max_bytes: int = MAX_BYTES,
        *,
        spool: Spool | None = None,
        producer: str | None = None,
    ) -> None:
        self.producer = producer or (spool.producer if spool else str(uuid4()))
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
        """The events that an earlier program left in its spool."""
        outbox = cls(spool=spool)
        for record in spool.records():
            line = record.line()
            outbox._entries.append(Entry(record.n, None, len(line), line))
            outbox._bytes += len(line)
            outbox._last = record.n
        return outbox

    def close(self, keep: bool) -> None:
        """Close the outbox. With `keep`, unacknowledged events stay in the spool."""
        if self._spool:
            self._spool.close(keep=keep and len(self) > 0)

    @property
    def spooled(self) -> bool:
        """Whether queued events survive this program."""
        return self._spool is not None and self._spool.open

    @property
    def last(self) -> int:
        """The number of the newest event, 0 before the first."""
        return self._last

    @property
    def acknowledged(self) -> int:
        """The number up to which the server has acknowledged all events."""
        return self._last - len(self._entries)

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def full(self) -> bool:
        """Whether callers must wait before adding more."""
        return len(self._entries) >= self._max_events or self._bytes >= self._max_bytes

    def double_capacity(self) -> None:
        """Double the capacity for the last events, which are few and small."""
        self._max_events *= 2
        self._max_bytes *= 2
        self.changed.notify()

    def add(self, message: Message) -> None:
        """Queue `message` as a new event, or joined to the previous chunk if that hasn't been sent."""
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
        """Queue the current status again, in case the server has changed it."""
        if self._status:
            self.add(self._status)

    def batch(self) -> list[Entry]:
        """The oldest events, sealed, as many as fit in one frame. Empty if there is nothing to send."""
        batch: list[Entry] = []
        room = MAX_FRAME_BYTES
        for entry in self._entries:
            room -= text.size(entry.seal())
            if batch and (room < 0 or len(batch) == MAX_FRAME_EVENTS):
                break
            batch.append(entry)
        return batch

    def acknowledge(self, n: int) -> None:
        """Remove everything up to number `n`, which the server has."""
        while self._entries and self._entries[0].n <= n:
            self._bytes -= self._entries.popleft().size
        if self._spool:
            self._spool.acknowledge((entry.seal() for entry in self._entries) if self._entries else None)
        self.changed.notify()


def _size(message: Message) -> int:
    if isinstance(message, Output):
        return text.size(message.content) + message.size_beside
    return text.size(encode(message.payload()))
