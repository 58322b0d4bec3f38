"""Leases that another producer took over. The previous holder may still be alive, because two runs can share an agent,
so its requests stay open until its own lease ends or expires."""

from django.db.models import QuerySet

from agents.models import Agent, SupersededLease
from streams.protocol import clock


def lapsed() -> QuerySet[SupersededLease]:
    """The superseded leases that weren't renewed in time."""
    return SupersededLease.objects.filter(until__lt=clock.as_datetime(clock.now()))


def take_over(agent: Agent, producer: str) -> None:
    """Prepare a locked agent for `producer` to renew its lease, which another may hold until now."""
    SupersededLease.objects.filter(agent=agent, producer=producer).delete()
    if agent.lease_until is not None:
        SupersededLease.objects.create(agent=agent, producer=agent.lease_holder, until=agent.lease_until)


def end(agent: Agent, producer: str | None = None) -> None:
    """Forget the superseded lease of a producer that has ended, or (None) those of all."""
    held = SupersededLease.objects.filter(agent=agent)
    (held if producer is None else held.filter(producer=producer)).delete()


def end_lapsed(agent: Agent) -> set[str]:
    """Forget the superseded leases on a locked agent that have expired. Returns the producers that held them."""
    producers = set(lapsed().filter(agent=agent).values_list("producer", flat=True))
    SupersededLease.objects.filter(agent=agent, producer__in=producers).delete()
    return producers
