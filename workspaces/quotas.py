"""What a workspace may store in a day, counted in the transactions that store it, so that all processes share it."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any, Final

from django.conf import settings
from django.db import connection, transaction

from streams import metrics
from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError
from streams.runtime import Runtime
from workspaces.models import DailyVolume

KEPT_DAYS = 31
MAX_KNOWN = 10_000

# One statement, which also locks: whoever else writes for these workspaces waits until this transaction has ended.
ADD = (
    "INSERT INTO workspaces_dailyvolume (workspace_id, day, events, bytes) VALUES {} "
    "ON CONFLICT (workspace_id, day) DO UPDATE SET events = workspaces_dailyvolume.events + excluded.events, "
    "bytes = workspaces_dailyvolume.bytes + excluded.bytes RETURNING workspace_id, events, bytes"
)


@dataclass(frozen=True, slots=True)
class Volume:
    """So many events, and bytes of their payloads."""

    events: int = 0
    bytes: int = 0

    def __add__(self, other: "Volume") -> "Volume":
        return Volume(self.events + other.events, self.bytes + other.bytes)

    def __sub__(self, other: "Volume") -> "Volume":
        return Volume(self.events - other.events, self.bytes - other.bytes)

    @property
    def reached(self) -> str | None:
        """Which quota is used up, if one is."""
        for name, used, limit in (
            ("events", self.events, settings.WORKSPACE_EVENTS_PER_DAY),
            ("bytes", self.bytes, settings.WORKSPACE_BYTES_PER_DAY),
        ):
            if limit and used >= limit:
                return name
        return None


NOTHING: Final = Volume()


class Committed:
    """What has been committed by workspace and day, as far as this process knows; it is at least so much."""

    def __init__(self) -> None:
        self._volumes: dict[tuple[uuid.UUID, date], Volume] = {}

    @classmethod
    def known(cls) -> "Committed":
        """That of this server; an empty one where nothing is served."""
        runtime = Runtime.of_process()
        return cls() if runtime is None else runtime.part(cls)

    def get(self, workspace_id: uuid.UUID, day: date) -> Volume:
        return self._volumes.get((workspace_id, day), NOTHING)

    def note(self, totals: dict[uuid.UUID, Volume], day: date) -> None:
        if len(self._volumes) > MAX_KNOWN:
            self._volumes.clear()
        self._volumes.update({(workspace_id, day): total for workspace_id, total in totals.items()})


class OutdatedError(Exception):
    """Other processes had left no room for what the tally admitted. It is noted: run the transaction again."""


def today() -> date:
    return clock.as_datetime(clock.now()).astimezone(UTC).date()


def next_day() -> datetime:
    """When the quotas of today end."""
    return datetime.combine(today() + timedelta(days=1), datetime.min.time(), UTC)


class Tally:
    """One transaction's events by workspace, and what there is room for.

    A quota is used up once it is reached: the publication that reaches it is still taken whole, or one larger than the
    quota could never be sent.
    """

    def __init__(self, committed: Committed) -> None:
        self._day = today()
        self._committed = committed
        self._added: dict[uuid.UUID, Volume] = {}
        self._checked: dict[uuid.UUID, Volume] = {}  # what had been added when the last publication was let in

    def admit(self, workspace_id: uuid.UUID) -> ProtocolError | None:
        """Let a publication in, or say why not."""
        added = self._added.get(workspace_id, NOTHING)
        which = (self._committed.get(workspace_id, self._day) + added).reached
        if which is None:
            self._checked[workspace_id] = added
            return None
        metrics.LIMITED.labels(limit=f"workspace_{which}").inc()
        wait = max(1.0, (next_day() - clock.as_datetime(clock.now())).total_seconds())
        return ProtocolError(
            Code.RATE_LIMITED, f"the workspace's {which} for today are used up; keep these", retry_after=wait
        )

    def add(self, workspace_id: uuid.UUID, text: str) -> None:
        """Count an event by its payload."""
        size = len(text) if text.isascii() else len(text.encode())
        self._added[workspace_id] = self._added.get(workspace_id, NOTHING) + Volume(1, size)

    def store(self) -> None:
        """Write what has been counted. Raises OutdatedError."""
        if not self._added:
            return
        totals = _add(self._day, self._added)
        outdated = {}
        for workspace_id, total in totals.items():
            before = total - self._added[workspace_id]
            if workspace_id in self._checked and (before + self._checked[workspace_id]).reached:
                outdated[workspace_id] = before
        if outdated:
            self._committed.note(outdated, self._day)
            raise OutdatedError
        transaction.on_commit(lambda: self._note(totals))

    def _note(self, totals: dict[uuid.UUID, Volume]) -> None:
        metrics.PUBLISHED.inc(sum(added.events for added in self._added.values()))
        metrics.PUBLISHED_BYTES.inc(sum(added.bytes for added in self._added.values()))
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
    """The last 30 days on which something was published, the newest first."""
    since = today() - timedelta(days=29)
    return list(DailyVolume.objects.filter(workspace_id=workspace_id, day__gte=since).order_by("-day"))


def quota(workspace_id: uuid.UUID) -> dict[str, Any]:
    """What a workspace has used today and of late, and what it may use; a `limit` of None is none."""
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
    """Forget the volumes of long ago."""
    DailyVolume.objects.filter(day__lt=today() - timedelta(days=KEPT_DAYS)).delete()
