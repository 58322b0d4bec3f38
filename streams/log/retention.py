"""How long events are kept, and the removing of those beyond that, in steps that no writer has to wait for."""

import time

from django.db import transaction
from django.db.models import F, Max, OuterRef, Subquery

from streams.conf import conf
from streams.log.models import DROPPED, Event, Producer, Stream
from streams.protocol.clock import now

STEP_EVENTS = 500  # removed in one transaction
STREAMS_PER_ROUND = 200
STEP_PAUSE = 0.02  # seconds between two steps, for others to write
DAY_MILLISECONDS = 86_400_000
FOREVER = 2**62  # milliseconds: later than any event
PRODUCER_DAYS = 30  # after which no producer comes back with a retry


def trim(pause: float = STEP_PAUSE) -> int:
    """Remove all events beyond the retention, and those of streams that have ended; returns how many that were."""
    settings = conf()
    before = now() - int(settings.RETAIN_DAYS * DAY_MILLISECONDS) if settings.RETAIN_DAYS else 0
    total = _remove_dropped(pause)
    while names := trimmable(settings.RETAIN_EVENTS, before, STREAMS_PER_ROUND):
        for name in names:
            while removed := trim_stream(name, settings.RETAIN_EVENTS, before, STEP_EVENTS):
                total += removed
                time.sleep(pause)
    Producer.objects.filter(time__lt=now() - PRODUCER_DAYS * DAY_MILLISECONDS).delete()
    return total


def _remove_dropped(pause: float) -> int:
    """Remove the streams that have ended, with their events; returns how many events those were."""
    total = 0
    for stream in Stream.objects.filter(name__startswith=DROPPED):
        while removed := trim_stream(stream.name, 0, FOREVER, STEP_EVENTS):
            total += removed
            time.sleep(pause)
        stream.delete()
    return total


def trim_stream(name: str, keep_events: int, before: int, limit: int) -> int:
    """Remove up to `limit` of the stream's oldest events: those beyond the newest `keep_events` and those written
    before `before` (milliseconds since 1970); 0 for either means no such bound. Returns how many were removed.

    The floor moves in the same transaction, so nobody sees a log that lacks what it claims to hold.
    """
    with transaction.atomic():
        stream = Stream.objects.select_for_update().filter(name=name).first()
        if stream is None:
            return 0
        upto = stream.head - keep_events if keep_events else stream.floor
        first = Event.objects.filter(stream=stream, seq__gt=stream.floor, seq__lte=stream.floor + limit)
        expired = first.filter(time__lt=before).aggregate(newest=Max("seq"))["newest"] or 0
        upto = min(max(upto, expired), stream.floor + limit, stream.head)
        removed = upto - stream.floor
        if removed > 0:
            Event.objects.filter(stream=stream, seq__lte=upto).delete()
            stream.floor = upto
            stream.save(update_fields=["floor"])
        return max(removed, 0)


def trimmable(keep_events: int, before: int, limit: int) -> list[str]:
    """Names of streams from which `trim_stream` with the same bounds would remove something."""
    held = Stream.objects.filter(head__gt=F("floor")).exclude(name__startswith=DROPPED)
    first_time = Event.objects.filter(stream=OuterRef("pk"), seq=OuterRef("floor") + 1).values("time")
    old = held.annotate(first_time=Subquery(first_time)).filter(first_time__lt=before)
    found = set(old.values_list("name", flat=True)[:limit])
    if keep_events:
        found |= set(held.filter(head__gt=F("floor") + keep_events).values_list("name", flat=True)[:limit])
    return sorted(found)
