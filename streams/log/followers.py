"""Followers in the database: their leases, their positions, and the streams with events they haven't handled.

A lease says which process runs a follower. Positions move only while the lease is valid, so a process that was paused
for longer can't move them back.
"""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

from django.db import connection, transaction
from django.db.models import Q

from streams.conf import conf
from streams.database import in_chunks
from streams.log.models import DROPPED, Event, Follower, FollowerPosition
from streams.plugin import LoggedEvent
from streams.protocol.clock import now

READ_AT_ONCE = 20  # events, which may be large

BEHIND = """
    SELECT s.id, s.name, s.head, s.floor, COALESCE(p.seq, 0), COALESCE(p.floor, 0)
    FROM streams_stream s
    LEFT JOIN streams_followerposition p ON p.stream_id = s.id AND p.follower = %s
    WHERE (s.head > COALESCE(p.seq, 0) AND s.head > s.floor OR s.floor > COALESCE(p.floor, 0))
"""
SKIP_ALL = """
    INSERT INTO streams_followerposition (follower, stream_id, seq, floor)
    SELECT %s, s.id, s.head, s.floor FROM streams_stream s WHERE {}
    ON CONFLICT (follower, stream_id) DO NOTHING
"""
ENDED = """
    SELECT p.stream_id FROM streams_followerposition p LEFT JOIN streams_stream s ON s.id = p.stream_id
    WHERE p.follower = %s AND (s.id IS NULL OR s.name LIKE %s)
"""


class LeaseLostError(Exception):
    """Another process has taken over the follower."""


@dataclass(frozen=True, slots=True)
class Behind:
    """A stream in which a follower at `seq` has something to do; `known_floor` is the last floor it was notified of."""

    stream_id: int
    stream: str
    head: int
    floor: int
    seq: int
    known_floor: int

    @property
    def count(self) -> int:
        """How many retained events it hasn't handled."""
        return max(self.head - max(self.seq, self.floor), 0)


@dataclass(frozen=True, slots=True)
class Step:
    """The events that a follower handles next, and the seq up to which it has then handled the stream."""

    events: list[LoggedEvent]
    reached: int


def skip_history(follower: str, kinds: Collection[str]) -> None:
    """Unless the follower has run before, move it to the newest events of the streams of these kinds."""
    if Follower.objects.filter(pk=follower).exists():
        return
    with transaction.atomic():  # a process that is killed here leaves no trace, and others wait for it
        _, new = Follower.objects.get_or_create(pk=follower)
        if new:
            condition, patterns = _of_kinds(kinds)
            with connection.cursor() as cursor:
                cursor.execute(SKIP_ALL.format(condition), [follower, *patterns])


def take_lease(follower: str, holder: str) -> bool:
    """Take or keep the lease for FOLLOWER_LEASE seconds. Returns whether `holder` has it."""
    row = Follower.objects.filter(pk=follower).first()
    if row is None:
        Follower.objects.bulk_create([Follower(name=follower)], ignore_conflicts=True)
    elif row.lease_until > now():
        left = row.lease_until - now()
        if row.holder != holder or left > conf().FOLLOWER_LEASE * 500:  # more than half: nothing to write
            return row.holder == holder
    free = Follower.objects.filter(Q(holder=holder) | Q(lease_until__lte=now()), pk=follower)
    return bool(free.update(holder=holder, lease_until=_until()))


def release_lease(follower: str, holder: str) -> None:
    """Let another process take over at once."""
    Follower.objects.filter(pk=follower, holder=holder).update(holder="", lease_until=0)


def behind(follower: str, kinds: Collection[str], names: Collection[str] | None = None) -> Iterator[Behind]:
    """The streams of these kinds that have something new for the follower; only among `names`, if given."""
    if names is None:
        condition, patterns = _of_kinds(kinds)
        yield from _behind(f"{BEHIND} AND ({condition})", [follower, *patterns])
        return
    wanted = [name for name in names if name.partition(".")[0] in kinds]
    for some in in_chunks(wanted):
        yield from _behind(f"{BEHIND} AND s.name IN ({', '.join(['%s'] * len(some))})", [follower, *some])


def _of_kinds(kinds: Collection[str]) -> tuple[str, list[str]]:
    """The condition for streams of these kinds, and its parameters."""
    return " OR ".join(["s.name LIKE %s"] * len(kinds)), [f"{kind}.%" for kind in kinds]


def _behind(statement: str, parameters: list[str]) -> list[Behind]:
    with connection.cursor() as cursor:
        cursor.execute(statement, parameters)
        return [Behind(*row) for row in cursor.fetchall()]


def ended(follower: str) -> list[int]:
    """The ids of streams that the follower has a position in and that no longer exist."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED, [follower, f"{DROPPED}%"])
        return [pk for (pk,) in cursor.fetchall()]


def next_events(stream: Behind, limit: int, size: int, types: Collection[str] = ()) -> Step:
    """The stream's next events for its follower, of these types if given: up to `limit`, ending with the one whose
    payload reaches `size`."""
    rows = Event.objects.filter(stream=stream.stream_id, seq__gt=stream.seq, seq__lte=stream.head).order_by("seq")
    if types:
        rows = rows.filter(type__in=types)
    events: list[LoggedEvent] = []
    for row in rows.values_list("seq", "type", "payload", "time")[:limit].iterator(READ_AT_ONCE):
        events.append(LoggedEvent(*row))
        size -= len(events[-1].payload)
        if size <= 0 or len(events) == limit:
            return Step(events, events[-1].seq)
    return Step(events, stream.head)


@transaction.atomic
def advance(follower: str, holder: str, stream_id: int, seq: int, floor: int) -> None:
    """Move the follower's position and renew the lease. Raises LeaseLostError if it is no longer valid."""
    _renew(follower, holder)
    position = FollowerPosition(follower=follower, stream_id=stream_id, seq=seq, floor=floor)
    FollowerPosition.objects.bulk_create(
        [position], update_conflicts=True, unique_fields=["follower", "stream_id"], update_fields=["seq", "floor"]
    )


@transaction.atomic
def forget(follower: str, holder: str, stream_id: int) -> None:
    """Remove the position in a stream that has ended. Raises LeaseLostError."""
    _renew(follower, holder)
    FollowerPosition.objects.filter(follower=follower, stream_id=stream_id).delete()


def _renew(follower: str, holder: str) -> None:
    held = Follower.objects.filter(pk=follower, holder=holder, lease_until__gt=now())
    if not held.update(lease_until=_until()):
        raise LeaseLostError


def _until() -> int:
    return now() + int(conf().FOLLOWER_LEASE * 1000)
