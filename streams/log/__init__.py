"""The durable log of events: append to it, read it, and remove what is beyond its retention."""

from streams.log.queries import read, snapshot, spans, times
from streams.log.writer import Writer, drop_streams, open_stream, writing

__all__ = ["Writer", "drop_streams", "open_stream", "read", "snapshot", "spans", "times", "writing"]
