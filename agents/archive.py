"""Archiving: agents that have been silent for long leave their workspace's state until they publish again."""

import logging
import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from agents.models import Agent, Status
from agents.services import STALE, AgentService
from streams.plugin import Job
from streams.protocol import clock

logger = logging.getLogger(__name__)

CHECK_SECONDS = 600.0
BATCH = 100  # agents looked at in one transaction


def job() -> Job:
    return Job(archive_silent, CHECK_SECONDS)


def archive_silent() -> int:
    """Archive the agents that aren't running and have been silent for AGENT_ARCHIVE_DAYS; returns how many."""
    if not settings.AGENT_ARCHIVE_DAYS:
        return 0
    silent_since = clock.as_datetime(clock.now()) - timedelta(days=settings.AGENT_ARCHIVE_DAYS)
    archived = sum(AgentService.archive(batch, silent_since) for batch in _candidates(silent_since))
    if archived:
        logger.info("%d agents are archived", archived)
    return archived


def _candidates(silent_since: datetime) -> Iterator[list[uuid.UUID]]:
    """Agents whose status has not changed since then, a batch at a time; their streams tell what else they reported."""
    stale = Agent.objects.filter(**STALE, updated_at__lt=silent_since).exclude(status=Status.RUNNING).order_by("pk")
    batch = list(stale.values_list("pk", flat=True)[:BATCH])
    while batch:
        yield batch
        batch = list(stale.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:BATCH])
