"""Leases: a runner renews its lease every few seconds; if it stops, its agent is reported as lost."""

import logging
from dataclasses import dataclass

from agents.services import AgentService, expired
from streams.conf import conf
from streams.plugin import Job
from streams.protocol import clock

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0  # between two looks for leases that have run out
AWAY_SECONDS = 5.0  # without a look, after which runners are given time to come back


@dataclass
class UptimeGuard:
    """Since when this server could have received a renewal. Times are seconds since 1970, as those of leases are."""

    since: float
    seen: float

    def note(self, now: float) -> None:
        """The server is there now. If it was not for a while, that counts from now on."""
        if not 0 <= now - self.seen <= AWAY_SECONDS:
            self.since = now
        self.seen = now

    def long_enough(self) -> bool:
        """Whether every runner has had the time to renew its lease here."""
        return self.seen - self.since >= conf().LEASE


class LeaseGuard:
    """Ends the agents whose runners are lost."""

    def __init__(self) -> None:
        now = clock.now() / 1000
        self._uptime = UptimeGuard(now, now)

    @property
    def job(self) -> Job:
        return Job(self.end_lost, CHECK_SECONDS)

    def end_lost(self) -> None:
        waiting = expired().exists()  # costs no writer's lock
        self._uptime.note(clock.now() / 1000)
        if waiting and self._uptime.long_enough():
            logger.info("%d runners are lost", AgentService.end_lost())
