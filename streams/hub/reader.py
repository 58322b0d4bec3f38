"""The sockets' reads of the database, each shared by everyone who asks for the like at that moment."""

import asyncio
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from streams import log
from streams.database import Batcher, in_thread, readers
from streams.hub.window import Window
from streams.log import Span
from streams.protocol.kinds import Access, Viewer, known

PAGE_EVENTS = 128
PAGE_BYTES = 1_048_576
CACHE_BYTES = 16_777_216
BATCH = 500


@dataclass(frozen=True, slots=True)
class Sought:
    """A stream that a user wants to follow, and an event of it whose time is wanted too (0: none)."""

    kind: str
    key: uuid.UUID
    user_id: int
    seq: int = 0


@dataclass(frozen=True, slots=True)
class Present:
    """What a stream's subject looks like after event `span.head`, and when the event sought was written (milliseconds
    since 1970; None if it is not retained). All of one moment."""

    state: dict[str, Any]
    span: Span
    time: int | None


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about one stream, by one user."""

    kind: str
    key: uuid.UUID
    user_id: int


class Reader:
    """Reads for one event loop's sockets."""

    def __init__(self) -> None:
        self.access = Batcher(_access, readers(), BATCH)
        self.present = Batcher(_present, readers(), BATCH)
        self.valid = Batcher(_valid, readers(), BATCH)
        self.time_at = Batcher(_times, readers(), BATCH)
        self._pages: dict[tuple[str, int], Window] = {}  # oldest first
        self._pages_size = 0
        self._reading: dict[tuple[str, int], asyncio.Task[Window]] = {}

    async def spans(self, names: Collection[str]) -> dict[str, Span]:
        return await in_thread(readers(), _spans, list(names))

    async def page(self, name: str, seq: int) -> Window:
        """A piece of the log holding what follows `seq`, or starting later (or empty) where that is gone.

        Pages begin at fixed places, so that readers who are behind by different amounts share them.
        """
        page = await self._page(name, seq - seq % PAGE_EVENTS)
        if page.after <= seq < page.last:
            return page
        return await self._page(name, seq)

    async def _page(self, name: str, after: int) -> Window:
        key = (name, after)
        page = self._pages.get(key)
        if page is not None:
            return page
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(task)

    def _loaded(self, key: tuple[str, int], task: asyncio.Task[Window]) -> None:
        del self._reading[key]
        if not task.cancelled():
            task.exception()  # seen, also where everybody who asked has gone

    async def _load(self, key: tuple[str, int]) -> Window:
        name, after = key
        page = await in_thread(readers(), _load, name, after)
        if len(page) == PAGE_EVENTS or page.size > PAGE_BYTES:  # full, so it will read the same the next time
            self._pages[key] = page
            self._pages_size += page.size
            while self._pages_size > CACHE_BYTES:
                self._forget_page(*next(iter(self._pages.items())))
        return page

    def forget(self, name: str) -> None:
        """Forget the pages of a stream that nobody watches any more, or whose log is not what it was."""
        for key, page in [item for item in self._pages.items() if item[0][0] == name]:
            self._forget_page(key, page)

    def _forget_page(self, key: tuple[str, int], page: Window) -> None:
        if self._pages.get(key) is page:
            del self._pages[key]
            self._pages_size -= page.size


def _load(name: str, after: int) -> Window:
    page = Window(after)
    for seq, text in log.read(name, after, PAGE_EVENTS):
        if not len(page):
            page.after = seq - 1
        page.extend([text.encode()])
        if page.size > PAGE_BYTES:
            break
    return page


def _spans(names: list[str]) -> dict[str, Span]:
    found: dict[str, Span] = {}
    for start in range(0, len(names), BATCH):
        found.update(log.spans(names[start : start + BATCH]))
    return found


def _access(asked: Sequence[Asked]) -> list[Access]:
    answers: dict[Asked, Access] = {}
    for name, group in groupby(sorted(set(asked), key=lambda item: item.kind), key=lambda item: item.kind):
        items = list(group)
        granted = known(name).access([(item.user_id, item.key) for item in items])
        answers.update(zip(items, granted, strict=True))
    return [answers[item] for item in asked]


def _present(asked: Sequence[Sought]) -> list[Present | Exception | None]:
    """What is sought; None where there is none, or none that the user may see."""
    names = {item: known(item.kind).stream(item.key) for item in asked}
    with log.snapshot():
        granted = _access([Asked(item.kind, item.key, item.user_id) for item in asked])
        spans = log.spans(set(names.values()))
        states = {
            kind: known(kind).states({item.key for item in asked if item.kind == kind})
            for kind in {item.kind for item in asked}
        }
        times = _times([(names[item], item.seq) for item in asked if item.seq])
    time_of = dict(zip([item for item in asked if item.seq], times, strict=True))
    found: list[Present | Exception | None] = []
    for item, access in zip(asked, granted, strict=True):
        state, span = states[item.kind].get(item.key), spans.get(names[item])
        if access < Access.READ or state is None or span is None:
            found.append(None)
        else:
            found.append(Present(state, span, time_of.get(item)))
    return found


def _times(asked: Sequence[tuple[str, int]]) -> list[int | None]:
    """When each (stream name, seq) was written, in milliseconds since 1970; None where it is not retained."""
    found: dict[tuple[str, int], int] = {}
    for name in {name for name, _ in asked}:
        times = log.times(name, {seq for other, seq in asked if other == name})
        found.update({(name, seq): time for seq, time in times.items()})
    return [found.get(item) for item in asked]


def _valid(viewers: Sequence[Viewer]) -> list[bool | Exception]:
    return [viewer.valid() for viewer in viewers]
