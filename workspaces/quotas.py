"""Daily quotas of workspaces, counted in the transactions that store the events, so that all processes share them."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.db import connection, transaction

from streams import metrics
from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from workspaces.models import DailyVolume

KEPT_DAYS = 31
MAX_KNOWN = 10_000

# A single statement, which also locks: other writers for these workspaces wait for this transaction.
ADD = (
    "INSERT INTO workspaces_dailyvolume (workspace_id, day, events, bytes) VALUES {} "
    "ON CONFLICT (workspace_id, day) DO UPDATE SET events = workspaces_dailyvolume.events + excluded.events, "
    "bytes = workspaces_dailyvolume.bytes + excluded.bytes RETURNING workspace_id, events, bytes"
)


class Volume(NamedTuple):
    """A number of events, and the bytes of their payloads."""

    events: int = 0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Limits:
    """What a workspace may publish in a day; 0: any number."""

    events: int
    bytes: int

    @classmethod
    def configured(cls) -> "Limits":
        return cls(settings.WORKSPACE_EVENTS_PER_DAY, settings.WORKSPACE_BYTES_PER_DAY)

    def reached(self, events: int, size: int) -> str | None:
        """The quota that this many events and bytes use up; None if they use up neither."""
        if self.events and events >= self.events:
            return "events"
        if self.bytes and size >= self.bytes:
            return "bytes"
        return None


@dataclass(slots=True)
class Count:
    """What one transaction adds to a workspace; `admitted` is what it had added when it last admitted a publication."""

    known: Volume
    events: int = 0
    bytes: int = 0
    admitted: tuple[int, int] | None = None


NOTHING: Final = Volume()


class Committed:
    """What has been committed by workspace and day, as far as this process knows: a lower bound."""

    def __init__(self) -> None:
        self._volumes: dict[tuple[uuid.UUID, date], Volume] = {}

    @classmethod
    def known(cls) -> "Committed":
        """This server's; an empty one in processes that serve nothing."""
        runtime = Runtime.of_process()
        return cls() if runtime is None else runtime.part(cls)

    def get(self, workspace_id: uuid.UUID, day: date) -> Volume:
        return self._volumes.get((workspace_id, day), NOTHING)

    def note(self, totals: dict[uuid.UUID, Volume], day: date) -> None:
        if len(self._volumes) > MAX_KNOWN:
            self._volumes.clear()
        self._volumes.update({(workspace_id, day): total for workspace_id, total in totals.items()})


class OutdatedError(Exception):
    """Other processes have used up the quota under which the tally admitted something. Run the transaction again: the
    tally now knows."""


def today() -> date:
    return clock.as_datetime(clock.now()).astimezone(UTC).date()


def next_day() -> datetime:
    """When today's quotas end."""
    return datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC)


class Tally:
    """One transaction's events by workspace, checked against the quotas.

    The publication that reaches a quota is still accepted whole; otherwise one larger than the quota could never be
    sent.
    """

    def __init__(self, committed: Committed) -> None:
        self._day = today()
        self._limits = Limits.configured()
        self._committed = committed
        self._counts: dict[uuid.UUID, Count] = {}

    def admit(self, workspace_id: uuid.UUID) -> None:
        """Admit a publication. Raises ProtocolError (RATE_LIMITED) if the quota is used up."""
        count = self._count(workspace_id)
        which = self._limits.reached(count.known.events + count.events, count.known.bytes + count.bytes)
        if which is None:
            count.admitted = count.events, count.bytes
            return
        metrics.LIMITED.labels(limit=f"workspace_{which}").inc()
        wait = max(1.0, (next_day() - clock.as_datetime(clock.now())).total_seconds())
        problem = (
            f"the workspace's daily quota of {which} is used up; keep these events and send them again tomorrow (UTC)"
        )
        raise ProtocolError(Code.RATE_LIMITED, problem, retry_after=wait)

    def add(self, workspace_id: uuid.UUID, events: int, size: int) -> None:
        """Count events whose payloads have `size` bytes in total."""
        count = self._count(workspace_id)
        count.events += events
        count.bytes += size

    def _count(self, workspace_id: uuid.UUID) -> Count:
        count = self._counts.get(workspace_id)
        if count is None:
            count = self._counts[workspace_id] = Count(self._committed.get(workspace_id, self._day))
        return count

    def store(self) -> None:
        """Write the counts. Raises OutdatedError."""
        added = {key: Volume(count.events, count.bytes) for key, count in self._counts.items() if count.events}
        if not added:
            return
        totals = _add(self._day, added)
        outdated = {}
        for key, total in totals.items():
            before = Volume(total.events - added[key].events, total.bytes - added[key].bytes)
            admitted = self._counts[key].admitted
            if admitted and self._limits.reached(before.events + admitted[0], before.bytes + admitted[1]):
                outdated[key] = before
        if outdated:
            self._committed.note(outdated, self._day)
            raise OutdatedError
        transaction.on_commit(lambda: self._note(added, totals))

    def _note(self, added: dict[uuid.UUID, Volume], totals: dict[uuid.UUID, Volume]) -> None:
        metrics.PUBLISHED.inc(sum(volume.events for volume in added.values()))
        metrics.PUBLISHED_BYTES.inc(sum(volume.bytes for volume in added.values()))
        self._committed.note(totals, self._day)


def _add(day: date, added: dict[uuid.UUID, Volume]) -> dict[uuid.UUID, Volume]:
    native = connection.features.has_native_uuid_field
    values: list[Any] = []
    for workspace_id, volume in sorted(added.items()):
        values += [workspace_id if native else workspace_id.hex, day.isoformat(), volume.events, volume.bytes]
    with connection.cursor() as cursor:
        cursor.execute(ADD.format(", ".join(["(%s, %s, %s, %s)"] * len(added))), values)
        return {uuid.UUID(str(key)): Volume(events, size) for key, events, size in cursor.fetchall()}


def volumes(workspace_id: uuid.UUID) -> Sequence[DailyVolume]:
    """The last 30 days on which something was published, newest first."""
    since = today() - timedelta(days=29)
    return list(DailyVolume.objects.filter(workspace_id=workspace_id, day__gte=since).order_by("-day"))


def quota(workspace_id: uuid.UUID) -> dict[str, Any]:
    """What a workspace has used today and recently, and its limits; a `limit` of None means no limit."""
    days = volumes(workspace_id)
    used = days[0] if days and days[0].day == today() else DailyVolume()
    return {
        "day": today(),
        "resets_at": next_day(),
        "events": {"used": used.events, "limit": settings.WORKSPACE_EVENTS_PER_DAY or None},
        "bytes": {"used": used.bytes, "limit": settings.WORKSPACE_BYTES_PER_DAY or None},
        "days": [{"day": each.day, "events": each.events, "bytes": each.bytes} for each in days],
    }


def remove_old() -> None:
    """Remove old volumes."""
    DailyVolume.objects.filter(day__lt=today() - timedelta(days=KEPT_DAYS)).delete()
