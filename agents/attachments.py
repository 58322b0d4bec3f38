"""Attachments: files that outputs name. Their rows are in the database, their content in Django's storage."""

import uuid
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db.models import Count, Min, Sum

from agents.changes import agent_stream
from agents.models import Attachment
from agents.upsert import CHUNK
from streams import log
from streams.protocol import clock

MAX_BYTES = 10 * 1024 * 1024  # of one
UNNAMED_HOURS = 24  # after which one that no event names is removed
STEP = 100  # removed in one transaction


def storage() -> Storage:
    return storages["attachments"]


def save(attachment: Attachment, content: bytes) -> None:
    """Keep the content. Its place says nothing that came from outside."""
    storage().save(attachment.place, ContentFile(content))


def load(attachment: Attachment) -> bytes | None:
    """The content; None where it is gone."""
    try:
        with storage().open(attachment.place) as file:
            content: bytes = file.read()
    except FileNotFoundError:
        return None
    return content


def used(agent_id: uuid.UUID) -> tuple[int, int]:
    """How many attachments an agent has, and their bytes."""
    found = Attachment.objects.filter(agent=agent_id).aggregate(count=Count("pk"), size=Sum("size"))
    return found["count"], found["size"] or 0


def used_in_workspace(workspace_id: uuid.UUID) -> int:
    """The bytes of all attachments of a workspace's agents."""
    return Attachment.objects.filter(agent__workspace=workspace_id).aggregate(size=Sum("size"))["size"] or 0


def note_named(agent_id: uuid.UUID, named: dict[uuid.UUID, int]) -> None:
    """Note which events, by seq, name attachments of an agent whose stream is locked: they are kept with those."""
    ids = sorted(named)
    for start in range(0, len(ids), CHUNK):
        rows = list(Attachment.objects.filter(agent=agent_id, pk__in=ids[start : start + CHUNK]))
        for row in rows:
            row.seq = named[row.pk]
        Attachment.objects.bulk_update(rows, ["seq"])


def agents_to_look_at() -> set[uuid.UUID]:
    """The agents with attachments that may have to be given up."""
    named = Attachment.objects.exclude(agent=None).exclude(seq=None).values_list("agent").annotate(Min("seq"))
    oldest = {agent_stream(agent_id): (agent_id, seq) for agent_id, seq in named.order_by()}
    found = {oldest[name][0] for name in log.trimmed({name: seq for name, (_, seq) in oldest.items()})}
    unnamed = Attachment.objects.exclude(agent=None).filter(seq=None, created_at__lt=_long_ago(clock.now()))
    return found | {agent_id for agent_id in unnamed.values_list("agent", flat=True).distinct() if agent_id}


def _long_ago(now: int) -> datetime:
    return clock.as_datetime(now) - timedelta(hours=UNNAMED_HOURS)


def give_up(agent_id: uuid.UUID) -> int:
    """Take from an agent the attachments whose events are gone, and those that no event has named in a day; `remove`
    then removes them. Returns how many. Its stream is locked, so that none is named meanwhile."""
    name = agent_stream(agent_id)
    with log.writing([name]) as writer:
        spans = log.spans([name])
        if name not in spans:
            return 0
        owned = Attachment.objects.filter(agent=agent_id)
        trimmed = owned.filter(seq__lte=spans[name].floor)
        unnamed = owned.filter(seq=None, created_at__lt=_long_ago(writer.time))
        return trimmed.update(agent=None) + unnamed.update(agent=None)


def remove() -> int:
    """Remove attachments that belong to nobody any more, the content first; returns how many."""
    rows = list(Attachment.objects.filter(agent=None)[:STEP])
    for row in rows:
        storage().delete(row.place)
        row.delete()
    return len(rows)
