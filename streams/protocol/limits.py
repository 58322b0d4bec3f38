"""Rate limits, and fair turns on the event loop."""

import asyncio
import time
from dataclasses import dataclass, field

TURN_SECONDS = 0.005


@dataclass(slots=True)
class Bucket:
    """A token bucket: `size` at once, refilled at `rate` a second."""

    size: float
    rate: float
    _level: float = field(init=False)
    _time: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.size
        self._time = time.monotonic()

    def take(self) -> bool:
        """Take one; False if there is none left."""
        now = time.monotonic()
        self._level = min(self.size, self._level + (now - self._time) * self.rate)
        self._time = now
        if self._level < 1:
            return False
        self._level -= 1
        return True


class Turn:
    """A task's turn on the event loop: `passed_on` lets others run once it has taken longer than TURN_SECONDS."""

    def __init__(self) -> None:
        self._until = time.perf_counter() + TURN_SECONDS

    async def passed_on(self) -> None:
        if time.perf_counter() > self._until:
            await asyncio.sleep(0)
            self._until = time.perf_counter() + TURN_SECONDS
