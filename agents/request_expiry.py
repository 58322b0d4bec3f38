"""Requests in time: those whose time is over expire, and what was resolved is forgotten with its events."""

from collections.abc import Iterable
from uuid import UUID

from django.db.models import Min

from agents.changes import agent_stream
from agents.models import Request
from agents.services import AgentService, due_requests
from streams import log
from streams.conf import conf
from streams.plugin import Job

CHECK_SECONDS = 0.5  # between two looks for requests whose time is over
STEP = 500


def jobs() -> Iterable[Job]:
    return [Job(expire_due, CHECK_SECONDS), Job(forget_trimmed, conf().TRIM_EVERY)]


def expire_due() -> None:
    while due_requests().exists():  # costs no writer's lock
        AgentService.expire_requests()


def forget_trimmed() -> int:
    """Remove the resolved requests whose own event is no longer retained; returns how many those were."""
    oldest: dict[UUID, int] = dict(
        Request.objects.exclude(outcome="").values_list("agent_id").annotate(Min("seq")).order_by("agent_id")
    )
    agents = sorted(oldest)
    removed = 0
    for start in range(0, len(agents), STEP):
        names = {agent_stream(agent_id): agent_id for agent_id in agents[start : start + STEP]}
        for name, span in log.spans(names).items():
            if oldest[names[name]] <= span.floor:
                trimmed = Request.objects.exclude(outcome="").filter(agent=names[name], seq__lte=span.floor)
                removed += trimmed.filter(pk__in=list(trimmed.values_list("pk", flat=True)[:STEP])).delete()[0]
    return removed
