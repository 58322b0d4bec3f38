"""The log: appends and reads. Nothing else writes the streams' tables, except retention, which removes from them.

A stream's events get their seq from the stream's own row, locked in the transaction that writes them, so seqs
are assigned in commit order. Every writer locks rows in the order of their names, which prevents deadlocks. The signals
`events_appended` and `streams_dropped` are sent from here, after the commit: every append is signalled, and nothing
that is rolled back.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from django.db import connection, models, transaction
from django.db.models import F, Value
from django.db.models.functions import Cast, Concat

from streams import metrics
from streams.database import in_chunks
from streams.log.models import DROPPED, Event, Stream
from streams.protocol.clock import now
from streams.protocol.messages import encode_event
from streams.protocol.positions import Span
from streams.signals import EventBatch, events_appended, streams_dropped

# Plain SQL on the hot paths, where building queries and model objects would cost more than the work itself.
LOCK_STREAMS = "SELECT id, name, head FROM streams_stream WHERE name IN ({}) ORDER BY name"
GET_PRODUCERS = "SELECT stream_id, name, n, seq FROM streams_producer WHERE stream_id IN ({}) AND name IN ({})"
INSERT_EVENT = "INSERT INTO streams_event (stream_id, seq, type, payload, time) VALUES (%s, %s, %s, %s, %s)"
SET_HEAD = "UPDATE streams_stream SET head = %s WHERE id = %s"
SET_PRODUCER = (
    "INSERT INTO streams_producer (stream_id, name, n, seq, time) VALUES (%s, %s, %s, %s, %s) "
    "ON CONFLICT (stream_id, name) DO UPDATE SET n = excluded.n, seq = excluded.seq, time = excluded.time"
)
GET_SPANS = (
    "SELECT name, head, floor, streams_event.time FROM streams_stream LEFT JOIN streams_event "
    "ON stream_id = streams_stream.id AND seq = head WHERE name IN ({})"
)


@dataclass(frozen=True, slots=True)
class Progress:
    """A producer's progress on a stream: its highest number, and the newest seq at that time."""

    n: int = 0
    seq: int = 0


@dataclass(slots=True)
class Tail:
    """The end of a locked stream: its row, and the newest seq assigned so far."""

    pk: int
    head: int


@dataclass(slots=True)
class Writer:
    """One transaction's appends to the streams it has locked. Made by `writing`."""

    streams: dict[str, Tail]
    time: int
    _events: list[tuple[int, int, str, str, int]] = field(default_factory=list)
    _texts: dict[str, list[str]] = field(default_factory=dict)
    _progress: dict[tuple[str, str], Progress] = field(default_factory=dict)
    _advanced: set[tuple[str, str]] = field(default_factory=set)

    def __contains__(self, name: str) -> bool:
        return name in self.streams

    def append(self, name: str, type_: str, payload: str) -> int:
        """Add an event (`payload` is JSON text) and return its seq. The stream must be among those locked."""
        stream = self.streams[name]
        stream.head += 1
        self._events.append((stream.pk, stream.head, type_, payload, self.time))
        self._texts.setdefault(name, []).append(encode_event(type_, payload, self.time, stream.head))
        return stream.head

    def head(self, name: str) -> int:
        return self.streams[name].head

    def load_progress(self, producers: Collection[tuple[str, str]]) -> None:
        """Read the progress of these (stream name, producer) pairs in one query."""
        if not producers:
            return
        names = {self.streams[name].pk: name for name, _ in producers}
        known = list({producer for _, producer in producers})
        for pk, producer, n, seq in select(GET_PRODUCERS, list(names), known):
            self._progress[names[pk], producer] = Progress(n, seq)

    def progress(self, name: str, producer: str) -> Progress:
        return self._progress.get((name, producer), Progress())

    def advance(self, name: str, producer: str, n: int) -> None:
        """Record that this transaction stores the producer's events up to `n`."""
        self._progress[name, producer] = Progress(n, self.head(name))
        self._advanced.add((name, producer))

    def store(self) -> None:
        """Write everything appended, and send `events_appended` once it is committed."""
        metrics.APPENDED.inc(len(self._events))
        heads = [(self.head(name), self.streams[name].pk) for name in self._texts]
        producers = [
            (self.streams[name].pk, producer, progress.n, progress.seq, self.time)
            for name, producer in self._advanced
            for progress in (self._progress[name, producer],)
        ]
        with connection.cursor() as cursor:
            for statement, rows in ((INSERT_EVENT, self._events), (SET_HEAD, heads), (SET_PRODUCER, producers)):
                if rows:
                    cursor.executemany(statement, rows)
        # robust: no receiver can make a committed write fail.
        transaction.on_commit(self._signal, robust=True)

    def _signal(self) -> None:
        batches = [EventBatch(name, self.head(name) - len(texts) + 1, texts) for name, texts in self._texts.items()]
        if batches:
            events_appended.send(Writer, batches=batches)


