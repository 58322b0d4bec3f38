"""One viewer's events of one stream, checked one by one."""

import time
from array import array
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reset:
    """The viewer was told that it cannot have everything: it had come to `since`, and starts again at `oldest`."""

    since: int
    oldest: int
    head: int


@dataclass(slots=True)
class Track:
    """A viewer's position, and every error so far.

    Two things are checked of each event: its seq follows the last one, and its number follows the last one of its
    producer. The second shows what the first cannot: an event stored twice, or never.
    """

    viewer: str
    agent: str
    seq: int = 0
    at: str | None = None
    subscribed: bool = False
    newest: int = 0  # of the stream, when the viewer subscribed: beyond it, events were live
    first: bool = True  # whether the stream has been seen from its beginning
    events: int = 0
    faults: list[str] = field(default_factory=list)
    resets: list[Reset] = field(default_factory=list)
    sent: "array[float]" = field(default_factory=lambda: array("d"))  # when each event was made …
    delays: "array[float]" = field(default_factory=lambda: array("d"))  # … and how long it took
    _counts: dict[str, int] = field(default_factory=dict)

    @property
    def caught_up(self) -> bool:
        return self.subscribed and self.seq >= self.newest

    def answered(self, payload: dict[str, Any]) -> None:
        """The viewer was told where the stream stands."""
        self.subscribed = True
        self.newest = payload["seq"]
        if not payload["complete"]:
            self.resets.append(Reset(self.seq, payload["oldest"], payload["seq"]))
            self.seq, self.at = payload["oldest"] - 1, None
            self.first = self.seq == 0
            self._counts.clear()

    def take(self, event: dict[str, Any]) -> None:
        """An event has come."""
        seq: int = event["seq"]
        if seq != self.seq + 1:
            self._fault(f"expected seq {self.seq + 1}, got {seq} ({self._kind(seq)})")
        producer, number, sent, *_ = event["payload"]["content"].split(" ", 3)
        self._count(producer, int(number), seq)
        self.seq, self.at = seq, event["timestamp"]
        self.events += 1
        self.sent.append(float(sent))
        self.delays.append(time.time() - float(sent))

    def delays_of(self, since: float, until: float = float("inf")) -> list[float]:
        """The delays of the events that were made in this span of time."""
        return [delay for sent, delay in zip(self.sent, self.delays, strict=True) if since <= sent < until]

    def _count(self, producer: str, n: int, seq: int) -> None:
        expected = self._counts.get(producer, 0) + 1
        if n != expected and (self.first or producer in self._counts):
            self._fault(f"expected event {expected} of {producer}, got {n} at seq {seq}")
        self._counts[producer] = n

    def _kind(self, seq: int) -> str:
        if seq > self.seq:
            return f"missed {self.seq + 1} to {seq - 1}"
        return "duplicate" if seq == self.seq else "duplicate or reordered"

    def _fault(self, what: str) -> None:
        self.faults.append(f"{self.viewer}, stream agent.{self.agent}: {what}")
