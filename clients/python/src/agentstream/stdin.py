"""A command's standard input: people's input, and what was piped into this program."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
import threading
from concurrent.futures import CancelledError
from contextlib import suppress

READ_BYTES = 64 * 1024


class Stdin:
    """The writing end of a command's standard input. Each write is complete before the next begins."""

    def __init__(self, descriptor: int) -> None:
        os.set_blocking(descriptor, False)
        self._descriptor: int | None = descriptor
        self._turn = asyncio.Lock()

    async def write(self, data: bytes) -> None:
        """Write all of `data` at the command's pace. Raises BrokenPipeError if it no longer reads."""
        async with self._turn:
            view = memoryview(data)
            while view:
                if self._descriptor is None:
                    raise BrokenPipeError("the input is closed")
                try:
                    view = view[os.write(self._descriptor, view) :]
                except BlockingIOError:
                    await self._writable(self._descriptor)

    async def finish(self) -> None:
        """Close it once everything is written."""
        async with self._turn:
            self.close()

    def close(self) -> None:
        """Close it immediately."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @staticmethod
    async def _writable(descriptor: int) -> None:
        loop = asyncio.get_running_loop()
        writable = asyncio.Event()
        loop.add_writer(descriptor, writable.set)
        try:
            await writable.wait()
        finally:
            loop.remove_writer(descriptor)


def forward_stdin(stdin: Stdin) -> None:
    """Copy what was piped into this program, if anything was, and its end. A terminal is not read from."""
    if not _piped():
        return
    loop = asyncio.get_running_loop()
    # A thread, because files can't be awaited; a daemon, because reading can't be interrupted.
    threading.Thread(target=_copy, args=(stdin, loop), daemon=True).start()


def _piped() -> bool:
    # Service managers pass /dev/null, which only means that there is no input.
    try:
        return sys.stdin is not None and not stat.S_ISCHR(os.fstat(sys.stdin.fileno()).st_mode)
    except (OSError, ValueError):
        return False


def _copy(stdin: Stdin, loop: asyncio.AbstractEventLoop) -> None:
    with suppress(OSError, RuntimeError, CancelledError):
        while data := os.read(sys.stdin.fileno(), READ_BYTES):
            asyncio.run_coroutine_threadsafe(stdin.write(data), loop).result()
        asyncio.run_coroutine_threadsafe(stdin.finish(), loop).result()
