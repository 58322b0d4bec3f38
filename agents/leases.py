"""Leases: a runner says every few seconds that it is there; the agent of one that does not is ended as lost."""

import logging
import threading
import time
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError, close_old_connections

from agents.services import AgentService, expired
from streams import log
from streams.conf import conf

logger = logging.getLogger(__name__)

LOOK = 1.0  # seconds between two looks for leases that have run out
AWAY = 5.0  # seconds without a look after which runners are given time to come back


@dataclass
class Presence:
    """Since when this server could have heard of a renewal; times are seconds since 1970, as those of leases are."""

    since: float
    seen: float

    def note(self, now: float) -> None:
        """The server is there now. If it was not for a while, that counts from now on."""
        if not 0 <= now - self.seen <= AWAY:
            self.since = now
        self.seen = now

    def long_enough(self) -> bool:
        """Whether every runner has had the time to renew its lease here."""
        return self.seen - self.since >= conf().LEASE


_began = log.now() / 1000
_starting = threading.Lock()
_thread: threading.Thread | None = None


def answer(leased: bool) -> dict[str, Any]:
    """What a renewal adds to its answer: for how many seconds it holds."""
    if not leased:
        return {}
    keep()
    return {"lease": conf().LEASE}


def keep() -> None:
    """Look for lost runners from now on, in a thread: the chores' rounds are too far apart for a promise."""
    global _thread  # noqa: PLW0603 - one for the process
    with _starting:
        if _thread is None:
            _thread = threading.Thread(target=_work, name="leases", daemon=True)
            _thread.start()


def _work() -> None:
    presence = Presence(_began, log.now() / 1000)
    while True:
        time.sleep(LOOK)
        try:
            _look(presence)
        except (OperationalError, InterfaceError) as error:
            logger.debug("cannot look for lost runners: %s", error)
        except Exception:
            logger.exception("cannot end lost runners")


def _look(presence: Presence) -> None:
    close_old_connections()
    try:
        waiting = expired().exists()  # costs no writer's lock
        presence.note(log.now() / 1000)
        if waiting and presence.long_enough():
            logger.info("%d runners are lost", AgentService.end_lost())
    finally:
        close_old_connections()
