"""Reads one stream of a command and passes it to the viewers and to this program's own output."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from agentstream.adapters import Adapter, Chunk, Stream
from agentstream.concurrency import within
from agentstream.messages import MAX_CONTENT
from agentstream.process import Process
from agentstream.report import Report
from agentstream.text import LineReader

READ_BYTES = 64 * 1024
# How long an incomplete line is held back before it is shown.
PARTIAL_LINE_SECONDS = 0.15
# How long to wait for more after the command has ended: a child that left its group may hold the pipe open forever.
ORPHAN_READ_SECONDS = 1.0
# The same, once there is no time left.
FINAL_READ_SECONDS = 0.1
# How much is still read then, and how long that is waited for: a pipe, and what was read from it ahead, hold less.
MAX_FINAL_BYTES = 2 * 1024 * 1024
MAX_FINAL_SECONDS = 3.0


@dataclass
class Tee:
    """Copies bytes to a file descriptor until its reader is gone; with None, to nowhere."""

    descriptor: int | None

    async def write(self, data: bytes) -> None:
        """Write all of `data`, in a thread because a terminal may be paused."""
        if self.descriptor is None:
            return
        try:
            await asyncio.to_thread(self._write, self.descriptor, data)
        except OSError:
            self.descriptor = None

    @staticmethod
    def _write(descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]


@dataclass
class Pump:
    """Reads one stream until it ends, and calls `fed` after each chunk. While `report` waits, nothing is read, which
    finally blocks the command.

    A child that left the command's group may write forever: its output is read for as long as this program waits for
    the server, and after that only as much as the command itself can have left in the pipe.
    """

    process: Process
    stream: Stream
    adapter: Adapter
    tee: Tee
    report: Report
    fed: Callable[[], Awaitable[None]]
    _lines: LineReader = field(default_factory=lambda: LineReader(MAX_CONTENT))
    _due: float | None = None
    _rest: int = MAX_FINAL_BYTES
    _rest_seconds: float = MAX_FINAL_SECONDS

    async def run(self) -> None:
        while self._rest > 0 and self._rest_seconds > 0 and (data := await self._read()) != b"":
            if data is None:
                await self._show(self._lines.take())
            else:
                self._rest -= len(data) if self.report.remaining == 0 else 0
                await self.tee.write(data)
                await self._show(self._lines.feed(data))
            self._schedule(self._lines.held > 0)
        await self._show(self._lines.close())

    async def _read(self) -> bytes | None:
        """The next bytes; empty at the end; None if an incomplete line has waited long enough."""
        reader = self.process.stdout if self.stream == "stdout" else self.process.stderr
        while True:
            # The command may have written and ended while this gave up.
            over, began = self.process.over, _now()
            try:
                return await within(self._patience(), reader.read(READ_BYTES))
            except TimeoutError:
                if self._due is not None:
                    return None
                if over:
                    return b""
            finally:
                self._rest_seconds -= _now() - began if self.report.remaining == 0 else 0

    def _patience(self) -> float:
        if self._due is None:
            return FINAL_READ_SECONDS if self.report.remaining == 0 else ORPHAN_READ_SECONDS
        return max(0.0, self._due - _now())

    def _schedule(self, held: bool) -> None:
        if not held:
            self._due = None
        elif self._due is None:
            self._due = _now() + PARTIAL_LINE_SECONDS

    async def _show(self, text: str) -> None:
        if text:
            for message in self.adapter.feed(Chunk(self.stream, text, _now())):
                await self.report.send(message)
            await self.fed()


def _now() -> float:
    return asyncio.get_running_loop().time()
