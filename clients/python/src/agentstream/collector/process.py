"""Processes of this machine, told apart even when the system uses a pid again."""

from __future__ import annotations

import os
import select
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field

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


@dataclass
class Liveness:
    """Which processes still run, asked again and again: where the system has descriptors of processes (Linux), one call
    tells for all."""

    _open: dict[Process, int] = field(default_factory=dict)
    _poll: select.poll = field(default_factory=select.poll)

    def alive(self, processes: Collection[Process]) -> set[Process]:
        """Those of them that still run; the others are forgotten."""
        for process in self._open.keys() - set(processes):
            self._forget(process)
        ended = {descriptor for descriptor, _ in self._poll.poll(0)} if self._open else set()
        return {process for process in processes if self._is_alive(process, ended)}

    def _is_alive(self, process: Process, ended: Collection[int]) -> bool:
        if (descriptor := self._open.get(process)) is not None:
            return descriptor not in ended
        with suppress(OSError, AttributeError):
            descriptor = os.pidfd_open(process.pid)
            self._open[process] = descriptor
            self._poll.register(descriptor, select.POLLIN)
        if process.is_alive:
            return True
        self._forget(process)
        return False

    def _forget(self, process: Process) -> None:
        if (descriptor := self._open.pop(process, None)) is not None:
            self._poll.unregister(descriptor)
            os.close(descriptor)


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
