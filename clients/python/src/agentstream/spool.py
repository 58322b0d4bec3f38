"""Stores unacknowledged events on disk, so that they survive this program."""

from __future__ import annotations

import fcntl
import json
import logging
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from agentstream.files import state_folder
from agentstream.messages import encode

log = logging.getLogger("agentstream")

# Bytes above which the file is rewritten without acknowledged events.
COMPACT_ABOVE_BYTES = 24 * 1024 * 1024

SUFFIX = ".spool"
REFUSED_SUFFIX = ".refused"


@dataclass(frozen=True)
class Record:
    """An event as published; several with one number are the joined chunks of one message."""

    n: int
    type: str
    payload: dict[str, Any]

    def line(self) -> str:
        return encode({"n": self.n, "type": self.type, "payload": self.payload})

    def joined(self, later: Record) -> Record:
        return Record(
            self.n, later.type, later.payload | {"content": self.payload["content"] + later.payload["content"]}
        )


def default_folder() -> Path:
    """The default folder for spools."""
    return state_folder(os.environ) / "spool"


@dataclass
class Spool:
    """One producer's file, locked while the program that writes it runs.

    Writes aren't flushed to disk: they survive this program, but not a power failure. If the disk fails, the run
    continues without a spool.
    """

    path: Path
    _descriptor: int | None = field(default=None, repr=False)
    _size: int = 0

    @classmethod
    def create(cls, folder: Path, producer: str) -> Spool:
        """A new spool; without a file, after a warning, if none can be written."""
        spool = cls(folder / f"{producer}{SUFFIX}")
        with spool._disabled_on_error():
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            spool._descriptor = _locked(spool.path)
        return spool

    @property
    def producer(self) -> str:
        return self.path.name.removesuffix(SUFFIX)

    @property
    def open(self) -> bool:
        """Whether there is a file; there is none after a disk error."""
        return self._descriptor is not None

    def add(self, record: Record) -> None:
        """Append a record."""
        if self._descriptor is not None:
            with self._disabled_on_error():
                self._write(self._descriptor, record.line().encode() + b"\n")

    def acknowledge(self, left: Iterable[str] | None) -> None:
        """Record that the server has everything except the lines `left`; None: everything."""
        with self._disabled_on_error():
            if self._descriptor is None:
                pass
            elif left is None:
                os.ftruncate(self._descriptor, 0)
                self._size = 0
            elif self._size > COMPACT_ABOVE_BYTES:
                self._rewrite(left)

    def close(self, keep: bool) -> None:
        """Close the file: `keep` it for the next run, or remove it."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            if not keep:
                self.path.unlink(missing_ok=True)
            os.close(descriptor)

    def quarantine(self) -> None:
        """Move the file aside, because the server refuses its events."""
        with suppress(OSError):
            self.path.rename(self.path.with_suffix(REFUSED_SUFFIX))
        self.close(keep=True)

    def records(self) -> list[Record]:
        """The stored records, with chunks of one number joined and without an incomplete last line."""
        found: list[Record] = []
        for record in _parsed(self.path.read_bytes()):
            if found and record.n == found[-1].n:
                found[-1] = found[-1].joined(record)
            elif not found or record.n == found[-1].n + 1:
                found.append(record)
        return found

    def _write(self, descriptor: int, data: bytes) -> None:
        view = memoryview(data)
        while view:
            written = os.write(descriptor, view)
            self._size += written
            view = view[written:]

    def _rewrite(self, left: Iterable[str]) -> None:
        new = self.path.with_suffix(".new")
        descriptor = _locked(new)
        self._size = 0
        for line in left:
            self._write(descriptor, line.encode() + b"\n")
        new.rename(self.path)
        old, self._descriptor = self._descriptor, descriptor
        if old is not None:
            os.close(old)

    @contextmanager
    def _disabled_on_error(self) -> Iterator[None]:
        try:
            yield
        except OSError as failed:
            log.warning("%s: %s; unacknowledged events won't survive this program", self.path, failed.strerror)
            with suppress(OSError):
                self.close(keep=False)


def abandoned_spools(folder: Path) -> Iterator[Spool]:
    """The spools in `folder` left by programs that have ended, oldest first, locked for this one."""
    with suppress(OSError):
        for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: path.stat().st_mtime):
            with suppress(OSError):
                yield Spool(path, _locked(path, existing=True))


def _locked(path: Path, existing: bool = False) -> int:
    """The file, open for appending and locked. Raises OSError if another program has it."""
    flags = os.O_RDWR | os.O_APPEND | (0 if existing else os.O_CREAT | os.O_TRUNC)
    descriptor = os.open(path, flags, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Between opening and locking, its owner may have replaced or removed it.
        if not os.path.samestat(os.fstat(descriptor), path.stat()):
            raise BlockingIOError(f"{path} has changed")
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _parsed(data: bytes) -> Iterator[Record]:
    for line in data.split(b"\n"):
        try:
            match json.loads(line):
                case {"n": int(n), "type": str(type_), "payload": dict() as payload}:
                    yield Record(n, type_, payload)
        except ValueError:
            return
