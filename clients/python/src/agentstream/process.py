"""A command in a process group of its own."""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import struct
import subprocess
import sys
import termios
import threading
import tty
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import IO, cast

from agentstream.stdin import Stdin

# How long processes that the command left behind get to end after SIGTERM.
TERMINATE_GRACE_SECONDS = 2.0
POLL_INTERVAL_SECONDS = 0.05
# Rows and columns of a pseudo-terminal.
SIZE = (50, 160)


class NotStarted(Exception):
    """A command that can't be started; `code` is a shell's exit code: 127 if it wasn't found, else 126."""

    def __init__(self, command: str, failed: OSError) -> None:
        missing = isinstance(failed, FileNotFoundError)
        super().__init__(f"{command}: {'command not found' if missing else failed.strerror}")
        self.code = 127 if missing else 126


@dataclass(frozen=True)
class Exit:
    """How a command ended: its exit code, 128 + the signal's number if a signal killed it."""

    code: int
    signal: str | None = None


class Process:
    """A running command with its output, `stdout` and `stderr`; created by `running_process`.

    `stdin` writes to its input; None if it reads this program's own.
    """

    stdout: asyncio.StreamReader
    stderr: asyncio.StreamReader
    stdin: Stdin | None = None

    def __init__(self, popen: subprocess.Popen[bytes], terminal: IO[bytes] | None) -> None:
        self._popen = popen
        self._terminal = terminal
        self._exited = asyncio.Event()
        self._over = False
        self._pipes: list[asyncio.BaseTransport] = []

    @property
    def over(self) -> bool:
        """Whether the command and all processes in its group have ended."""
        return self._over

    async def open(self) -> None:
        """Start watching the command's output and end."""
        # In a thread, because asyncio's own way differs between platforms and Python versions, and on some of them also
        # waits for the pipes, which a child of the command can hold open.
        threading.Thread(target=self._reap, args=(asyncio.get_running_loop(),), daemon=True).start()
        self.stdout = await self._reader(self._terminal or self._popen.stdout)
        self.stderr = await self._reader(self._popen.stderr)
        if self._popen.stdin:
            self.stdin = Stdin(os.dup(self._popen.stdin.fileno()))
            self._popen.stdin.close()

    def close(self) -> None:
        """Close the command's pipes."""
        if self.stdin:
            self.stdin.close()
        for pipe in self._pipes:
            pipe.close()

    def signal(self, number: int) -> None:
        """Send a signal to the command and all its children that stayed in its group."""
        with suppress(ProcessLookupError, PermissionError):
            if not self._over:  # afterwards its process group id may have been reused
                os.killpg(self._popen.pid, number)

    async def wait(self) -> Exit:
        """Wait until the command itself has ended; its children may still run."""
        await self._exited.wait()
        return exit_of(cast(int, self._popen.returncode))

    async def end(self) -> None:
        """End the whole group: SIGTERM, and after 2 s SIGKILL."""
        if self._over:
            return
        self.signal(signal.SIGTERM)
        try:
            for _ in range(int(TERMINATE_GRACE_SECONDS / POLL_INTERVAL_SECONDS)):
                if not self._alive():
                    break
                await asyncio.sleep(POLL_INTERVAL_SECONDS)
        finally:
            if self._alive():
                self.signal(signal.SIGKILL)
            self._over = True

    async def _reader(self, pipe: IO[bytes] | None) -> asyncio.StreamReader:
        reader = asyncio.StreamReader()
        protocol = _Reading(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        self._pipes.append(transport)
        return reader

    def _alive(self) -> bool:
        try:
            os.killpg(self._popen.pid, 0)
        except (ProcessLookupError, PermissionError):
            return False
        return True

    def _reap(self, loop: asyncio.AbstractEventLoop) -> None:
        self._popen.wait()
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(self._exited.set)


class _Reading(asyncio.StreamReaderProtocol):
    """A pseudo-terminal reports its end as an error, which would discard data that hasn't been read."""

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(None)


@dataclass(frozen=True)
class Stdio:
    """How a command is connected: whether its output is a pseudo-terminal, and whether this program writes its input.

    Standard error is always a pipe, to keep it separate. Without `stdin` the command's input is this program's own,
    unless that is a terminal.
    """

    pty: bool
    stdin: bool


@asynccontextmanager
async def running_process(
    command: Sequence[str], environment: Mapping[str, str], stdio: Stdio
) -> AsyncIterator[Process]:
    """Runs a new process for the duration of a block; leaving it ends whatever is left of its group.

    Raises `NotStarted`.
    """
    process = _start(command, environment, stdio)
    try:
        await process.open()
        yield process
    finally:
        await process.end()
        process.close()


def _start(command: Sequence[str], environment: Mapping[str, str], stdio: Stdio) -> Process:
    if not stdio.pty:
        return Process(_popen(command, environment, stdio, subprocess.PIPE), None)
    ours, theirs = os.openpty()
    terminal = open(ours, "rb", buffering=0)  # noqa: SIM115 - the process closes it
    try:
        # Raw, so that every byte arrives as written. Wide, because programs wrap lines at a terminal's edge.
        tty.setraw(theirs)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", *SIZE, 0, 0))
        return Process(_popen(command, environment, stdio, theirs), terminal)
    except BaseException:
        terminal.close()
        raise
    finally:
        os.close(theirs)


def _popen(
    command: Sequence[str], environment: Mapping[str, str], stdio: Stdio, stdout: int
) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE if stdio.stdin else _stdin(),
            stdout=stdout,
            stderr=subprocess.PIPE,
            env=environment,
            bufsize=0,
            # A new session is also a new process group: signals reach the command's children, too, and a terminal's
            # Ctrl-C reaches only this program, which passes it on once.
            start_new_session=True,
        )
    except OSError as failed:
        raise NotStarted(command[0], failed) from failed


def _stdin() -> int | None:
    # In its own session a command can't read from this terminal; it gets the end of input instead of being stopped.
    return subprocess.DEVNULL if sys.stdin is None or sys.stdin.isatty() else None


def exit_of(code: int) -> Exit:
    """How a command ended whose return code is this: -n if signal n killed it."""
    return Exit(code) if code >= 0 else Exit(128 - code, _name(-code))


def _name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"SIG{number}"
