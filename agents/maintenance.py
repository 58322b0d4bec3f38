"""Background jobs for agents: report lost runners, expire requests, archive silent agents, merge old sessions, remove
attachments.

A runner renews its lease every few seconds; if it stops, its agent is reported as lost. A request ends at its deadline,
and is forgotten once its events are trimmed. An agent that has long been silent leaves its workspace's state until
it publishes again.
"""

import logging
import uuid
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Min

from agents import attachments
from agents.changes import agent_stream
from agents.folding import overfull
from agents.leases import lapsed
from agents.models import Agent, Request, Status
from agents.services import STALE, AgentService, due_requests, expired
from streams import log
from streams.conf import conf
from streams.plugin import Job
from streams.protocol import clock
from streams.protocol.messages import ProtocolError

logger = logging.getLogger(__name__)

LEASE_SECONDS = 1.0  # between two checks for expired leases
AWAY_SECONDS = 5.0  # without a check, after which runners get time to renew their leases
REQUEST_SECONDS = 0.5  # between two checks for expired requests
REQUESTS_STEP = 500  # requests forgotten in one transaction
FOLD_SECONDS = 600.0  # between two checks for agents with too many sessions
ARCHIVE_SECONDS = 600.0  # between two checks for silent agents
ARCHIVE_BATCH = 100  # agents checked in one transaction


def jobs() -> Iterable[Job]:
    return [
        Job(LeaseGuard().end_lost, LEASE_SECONDS),
        Job(archive_silent, ARCHIVE_SECONDS),
        Job(expire_due, REQUEST_SECONDS),
        Job(forget_trimmed, conf().TRIM_EVERY),
        Job(fold_sessions, FOLD_SECONDS),
        Job(remove_attachments, conf().TRIM_EVERY),
    ]


@dataclass
class UptimeGuard:
    """How long this server has been able to receive renewals. Times are seconds since 1970."""

    since: float
    seen: float

    def note(self, now: float) -> None:
        """Record that the server is up. After a gap, the uptime starts over."""
        if not 0 <= now - self.seen <= AWAY_SECONDS:
            self.since = now
        self.seen = now

    def long_enough(self) -> bool:
        """Whether every runner has had time to renew its lease here."""
        return self.seen - self.since >= conf().LEASE


class LeaseGuard:
    """Reports agents whose runners are lost."""

    def __init__(self) -> None:
        now = clock.now() / 1000
        self._uptime = UptimeGuard(now, now)

    def end_lost(self) -> None:
        waiting, superseded = expired().exists(), lapsed().exists()  # takes no write lock
        self._uptime.note(clock.now() / 1000)
        if waiting and self._uptime.long_enough():
            logger.info("%d runners are lost", AgentService.end_lost())
        if superseded and self._uptime.long_enough():
            AgentService.withdraw_lapsed()


def expire_due() -> None:
    while due_requests().exists():  # takes no write lock
        AgentService.expire_requests()


def forget_trimmed() -> int:
    """Remove resolved requests whose event is no longer retained. Returns how many."""
    oldest: dict[uuid.UUID, int] = dict(
        Request.objects.exclude(outcome="").values_list("agent_id").annotate(Min("seq")).order_by("agent_id")
    )
    agents = {agent_stream(agent_id): agent_id for agent_id in oldest}
    removed = 0
    for name, floor in log.trimmed({name: oldest[agent_id] for name, agent_id in agents.items()}).items():
        past = Request.objects.exclude(outcome="").filter(agent=agents[name], seq__lte=floor)
        removed += past.filter(pk__in=list(past.values_list("pk", flat=True)[:REQUESTS_STEP])).delete()[0]
    return removed


def fold_sessions() -> None:
    for agent_id in sorted(overfull()):
        with suppress(ProtocolError):  # deleted in the meantime
            while AgentService.fold(agent_id):
                pass


def remove_attachments() -> None:
    """Remove attachments that no event references any more, and those of deleted agents."""
    for agent_id in list(attachments.agents_to_look_at()):
        AgentService.give_up_attachments(agent_id)
    while attachments.remove():
        pass


def archive_silent() -> int:
    """Archive agents that aren't running and have been silent for AGENT_ARCHIVE_DAYS. Returns how many."""
    if not settings.AGENT_ARCHIVE_DAYS:
        return 0
    silent_since = clock.as_datetime(clock.now()) - timedelta(days=settings.AGENT_ARCHIVE_DAYS)
    archived = sum(AgentService.archive(batch, silent_since) for batch in _candidates(silent_since))
    if archived:
        logger.info("%d agents are archived", archived)
    return archived


def _candidates(silent_since: datetime) -> Iterator[list[uuid.UUID]]:
    """Agents whose status hasn't changed since then, in batches. They may still have reported something else."""
    stale = Agent.objects.filter(**STALE, updated_at__lt=silent_since).exclude(status=Status.RUNNING).order_by("pk")
    batch = list(stale.values_list("pk", flat=True)[:ARCHIVE_BATCH])
    while batch:
        yield batch
        batch = list(stale.filter(pk__gt=batch[-1]).values_list("pk", flat=True)[:ARCHIVE_BATCH])
