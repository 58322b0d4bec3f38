"""The search index as a follower of the agents' streams: it grows and is trimmed with the log."""

import json
import time
import uuid
from collections.abc import Iterable, Sequence
from datetime import datetime

from django.db import connection, transaction
from django.db.models import QuerySet

from search.models import Entry
from search.texts import chunk_of, searchable
from search.words import plain
from streams import log
from streams.plugin import Follower, LoggedEvent
from streams.protocol import clock

PIECE = 16_384  # characters after which an entry takes no more chunks
STEP = 500  # entries removed in one transaction
STEP_PAUSE = 0.02  # seconds between two steps, so that others can write
SET_WORDS = "UPDATE search_entry SET words = to_tsvector('simple', %s) WHERE stream_id = %s AND seq = %s"


class Indexer(Follower):
    """Maintains the entries."""

    name = "search"
    kinds = ("agent",)

    def handle(self, stream: str, stream_id: int, events: Sequence[LoggedEvent]) -> None:
        last = Entry.objects.filter(stream_id=stream_id).order_by("-seq").first()
        known = last.last_seq if last else 0  # events handed over again after a crash are already stored
        parts = [_part(stream, stream_id, event) for event in events if event.seq > known]
        _store(_joined(last, [part for part in parts if part is not None]))

    def trimmed(self, stream: str, stream_id: int, floor: int) -> None:
        entries = Entry.objects.filter(stream_id=stream_id)
        cut = entries.filter(seq__lte=floor, last_seq__gt=floor).first()
        _remove(entries.filter(seq__lte=floor))
        if cut is not None:  # a message whose end is still retained
            rest = [_logged(text) for _, text in log.read(stream, floor, cut.last_seq - floor)]
            parts = [_part(stream, stream_id, event) for event in rest if event.seq <= cut.last_seq]
            _store(_joined(None, [part for part in parts if part is not None]))

    def ended(self, stream_id: int) -> None:
        _remove(Entry.objects.filter(stream_id=stream_id))


def _part(stream: str, stream_id: int, event: LoggedEvent) -> Entry | None:
    """An event as an entry; None if it has no searchable text."""
    payload = json.loads(event.payload)
    text = searchable(event.type, payload)
    if not text.strip():
        return None
    return Entry(
        stream_id=stream_id,
        agent_id=uuid.UUID(stream.partition(".")[2]),
        seq=event.seq,
        last_seq=event.seq,
        type=event.type,
        message=chunk_of(event.type, payload),
        time=event.time,
        text=text,
    )


def _logged(text: str) -> LoggedEvent:
    event = json.loads(text)
    return LoggedEvent(event["seq"], event["type"], json.dumps(event["payload"]), _milliseconds(event["timestamp"]))


def _joined(last: Entry | None, parts: Iterable[Entry]) -> list[Entry]:
    """The entries to store: chunks of a message are joined, also with the `last` entry, which is already stored."""
    changed: list[Entry] = []
    for part in parts:
        if last is not None and part.message and part.message == last.message and len(last.text) < PIECE:
            last.text += part.text
            last.last_seq = part.last_seq
            if last not in changed:
                changed.append(last)
        else:
            changed.append(part)
            last = part
    return changed


def _store(entries: Sequence[Entry]) -> None:
    known = [entry for entry in entries if entry.pk is not None]
    new = [entry for entry in entries if entry.pk is None]
    if not entries:
        return
    with transaction.atomic():
        Entry.objects.bulk_update(known, ["text", "last_seq"])
        # A process whose lease has expired may have stored them, too.
        Entry.objects.bulk_create(new, ignore_conflicts=True)
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.executemany(SET_WORDS, [(plain(one.text), one.stream_id, one.seq) for one in entries])


def _remove(entries: QuerySet[Entry]) -> None:
    while keys := list(entries.values_list("pk", flat=True)[:STEP]):
        Entry.objects.filter(pk__in=keys).delete()
        time.sleep(STEP_PAUSE)


def _milliseconds(timestamp: str) -> int:
    return clock.as_milliseconds(datetime.fromisoformat(timestamp))