@contextmanager
def writing(names: Iterable[str]) -> Iterator[Writer]:
    """Lock the streams that exist among `names`; on leaving, store what was appended, in the same transaction."""
    with transaction.atomic(savepoint=False):
        lock = f"{LOCK_STREAMS} FOR UPDATE" if connection.features.has_select_for_update else LOCK_STREAMS
        writer = Writer({name: Tail(pk, head) for pk, name, head in select(lock, list(set(names)))}, now())
        yield writer
        writer.store()


def open_stream(name: str) -> None:
    """Create an empty stream."""
    Stream.objects.create(name=name)


def drop_streams(names: Iterable[str]) -> None:
    """Drop streams. They are gone immediately; retention removes their events in small steps."""
    dropped = sorted(set(names))
    Stream.objects.filter(name__in=dropped).update(
        name=Concat(Value(DROPPED), Cast(F("pk"), models.CharField()), output_field=models.CharField())
    )
    transaction.on_commit(lambda: streams_dropped.send(Stream, names=dropped), robust=True)


def spans(names: Collection[str]) -> dict[str, Span]:
    """The spans of those of the streams that exist."""
    rows = chain.from_iterable(select(GET_SPANS, some) for some in in_chunks(list(names)))
    return {name: Span(head, floor, time_) for name, head, floor, time_ in rows}


def trimmed(oldest: Mapping[str, int]) -> dict[str, int]:
    """The streams in which the given event (a seq by stream name) is no longer retained, each with its floor."""
    return {name: span.floor for name, span in spans(oldest).items() if oldest[name] <= span.floor}


def read(name: str, after: int, limit: int, types: Collection[str] = ()) -> list[tuple[int, str]]:
    """Up to `limit` events following seq `after`, each as (seq, text), in order; only those of `types`, if any."""
    rows = Event.objects.filter(stream__name=name, seq__gt=after).order_by("seq")
    rows = rows.filter(type__in=types) if types else rows
    return [
        (seq, encode_event(type_, payload, time_, seq))
        for seq, type_, payload, time_ in rows.values_list("seq", "type", "payload", "time")[:limit]
    ]


def times(name: str, seqs: Collection[int]) -> dict[int, int]:
    """When the events were written, in milliseconds since 1970; omits those that aren't retained."""
    return dict(Event.objects.filter(stream__name=name, seq__in=seqs).values_list("seq", "time"))


@contextmanager
def snapshot() -> Iterator[None]:
    """Several reads of the database at one moment, without a write lock."""
    if connection.in_atomic_block:
        yield
    elif connection.vendor == "sqlite":
        # Not atomic(): that begins IMMEDIATE here and would queue this reader behind the writers.
        with connection.cursor() as cursor:
            cursor.execute("BEGIN DEFERRED")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")
    else:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield


def select(statement: str, *lists: list[Any]) -> list[Any]:
    """The rows of a query with a list of values for each of its `{}`; none if a list is empty."""
    if not all(lists):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(*(", ".join(["%s"] * len(values)) for values in lists)), [*chain.from_iterable(lists)]
        )
        rows: list[Any] = cursor.fetchall()
    return rows
