"""Copies bytes from one descriptor to another."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

READ_BYTES = 64 * 1024


class Relay:
    """Copies from `source` to `sink` at the sink's pace: nothing is read before all of the last read is written.

    `seen` gets what was copied, after it was written, and `ended` is called at the source's end. Writing must not
    block. If the sink is gone, the rest is discarded.
    """

    def __init__(
        self,
        source: int,
        sink: int,
        seen: Callable[[bytes], None],
        ended: Callable[[], None] = lambda: None,
    ) -> None:
        self._source = source
        self._sink = sink
        self._seen = seen
        self._ended = ended
        self._rest = b""
        self._written = asyncio.Event()
        self._written.set()
        self._open = True
        self._wanted = False
        self._turn = asyncio.Lock()

    def start(self) -> None:
        """Begin, or go on."""
        self._wanted = True
        self._listen()

    def pause(self) -> None:
        """Read nothing until `start` is called."""
        self._wanted = False
        self._loop.remove_reader(self._source)

    def close(self) -> None:
        """Stop for good. What isn't written yet is discarded."""
        self._open = False
        self.pause()
        self._discard()

    async def insert(self, data: bytes) -> None:
        """Write `data` after what was copied so far."""
        async with self._turn:
            while not self._written.is_set():  # after the wait there may be more again
                await self._written.wait()
            self._write(data)
            await self._written.wait()

    async def drain(self) -> None:
        """Copy what can be read at this moment; afterwards it is paused. The source must not block."""
        self.pause()
        await self._written.wait()
        while self._open and self._copy():
            await self._written.wait()

    @property
    def _loop(self) -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    def _listen(self) -> None:
        if self._open and self._wanted and self._written.is_set():
            self._loop.add_reader(self._source, self._copy)

    def _copy(self) -> bool:
        """Copy one read. Returns whether there was anything."""
        try:
            data = os.read(self._source, READ_BYTES)
        except BlockingIOError:
            return False
        except OSError:  # how a terminal reports that its other side is gone
            data = b""
        if not data:
            self._open = False
            self.pause()
            self._ended()
            return False
        self._write(data)
        self._seen(data)
        return True

    def _write(self, data: bytes) -> None:
        try:
            self._rest = data[os.write(self._sink, data) :]
        except BlockingIOError:
            self._rest = data
        except OSError:
            self._rest = b""
        if self._rest and self._written.is_set():
            self._written.clear()
            self._loop.remove_reader(self._source)
            self._loop.add_writer(self._sink, self._go_on)
        elif not self._rest and not self._written.is_set():
            self._discard()
            self._listen()

    def _go_on(self) -> None:
        self._write(self._rest)

    def _discard(self) -> None:
        self._loop.remove_writer(self._sink)
        self._rest = b""
        self._written.set()
