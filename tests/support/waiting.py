"""Waiting for what another process does."""

import time
from collections.abc import Callable
from typing import TypeVar

# A loaded machine may be 20 times slower; on a free one an expectation that holds costs no time.
PATIENCE_SECONDS = 60.0
Found = TypeVar("Found")


def eventually(
    look: Callable[[], Found],
    seconds: float = PATIENCE_SECONDS,
    otherwise: Callable[[], object] = lambda: "it did not come true",
) -> Found:
    """The first true result. Fails with what `otherwise` returns."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited {seconds:g} s: {otherwise()}"
        time.sleep(0.05)
    return found
