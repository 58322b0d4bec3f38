"""The durable log of events: appending, reading, and retention."""

from streams.log.log import Writer, drop_streams, open_stream, read, select, snapshot, spans, times, trimmed, writing

__all__ = [
    "Writer",
    "drop_streams",
    "open_stream",
    "read",
    "select",
    "snapshot",
    "spans",
    "times",
    "trimmed",
    "writing",
]
