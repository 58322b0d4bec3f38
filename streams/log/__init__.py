"""The durable log of events: append to it, read it, and remove what is beyond its retention."""

from streams.log.log import Writer, drop_streams, open_stream, read, select, snapshot, spans, times, writing

__all__ = ["Writer", "drop_streams", "open_stream", "read", "select", "snapshot", "spans", "times", "writing"]
