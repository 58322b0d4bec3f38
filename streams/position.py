"""Where a subscriber's cursor starts, and whether anything it should have had is gone."""

from dataclasses import dataclass

from streams.log import Span
from streams.messages import Subscribe, timestamp
from streams.reader import Reader


@dataclass(frozen=True, slots=True)
class Start:
    """Everything after `seq` follows. `complete` is False where that is not what the client asked for."""

    seq: int
    complete: bool


async def start_at(reader: Reader, name: str, wish: Subscribe, span: Span) -> Start:
    """Where to start for `wish` in a stream that spans `span`. Raises ProtocolError (UNAVAILABLE)."""
    since = wish.since
    if since is None:
        return Start(span.head, complete=True)
    if not span.floor <= since <= span.head:
        return Start(span.floor, complete=False)
    if wish.at is not None and since > span.floor:
        time = await reader.time_at((name, since))
        if time is None or timestamp(time) != wish.at:
            return Start(span.floor, complete=False)
    return Start(since, complete=True)
