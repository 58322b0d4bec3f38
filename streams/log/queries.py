"""Reads of the log."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from itertools import chain
from typing import Any

from django.db import connection, transaction

from streams.log.models import Event
from streams.protocol.messages import encode_event
from streams.protocol.positions import Span

# Plain SQL where crowds wait for it: building queries and model objects costs more than the work itself.
GET_SPANS = (
    "SELECT name, head, floor, streams_event.time FROM streams_stream LEFT JOIN streams_event "
    "ON stream_id = streams_stream.id AND seq = head WHERE name IN ({})"
)


def spans(names: Collection[str]) -> dict[str, Span]:
    """Where the streams that exist among `names` stand."""
    return {name: Span(head, floor, time_) for name, head, floor, time_ in select(GET_SPANS, list(names))}


def read(name: str, after: int, limit: int, types: Collection[str] = ()) -> list[tuple[int, str]]:
    """Up to `limit` events following seq `after`, each with its seq and text, in order; of these types, if any."""
    rows = Event.objects.filter(stream__name=name, seq__gt=after).order_by("seq")
    rows = rows.filter(type__in=types) if types else rows
    return [
        (seq, encode_event(type_, payload, time_, seq))
        for seq, type_, payload, time_ in rows.values_list("seq", "type", "payload", "time")[:limit]
    ]


def times(name: str, seqs: Collection[int]) -> dict[int, int]:
    """When those of the events that are retained were written, in milliseconds since 1970."""
    return dict(Event.objects.filter(stream__name=name, seq__in=seqs).values_list("seq", "time"))


@contextmanager
def snapshot() -> Iterator[None]:
    """Several reads that see the database at one moment, without taking a writer's lock."""
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
    """The rows of a query with a list of values for each of its `{}`; none where a list is empty."""
    if not all(lists):
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            statement.format(*(", ".join(["%s"] * len(values)) for values in lists)), [*chain.from_iterable(lists)]
        )
        rows: list[Any] = cursor.fetchall()
    return rows
