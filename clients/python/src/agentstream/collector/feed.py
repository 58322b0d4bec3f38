"""Publishes the events of a growing file, each exactly once, however often the file is read again.

A file is cut into segments at fixed offsets. Each segment is one producer of the protocol, and translating it always
yields the same events in the same order. So a collector that restarts, or two of them, publish the same numbers again,
which the server stores once; nothing has to be remembered but where reading began.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from agentstream.collector.moments import first_since
from agentstream.collector.positions import Position, Positions
from agentstream.collector.tail import Line, Tail, line_start
from agentstream.concurrency import beat
from agentstream.messages import Message
from agentstream.publisher import Publisher

SEGMENT_BYTES = 1024 * 1024
# How often a file is looked at: while it grows, and once it has not grown for a while.
POLL_SECONDS = 0.25
IDLE_POLL_SECONDS = 1.0
IDLE_AFTER_POLLS = 20
# Translating this many lines takes a few milliseconds; then others get their turn.
LINES_PER_TURN = 50


class Translator(Protocol):
    """Translates a file's records. The same record must become the same messages, with the same ids."""

    def translate(self, record: Mapping[str, Any], offset: int) -> Iterable[Message]: ...


def from_the_beginning() -> float:
    """The moment before which nothing was written."""
    return 0.0


Publishers = Callable[[str], AbstractAsyncContextManager[Publisher]]


@dataclass
class Feed:
    """Follows one file and publishes what its lines say.

    `publishers` makes a publisher for a producer's name, `translators` a translator for a segment. `heard` gets every
    record once it is published; `limited` returns what is published of a message. A file that is new to the collector
    is published from the first record that was written at or after `since()`, in seconds since 1970.
    """

    path: Path
    name: str
    positions: Positions
    publishers: Publishers
    translators: Callable[[], Translator]
    heard: Callable[[Mapping[str, Any]], None]
    limited: Callable[[Message], Message | None]
    since: Callable[[], float] = from_the_beginning
    _caught_up: asyncio.Event = field(default_factory=asyncio.Event)
    _publisher: Publisher | None = None
    _searched: int = 0

    async def run(self) -> None:
        """Never returns. Raises `Refused` if the server doesn't accept the events, and OSError."""
        while True:
            if position := self._position():
                self.positions.put_file(self.path, position)
                await self._follow(position)
            else:
                await beat(POLL_SECONDS)

    async def caught_up(self) -> None:
        """Wait until everything that the file holds has been given to the publisher."""
        self._caught_up.clear()
        await self._caught_up.wait()

    async def flush(self) -> None:
        """Wait until the server has acknowledged everything that was published so far. Raises `Refused`."""
        if self._publisher:
            await self._publisher.flush()

    async def _follow(self, position: Position) -> None:
        """Publish segment by segment, until the file is replaced."""
        begin = max(position.start, line_start(self.path, position.segment * SEGMENT_BYTES))
        tail = Tail(self.path, begin, position.inode)
        lines: list[Line] = []
        while not tail.replaced:
            async with self.publishers(self._producer(position)) as publisher:
                lines = await self._segment(tail, lines, position.segment, publisher)
            if lines:
                position = replace(position, segment=lines[0].offset // SEGMENT_BYTES)
                self.positions.put_file(self.path, position)
        if self._inode() == position.inode:  # it was emptied and written anew
            self.positions.put_file(self.path, Position(position.inode, 0, 0, position.generation + 1))

    async def _segment(self, tail: Tail, lines: list[Line], segment: int, publisher: Publisher) -> list[Line]:
        """Publish a segment; returns the first lines of the next one, or none if the file was replaced."""
        self._publisher = publisher
        translator = self.translators()
        idle = 0
        while not tail.replaced:
            for number, line in enumerate(lines):
                if line.offset // SEGMENT_BYTES > segment:
                    return lines[number:]
                await self._publish(line, translator, publisher)
                if number % LINES_PER_TURN == LINES_PER_TURN - 1:
                    await asyncio.sleep(0)
            lines = tail.read()
            if not lines and not tail.behind and not tail.replaced:
                self._caught_up.set()
                idle += 1
                await beat(POLL_SECONDS if idle < IDLE_AFTER_POLLS else IDLE_POLL_SECONDS)
            else:
                idle = 0
        return []

    async def _publish(self, line: Line, translator: Translator, publisher: Publisher) -> None:
        try:
            record = json.loads(line.text)
        except (ValueError, RecursionError):
            return  # half of it was written, or the disk was full
        if isinstance(record, dict):
            for message in translator.translate(record, line.offset):
                if limited := self.limited(message):
                    await publisher.send(limited)
            self.heard(record)

    def _producer(self, position: Position) -> str:
        """The segment's producer; whatever changes the numbers of its events is part of the name."""
        parts = (self.name, position.inode, position.generation, position.start, position.segment)
        return f"feed-{sha256(repr(parts).encode()).hexdigest()[:40]}"

    def _inode(self) -> int | None:
        try:
            return self.path.stat().st_ino
        except FileNotFoundError:
            return None

    def _position(self) -> Position | None:
        """Where to begin; None while there is no file, or nothing in it that is to be published."""
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        known = self.positions.files.get(str(self.path))
        if known is None:
            return self._first(found.st_ino, found.st_size)
        if known.inode != found.st_ino:
            return Position(found.st_ino, 0, 0)
        if found.st_size < max(known.start, known.segment * SEGMENT_BYTES):
            return Position(found.st_ino, 0, 0, known.generation + 1)
        return known

    def _first(self, inode: int, size: int) -> Position | None:
        """Where a new file is to be published from. It may still be in the middle of being copied from an older one."""
        if size < self._searched:
            self._searched = 0
        if size > self._searched:
            search = first_since(self.path, self.since(), self._searched)
            self._searched = search.offset
            if search.found:
                return Position(inode, search.offset, search.offset // SEGMENT_BYTES)
        self._caught_up.set()
        return None
