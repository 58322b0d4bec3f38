"""Leases that another producer took over. Whoever held one may still be alive, as two runs of one agent are, so what it
asked stays open until its own lease ends or runs out."""

from django.db.models import QuerySet

from agents.models import Agent, SupersededLease
from streams.protocol import clock


def lapsed() -> QuerySet[SupersededLease]:
    """Those that were not renewed in time."""
    return SupersededLease.objects.filter(until__lt=clock.as_datetime(clock.now()))


def take_over(agent: Agent, producer: str) -> None:
    """`producer` renews its lease on a locked agent, which another may hold so far."""
    SupersededLease.objects.filter(agent=agent, producer=producer).delete()
    if agent.lease_until is not None:
        SupersededLease.objects.create(agent=agent, producer=agent.lease_holder, until=agent.lease_until)


def end(agent: Agent, producer: str | None = None) -> None:
    """Forget the lease of a producer that has ended, or those of all."""
    held = SupersededLease.objects.filter(agent=agent)
    (held if producer is None else held.filter(producer=producer)).delete()


def end_lapsed(agent: Agent) -> set[str]:
    """Forget the leases on a locked agent that have run out. Returns the producers that held them."""
    producers = set(lapsed().filter(agent=agent).values_list("producer", flat=True))
    SupersededLease.objects.filter(agent=agent, producer__in=producers).delete()
    return producers
