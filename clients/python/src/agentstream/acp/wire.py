"""Passes lines on between two programs, in threads: nothing else that this program does can delay or end that."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable

READ_BYTES = 64 * 1024
# A longer line is passed on as it arrives, without having been looked at.
MAX_LINE = 32 * 1024 * 1024

log = logging.getLogger("agentstream")


class Sink:
    """A descriptor to which one thread writes lines, and others may add some between those."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor: int | None = descriptor
        self._lock = threading.Lock()
        self._whole = True
        self._later: list[bytes] = []

    def write(self, data: bytes) -> None:
        """Write all of `data`. Raises OSError if nobody reads it."""
        with self._lock:
            self._write(data)
            self._whole = data.endswith(b"\n")
            if self._whole and self._later:
                self._write(b"".join(self._later))
                self._later.clear()

    def add(self, line: bytes) -> None:
        """Write a line now, or once the one that is being written is complete. Raises OSError if nobody reads it."""
        with self._lock:
            if self._whole:
                self._write(line)
            else:
                self._later.append(line)

    def close(self) -> None:
        """Tell the reader that nothing follows."""
        with self._lock:
            descriptor, self._descriptor = self._descriptor, None
            if descriptor is not None:
                os.close(descriptor)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._descriptor is None:
                raise BrokenPipeError("closed")
            view = view[os.write(self._descriptor, view) :]


class Wire(threading.Thread):
    """Passes on what `source` says, byte for byte, and finally its end.

    `look` gets each line before it is passed on and returns whether to pass it on. `broken` is called if nobody reads
    any more.
    """

    def __init__(
        self, source: int, sink: Sink, look: Callable[[bytes], bool], broken: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(daemon=True)
        self._source = source
        self._sink = sink
        self._look = look
        self._broken = broken
        self._held: list[bytes] = []
        self._size = 0
        self._passing = False

    def run(self) -> None:
        try:
            while data := self._read():
                self._take(data)
            self._flush()
        except OSError:
            self._broken()
        finally:
            self._sink.close()

    def _read(self) -> bytes:
        try:
            return os.read(self._source, READ_BYTES)
        except OSError:
            return b""

    def _take(self, data: bytes) -> None:
        whole, newline, rest = data.rpartition(b"\n")
        if newline:
            lines = [line + newline for line in b"".join([*self._held, whole]).split(newline)]
            self._hold(b"")
            if self._passing:
                self._sink.write(lines.pop(0))
                self._passing = False
            if kept := b"".join(line for line in lines if self._keeps(line)):
                self._sink.write(kept)
        if rest:
            self._held.append(rest)
            self._size += len(rest)
        if self._passing or self._size > MAX_LINE:
            self._passing = True
            self._flush()

    def _flush(self) -> None:
        data = b"".join(self._held)
        self._hold(b"")
        if data:
            self._sink.write(data)

    def _hold(self, data: bytes) -> None:
        self._held = [data] if data else []
        self._size = len(data)

    def _keeps(self, line: bytes) -> bool:
        try:
            return self._look(line)
        except Exception:
            log.exception("an internal error")
            return True
