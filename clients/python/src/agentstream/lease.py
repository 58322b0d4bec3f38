"""What tells the server that this program is still there."""

from __future__ import annotations

from dataclasses import dataclass

# How long a lease holds until the server has said it: less than its default, to be on the safe side.
HOLDS = 20.0
# Of the time a lease holds, the part after which it is renewed: two renewals may be lost.
EARLY = 1 / 3


@dataclass
class Lease:
    """When to renew. `wanted` is whether there is one at all; times are those of the event loop's clock."""

    wanted: bool
    _holds: float = HOLDS
    _renewed: float | None = None
    _next: float = float("-inf")

    def due(self, now: float) -> bool:
        """Whether to ask for a renewal with the next frame, or with one of its own."""
        return self.wanted and now >= self._next

    def left(self, now: float) -> float | None:
        """Seconds until it is due; None if it never will be."""
        return max(0.0, self._next - now) if self.wanted else None

    def hurry(self) -> None:
        """The connection is a new one: renew at once."""
        self._next = float("-inf")

    def renewed(self, now: float, holds: float) -> bool:
        """The server has renewed it, for so many seconds. Whether it may have run out in between."""
        lapsed = self._renewed is not None and now - self._renewed > 0.9 * self._holds
        self._holds, self._renewed, self._next = holds, now, now + EARLY * holds
        return lapsed

    def end(self) -> None:
        """The agent has ended in order."""
        self.wanted = False
