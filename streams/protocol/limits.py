"""How much one client may ask for."""

import time
from dataclasses import dataclass, field


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
