"""How long events are kept, and the removing of those beyond that."""

import time

from streams import log
from streams.conf import conf

STEP = 500  # events removed in one transaction: writers wait for no more than that
STREAMS = 200  # looked up at once
PAUSE = 0.02  # seconds between two steps, for others to write
DAY = 86_400_000
PRODUCER_DAYS = 30  # after which no producer comes back with a retry


def trim(pause: float = PAUSE) -> int:
    """Remove all that is beyond the retention, in small steps; returns how many events that were."""
    settings = conf()
    before = log.now() - int(settings.RETAIN_DAYS * DAY) if settings.RETAIN_DAYS else 0
    total = 0
    while names := log.trimmable(settings.RETAIN_EVENTS, before, STREAMS):
        for name in names:
            while removed := log.trim(name, settings.RETAIN_EVENTS, before, STEP):
                total += removed
                time.sleep(pause)
    log.forget_producers(log.now() - PRODUCER_DAYS * DAY)
    return total
