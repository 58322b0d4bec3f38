"""Exponential backoff with full jitter."""

from __future__ import annotations

import asyncio
import random
from dataclasses import dataclass

FIRST = 0.5
LONGEST = 20.0
# A server that accepts and dies at once must not be asked again at once: only a connection that outlived
# the longest pause is proof that the trouble is over.
STABLE = LONGEST


@dataclass
class Backoff:
    """Pauses between attempts: each is random between 0 and a ceiling that doubles from 0.5 s to 20 s."""

    attempt: int = 0

    @property
    def ceiling(self) -> float:
        """The longest the next pause can be, in seconds."""
        return float(min(LONGEST, FIRST * 2 ** min(self.attempt, 16)))

    def delay(self, lasted: float = 0.0) -> float:
        """The next pause in seconds; `lasted` is how many seconds the last attempt held."""
        if lasted >= STABLE:
            self.reset()
        delay = random.uniform(0, self.ceiling)
        self.attempt += 1
        return delay

    def reset(self) -> None:
        """The trouble is over: start from the shortest pause again."""
        self.attempt = 0

    async def sleep(self) -> None:
        """Pause."""
        await asyncio.sleep(self.delay())
