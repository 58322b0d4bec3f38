"""The event that every system under test carries: about 250 bytes as a viewer receives it."""

import re
import time
from dataclasses import dataclass

# '#' occurs once in each event and nowhere else, so counting it counts events, however they are framed.
MARK = b"#"
STAMP = re.compile(rb"#(\d{8})@(\d{16})")
STAMP_BYTES = 26
FILLER = "The quick brown fox jumps over the lazy dog, says agent 7."


def clock() -> int:
    """The time in microseconds, as in the stamps of events."""
    return time.monotonic_ns() // 1000


@dataclass(frozen=True, slots=True)
class Event:
    """One event of an agent: its number, from 1, and when it was due."""

    number: int
    due: int

    @property
    def content(self) -> str:
        return f"#{self.number:08d}@{self.due:016d} {FILLER}"
