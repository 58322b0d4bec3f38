"""Rate limits, and yielding on the event loop."""

import asyncio
import time
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, field

TURN_SECONDS = 0.005
BURST_SECONDS = 5.0
MAX_BUCKETS = 20_000


@dataclass(slots=True)
class Bucket:
    """A token bucket: holds `size`, refilled at `rate` per second."""

    size: float
    rate: float
    _level: float = field(init=False)
    _time: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.size
        self._time = time.monotonic()

    def take(self) -> bool:
        """Take one; False if there is none left."""
        self._refill()
        if self._level < 1:
            return False
        self._level -= 1
        return True

    @property
    def wait(self) -> float:
        """Seconds until something is available; 0 if something is now."""
        self._refill()
        return 0.0 if self._level > 0 else max(-self._level / self.rate, 0.001)

    def spend(self, amount: float) -> None:
        """Take `amount`, even if less is left; later calls then wait longer."""
        self._refill()
        self._level -= amount

    def _refill(self) -> None:
        now = time.monotonic()
        self._level = min(self.size, self._level + (now - self._time) * self.rate)
        self._time = now


class Buckets:
    """A bucket for each key, in this process; beyond `most` of them the least recently used are forgotten."""

    burst_seconds = BURST_SECONDS
    most = MAX_BUCKETS

    def __init__(self) -> None:
        self._buckets: OrderedDict[Hashable, Bucket] = OrderedDict()

    def get(self, key: Hashable, rate: float) -> Bucket:
        """The bucket of `key`, sized for `burst_seconds` at `rate`."""
        bucket = self._buckets.get(key)
        if bucket is None or bucket.rate != rate:
            bucket = self._buckets[key] = Bucket(rate * self.burst_seconds, rate)
            if len(self._buckets) > self.most:
                self._buckets.popitem(last=False)
        self._buckets.move_to_end(key)
        return bucket


class Turn:
    """A task's turn on the event loop: `passed_on` yields once the turn has taken longer than TURN_SECONDS."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + TURN_SECONDS

    async def passed_on(self) -> None:
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + TURN_SECONDS
