"""Attachments: files referenced by outputs. Their rows are in the database, their content in Django's storage."""

import logging
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from django.core.files.base import ContentFile
from django.core.files.storage import Storage, storages
from django.db.models import Count, Min, Sum

from agents.changes import agent_stream
from agents.models import Attachment
from streams import log
from streams.database import in_chunks
from streams.protocol import clock
from streams.protocol.messages import Code, ProtocolError

logger = logging.getLogger(__name__)

MAX_BYTES = 10 * 1024 * 1024  # of one
UNNAMED_HOURS = 24  # after which one that no event references is removed
STEP = 100  # removed in one transaction


def storage() -> Storage:
    return storages["attachments"]


def save(attachment: Attachment, content: bytes) -> None:
    """Store the content, at a path that contains nothing from outside. Raises ProtocolError (UNAVAILABLE)."""
    with _available("stored"):
        storage().save(attachment.place, ContentFile(content))


def load(attachment: Attachment) -> bytes | None:
    """The content; None if it is gone. Raises ProtocolError (UNAVAILABLE)."""
    with _available("read"), suppress(FileNotFoundError), storage().open(attachment.place) as file:
        content: bytes = file.read()
        return content
    return None


@contextmanager
def _available(done: str) -> Iterator[None]:
    try:
        yield
    except Exception:  # whatever the storage raises while its disk is full or its service is down
        logger.exception("an attachment can't be %s", done)
        raise ProtocolError(
            Code.UNAVAILABLE, f"the attachment can't be {done} at the moment; try again later"
        ) from None


def used(agent_id: uuid.UUID) -> tuple[int, int]:
    """The number and total bytes of an agent's attachments."""
    found = Attachment.objects.filter(agent=agent_id).aggregate(count=Count("pk"), size=Sum("size"))
    return found["count"], found["size"] or 0


def used_in_workspace(workspace_id: uuid.UUID) -> int:
    """The total bytes of the attachments of a workspace's agents."""
    return Attachment.objects.filter(agent__workspace=workspace_id).aggregate(size=Sum("size"))["size"] or 0


def note_named(agent_id: uuid.UUID, named: dict[uuid.UUID, int]) -> None:
    """Record the newest event (a seq by attachment id) that references each attachment, which is kept as long as that
    event. The agent's stream must be locked."""
    for some in in_chunks(sorted(named)):
        rows = list(Attachment.objects.filter(agent=agent_id, pk__in=some))
        for row in rows:
            row.seq = named[row.pk]
        Attachment.objects.bulk_update(rows, ["seq"])


def agents_to_look_at() -> set[uuid.UUID]:
    """The agents with attachments that may have to be detached."""
    named = Attachment.objects.exclude(agent=None).exclude(seq=None).values_list("agent").annotate(Min("seq"))
    oldest = {agent_stream(agent_id): (agent_id, seq) for agent_id, seq in named.order_by()}
    found = {oldest[name][0] for name in log.trimmed({name: seq for name, (_, seq) in oldest.items()})}
    unnamed = Attachment.objects.exclude(agent=None).filter(seq=None, created_at__lt=_long_ago(clock.now()))
    return found | {agent_id for agent_id in unnamed.values_list("agent", flat=True).distinct() if agent_id}


def _long_ago(now: int) -> datetime:
    return clock.as_datetime(now) - timedelta(hours=UNNAMED_HOURS)


def give_up(agent_id: uuid.UUID) -> int:
    """Detach attachments from an agent whose events are gone or, after UNNAMED_HOURS, that no event references;
    `remove` then removes them. Returns how many. Its stream must be locked, so that none is referenced meanwhile."""
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
    """Remove attachments that no longer belong to an agent, the content first. Returns how many."""
    rows = list(Attachment.objects.filter(agent=None)[:STEP])
    for row in rows:
        storage().delete(row.place)
        row.delete()
    return len(rows)
