"""Retention: removes old events in steps small enough not to delay writers."""

import logging
import time

from django.db import transaction
from django.db.models import F, Max, OuterRef, Subquery

from streams.conf import conf
from streams.log.models import DROPPED, Event, Producer, Stream
from streams.protocol.clock import now

logger = logging.getLogger(__name__)

STEP_EVENTS = 500  # removed in one transaction
STREAMS_PER_ROUND = 200
STEP_PAUSE = 0.02  # seconds between two steps, so that others can write
DAY_MILLISECONDS = 86_400_000
FOREVER = 2**62  # milliseconds: later than any event
JUMP_SECONDS = (
    3600.0  # by which the clock may jump ahead and still be trusted, and how long it is distrusted after that
)
AGE_SHARE = 0.05  # most of a stream's events that one round removes by age
PRODUCER_DAYS = 30  # after which no producer retries


class TrustedClock:
    """The wall clock, which is distrusted for an hour after a jump ahead: a clock that is a month ahead for a few
    seconds must not delete a month of history."""

    def __init__(self) -> None:
        self._offset = _clock_offset()
        self._jumped_at: float | None = None

    def trusted(self) -> bool:
        """Whether the wall clock has kept pace with the monotonic one; a jump is accepted after an hour."""
        ahead = _clock_offset() - self._offset
        if ahead <= JUMP_SECONDS:
            self._offset += min(ahead, 0.0)  # set back: measure jumps from here
            self._jumped_at = None
            return True
        now_ = time.monotonic()
        self._jumped_at = now_ if self._jumped_at is None else self._jumped_at
        if now_ - self._jumped_at < JUMP_SECONDS:
            logger.warning("the clock has jumped ahead by %.1f hours; not removing anything by age", ahead / 3600)
            return False
        self._offset += ahead
        self._jumped_at = None
        return True


class Retention:
    """Applies retention periodically."""

    def __init__(self) -> None:
        self._clock = TrustedClock()

    def run(self) -> int:
        """One round. Returns how many events were removed. By age it removes only part of each stream."""
        return trim(by_age=self._clock.trusted(), share_by_age=AGE_SHARE)


def _clock_offset() -> float:
    """Seconds between the wall clock and the monotonic one."""
    return now() / 1000 - time.monotonic()


def trim(pause: float = STEP_PAUSE, *, by_age: bool = True, share_by_age: float = 1.0) -> int:
    """Apply retention, and remove the events of dropped streams. Returns how many events were removed.

    `share_by_age` is the largest share of a stream's events that is removed by age.
    """
    settings = conf()
    before = now() - int(settings.RETAIN_DAYS * DAY_MILLISECONDS) if settings.RETAIN_DAYS and by_age else 0
    total = _remove_dropped(pause)
    done: set[str] = set()
    while names := set(trimmable(settings.RETAIN_EVENTS, before, STREAMS_PER_ROUND)) - done:
        for name in sorted(names):
            total += _trim_by_count(name, settings.RETAIN_EVENTS, pause)
            total += _trim_by_age(name, before, share_by_age, pause)
        done |= names
    if by_age:
        Producer.objects.filter(time__lt=now() - PRODUCER_DAYS * DAY_MILLISECONDS).delete()
    return total


def _trim_by_count(name: str, keep_events: int, pause: float) -> int:
    total = 0
    while keep_events and (removed := trim_stream(name, keep_events, 0, STEP_EVENTS)):
        total += removed
        time.sleep(pause)
    return total


def _trim_by_age(name: str, before: int, share: float, pause: float) -> int:
    held = Stream.objects.filter(name=name).values_list(F("head") - F("floor"), flat=True).first() or 0
    allowed = held if share == 1 else max(int(held * share), STEP_EVENTS)
    total = 0
    while before and total < allowed and (removed := trim_stream(name, 0, before, min(STEP_EVENTS, allowed - total))):
        total += removed
        time.sleep(pause)
    return total


def _remove_dropped(pause: float) -> int:
    """Remove dropped streams with their events. Returns how many events."""
    total = 0
    for stream in Stream.objects.filter(name__startswith=DROPPED):
        while removed := trim_stream(stream.name, 0, FOREVER, STEP_EVENTS):
            total += removed
            time.sleep(pause)
        stream.delete()
    return total


def trim_stream(name: str, keep_events: int, before: int, limit: int) -> int:
    """Remove up to `limit` of the stream's oldest events: those beyond the newest `keep_events` and those written
    before `before` (milliseconds since 1970); 0 for either means no bound. Returns how many were removed.

    The floor moves in the same transaction, so the log is always consistent.
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
