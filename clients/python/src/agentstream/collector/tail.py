"""Follows a file that grows by whole lines."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

CHUNK_BYTES = 256 * 1024
# How many of them are read at once for the sake of a long line.
MAX_CHUNKS = 16
# A longer line is skipped: no event could hold it.
MAX_LINE_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Line:
    """A complete line without its newline; it begins at byte `offset`, and the next one at `end`."""

    offset: int
    end: int
    text: bytes


@dataclass
class Tail:
    """Reads the complete lines of a file after byte `offset`, which must be the beginning of a line.

    `replaced` is whether the file is no longer the one that was read: it is gone, another one has its name, or it is
    shorter than what was read. `behind` is whether the last call left something that could be read at once.
    """

    path: Path
    offset: int = 0
    inode: int | None = None
    replaced: bool = False
    behind: bool = False
    skipped: int = 0  # lines that were too long
    _rest: bytes = b""
    _skipping: bool = False

    def read(self) -> list[Line]:
        """The next complete lines, about 256 KiB of them unless they are longer; empty if there are none at the moment.

        Raises OSError if the file exists but can't be read.
        """
        self.behind = False
        if self.replaced or not self._has_grown():
            return []
        with self.path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != self.inode:
                self.replaced = True
                return []
            file.seek(self.offset + len(self._rest))
            return self._next(file)

    def _next(self, file: BinaryIO) -> list[Line]:
        for _ in range(MAX_CHUNKS):
            chunk = file.read(CHUNK_BYTES)
            self.behind = len(chunk) == CHUNK_BYTES
            if (lines := list(self._lines(chunk))) or not self.behind:
                return lines
        return []

    def _has_grown(self) -> bool:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            self.replaced = self.inode is not None
            return False
        self.inode = found.st_ino if self.inode is None else self.inode
        read = self.offset + len(self._rest)
        self.replaced = found.st_ino != self.inode or found.st_size < read
        return found.st_size > read and not self.replaced

    def _lines(self, chunk: bytes) -> Iterator[Line]:
        *lines, rest = (self._rest + chunk).split(b"\n")
        for text in lines:
            line = Line(self.offset, self.offset + len(text) + 1, text)
            self.offset = line.end
            if self._skipping:
                self._skipping = False
            elif len(text) > MAX_LINE_BYTES:
                self.skipped += 1
            else:
                yield line
        self._rest = rest
        if len(rest) > MAX_LINE_BYTES:
            self.skipped += not self._skipping
            self._skipping = True
            self.offset += len(rest)
            self._rest = b""


def line_start(path: Path, offset: int) -> int:
    """Where the first line begins at or after byte `offset`; the end of the file if none does. Raises OSError."""
    if offset <= 0:
        return 0
    with path.open("rb") as file:
        file.seek(offset - 1)
        position = offset - 1
        while chunk := file.read(CHUNK_BYTES):
            if (found := chunk.find(b"\n")) >= 0:
                return position + found + 1
            position += len(chunk)
        return position
