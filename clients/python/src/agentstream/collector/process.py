"""Processes of this machine, told apart even when the system uses a pid again."""

from __future__ import annotations

import os
from dataclasses import dataclass

STAT_BYTES = 1024


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
        file = os.open(f"/proc/{pid}/stat", os.O_RDONLY)
    except OSError:
        return "" if _exists(pid) else None
    try:
        # The name in parentheses may contain anything.
        state, *fields = os.read(file, STAT_BYTES).rpartition(b")")[2].split()
        return None if state == b"Z" else fields[18].decode()
    except (OSError, IndexError):
        return "" if _exists(pid) else None
    finally:
        os.close(file)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
