"""How long events are kept, and the removing of those beyond that, in steps that no writer has to wait for."""

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
STEP_PAUSE = 0.02  # seconds between two steps, for others to write
DAY_MILLISECONDS = 86_400_000
FOREVER = 2**62  # milliseconds: later than any event
JUMP_SECONDS = 3600.0  # by which the clock may get ahead before it is distrusted, and for how long it then is
AGE_SHARE = 0.05  # of a stream's events that one round removes at most for being too old
PRODUCER_DAYS = 30  # after which no producer comes back with a retry


class TrustedClock:
    """The wall clock, which is distrusted for an hour after it has jumped ahead: one that is a month ahead for some
    seconds must not cost a month of history."""

    def __init__(self) -> None:
        self._offset = _clock_offset()
        self._jumped_at: float | None = None

    def trusted(self) -> bool:
        """Whether the wall clock has kept pace with the monotonic one; a jump is believed after an hour."""
        ahead = _clock_offset() - self._offset
        if ahead <= JUMP_SECONDS:
            self._offset += min(ahead, 0.0)  # set back: what it gains from there is measured from there
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
    """A server's rounds of trimming."""

    def __init__(self) -> None:
        self._clock = TrustedClock()

    def run(self) -> int:
        """One round; returns how many events were removed. By age it removes a part of each stream at most."""
        return trim(by_age=self._clock.trusted(), share_by_age=AGE_SHARE)


def _clock_offset() -> float:
    """Seconds between the wall clock and the monotonic one."""
    return now() / 1000 - time.monotonic()


def trim(pause: float = STEP_PAUSE, *, by_age: bool = True, share_by_age: float = 1.0) -> int:
    """Remove the events beyond the retention, and those of streams that have ended; returns how many that were.

    `share_by_age` is the part of a stream's events that is removed at most for being too old.
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
