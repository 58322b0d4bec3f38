"""Where a subscriber's cursor starts, and whether anything it should have had is gone."""

from dataclasses import dataclass

from streams.log import Span
from streams.protocol.messages import Subscribe, timestamp


@dataclass(frozen=True, slots=True)
class Start:
    """Everything after `seq` follows. `complete` is False where that is not what the client asked for."""

    seq: int
    complete: bool


def start_at(wish: Subscribe, span: Span, time: int | None) -> Start:
    """Where to start for `wish` in a stream that spans `span`, whose event `wish.since` was written at `time`."""
    since = wish.since
    if since is None:
        return Start(span.head, complete=True)
    if not span.floor <= since <= span.head:
        return Start(span.floor, complete=False)
    if wish.at is not None and since > span.floor and (time is None or timestamp(time) != wish.at):
        return Start(span.floor, complete=False)
    return Start(since, complete=True)
