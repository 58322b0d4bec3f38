"""The engine's signals, each sent after its transaction has been committed.

Their receivers, in streams/runtime.py, broadcast them with `group_send`.
"""

from dataclasses import dataclass

from django.dispatch import Signal


@dataclass(frozen=True, slots=True)
class EventBatch:
    """Events `first`, `first + 1`, … of a stream, each as the JSON text that viewers receive."""

    stream: str
    first: int
    texts: list[str]


events_appended = Signal()
"""Streams have grown. `batches`: a list of EventBatch, one for each stream."""

streams_dropped = Signal()
"""Streams have ended. `names`: a list of str."""

access_changed = Signal()
"""What users may do, or whether they are signed in, may have changed. `user_ids`: a collection of int."""
