"""Secrets that do not hold, by the address they come from: tokens, tickets, sign-in links, invitations.

They are too long to be guessed. So those that hold always work, also for others at the address; whoever goes on showing
what does not hold is told to wait.
"""

import logging
import threading
from collections import OrderedDict

from accounts.throttle import network, too_many
from streams.protocol.limits import Bucket

logger = logging.getLogger(__name__)

BURST = 100
PER_SECOND = 1.0
ADDRESSES = 10_000  # that are remembered, those that came last

# Per process, not per event loop: pages are served in Django's own threads.
_lock = threading.Lock()
_buckets: OrderedDict[str, Bucket] = OrderedDict()


def note_failure(what: str, address: str) -> None:
    """A secret from this address does not hold. Raises ProtocolError (RATE_LIMITED) if there have been too many."""
    with _lock:
        place = network(address)
        bucket = _buckets.setdefault(place, Bucket(BURST, PER_SECOND))
        _buckets.move_to_end(place)
        if len(_buckets) > ADDRESSES:
            _buckets.popitem(last=False)
        allowed = bucket.take()
    if not allowed:
        raise too_many(1 / PER_SECOND)
    logger.info("a %s that does not hold, from %s", what, address)
