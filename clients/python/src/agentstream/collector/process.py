"""Processes of this machine, told apart even when the system uses a pid again."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process; `started` is when the kernel says that it started, "" where that is unknown."""

    pid: int
    started: str

    @property
    def is_alive(self) -> bool:
        """Whether it still runs."""
        found = start_time(self.pid)
        if found is None:
            return False
        return not found or found == self.started


def start_time(pid: int) -> str | None:
    """When a process started, as the kernel counts it; "" where that is unknown, None if there is no such process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    try:
        # The name in parentheses may contain anything.
        state, *fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if state == "Z" else fields[18]
    except (OSError, IndexError):
        return ""
