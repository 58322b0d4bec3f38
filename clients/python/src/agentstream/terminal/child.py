"""A command in a terminal session of its own, on a pseudo-terminal."""

from __future__ import annotations

import asyncio
import fcntl
import os
import socket
import subprocess
import sys
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

from agentstream.process import Exit, NotStarted, exit_of
from agentstream.terminal.outer import Mode
from agentstream.terminal.structure import Launch

_LEADER = Path(__file__).with_name("leader.py")


class Child:
    """A running command; created by `running_child`. `master` is the other side of its terminal; reading and writing
    never block."""

    def __init__(self, pid: int, master: int, reports: asyncio.StreamReader, leader: subprocess.Popen[bytes]) -> None:
        self.pid = pid
        self.master = master
        self._reports = reports
        self._leader = leader
        self._ended = False

    def signal(self, number: int) -> None:
        """Send a signal to the command and all its children that stayed in its group."""
        with suppress(ProcessLookupError, PermissionError):
            if not self._ended:  # afterwards its process group id may have been reused
                os.killpg(self.pid, number)

    def resize(self, size: bytes) -> None:
        """Set its terminal's size, of which the kernel informs it."""
        with suppress(OSError):
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, size)

    async def changed(self) -> Exit | None:
        """Wait until the command has ended; None if it was suspended instead."""
        match (await self._reports.readline()).split():
            case [b"stopped"]:
                return None
            case [b"ended", status]:
                self._ended = True
                return exit_of(os.waitstatus_to_exitcode(int(status)))
        # Somebody killed the leader: its end has hung up the terminal.
        self._ended = True
        return exit_of(await asyncio.to_thread(self._leader.wait))


@asynccontextmanager
async def running_child(launch: Launch, mode: Mode) -> AsyncIterator[Child]:
    """Runs the command for the duration of a block, on a terminal with these settings. Leaving it hangs the terminal
    up. Raises `NotStarted`."""
    master, slave = os.openpty()
    ours, theirs = socket.socketpair()
    try:
        try:
            mode.apply(slave)
            leader = _start_leader(launch, slave, theirs.fileno())
        finally:
            os.close(slave)
            theirs.close()
        os.set_blocking(master, False)
        reports, writer = await asyncio.open_connection(sock=ours)
        try:
            yield Child(await _started(launch, reports), master, reports, leader)
        finally:
            writer.close()
    finally:
        os.close(master)
        ours.close()


def _start_leader(launch: Launch, slave: int, reports: int) -> subprocess.Popen[bytes]:
    # -I and -S: it starts in 20 ms, and neither variables for Python nor the current folder affect it.
    line = [sys.executable, "-I", "-S", str(_LEADER), str(reports), *launch.command]
    return subprocess.Popen(
        line,
        stdin=slave,
        stdout=slave,
        stderr=slave,
        env=launch.environment,
        start_new_session=True,
        pass_fds=(reports,),
    )


async def _started(launch: Launch, reports: asyncio.StreamReader) -> int:
    """The command's process id."""
    match (await reports.readline()).split():
        case [b"started", pid]:
            return int(pid)
        case [b"failed", number]:
            raise NotStarted(launch.command[0], OSError(int(number), os.strerror(int(number))))
    raise NotStarted(launch.command[0], OSError(0, "the terminal session could not be started"))
