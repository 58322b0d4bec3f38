"""Positions in a stream: what the log holds, and where a subscription starts."""

from dataclasses import dataclass

from streams.protocol.clock import timestamp
from streams.protocol.messages import Subscribe


@dataclass(frozen=True, slots=True)
class Span:
    """The range of a stream in the log: everything after `floor` up to and including `head`, which was written at
    `time` (milliseconds since 1970; None if it isn't retained)."""

    head: int
    floor: int
    time: int | None = None

    @property
    def at(self) -> str | None:
        return None if self.time is None else timestamp(self.time)

    @property
    def oldest(self) -> int:
        return self.floor + 1


@dataclass(frozen=True, slots=True)
class Start:
    """A subscription starts after `seq`. `complete` is False if that isn't where the client asked to start."""

    seq: int
    complete: bool


def start_at(wish: Subscribe, span: Span, time: int | None) -> Start:
    """Where to start for `wish` in a stream with this `span`, whose event `wish.since` was written at `time`."""
    since = wish.since
    if since is None:
        return Start(span.head, complete=True)
    if not span.floor <= since <= span.head:
        return Start(span.floor, complete=False)
    if wish.at is not None and since > span.floor and (time is None or timestamp(time) != wish.at):
        return Start(span.floor, complete=False)
    return Start(since, complete=True)
