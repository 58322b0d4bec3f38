"""Database reads for sockets. Reads of the same kind that are requested at the same time share a query."""

import asyncio
import uuid
from collections.abc import Collection, Hashable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from streams import log
from streams.database import Batcher, Database
from streams.hub.window import Window
from streams.protocol.kinds import Access, Kind, Rights, State, Viewer
from streams.protocol.messages import Code, ProtocolError
from streams.protocol.positions import Span

PAGE_EVENTS = 128
PAGE_BYTES = 1_048_576
CACHE_BYTES = 16_777_216
BATCH_QUERIES = 500


@dataclass(frozen=True, slots=True)
class AccessQuery:
    """Asks what a user may do with a stream, with a credential that has these limits."""

    kind: str
    key: uuid.UUID
    user_id: int
    limits: Hashable | None


@dataclass(frozen=True, slots=True)
class SnapshotQuery(AccessQuery):
    """Asks for a stream's snapshot for a user, with or without its `state`, and for the time of its event `seq` (0: not
    needed)."""

    seq: int = 0
    state: bool = True


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A stream's state after event `span.head`, if asked for, and when the requested event was written (milliseconds
    since 1970; None if it isn't retained), all at one moment."""

    state: State | None
    span: Span
    time: int | None


class Reader:
    """Reads for one event loop's sockets. Its methods raise UnavailableError and NotMigratedError."""

    def __init__(self, database: Database, kinds: Mapping[str, Kind]) -> None:
        self._database = database
        self._kinds = kinds
        self.access = Batcher(self._read_access, database.readers, BATCH_QUERIES)
        self.snapshot = Batcher(self._read_snapshots, database.readers, BATCH_QUERIES)
        self.renewed = Batcher(_read_viewers, database.readers, BATCH_QUERIES)
        self.time_at = Batcher(_read_times, database.readers, BATCH_QUERIES)
        self._pages: dict[tuple[str, int], Window] = {}  # oldest first
        self._pages_size = 0
        self._loading: dict[tuple[str, int], asyncio.Task[Window]] = {}

    async def spans(self, names: Collection[str]) -> dict[str, Span]:
        """The spans of those of the streams that exist."""
        return await self._database.read(log.spans, list(names))

    # Pages of the log

    async def page(self, name: str, seq: int) -> Window:
        """A page of the log with what follows `seq`, or starting later (or empty) if that is gone.

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
        task = self._loading.get(key)
        if task is None:
            task = self._loading[key] = asyncio.create_task(self._load(key))
            task.add_done_callback(lambda done: self._loaded(key, done))
        return await asyncio.shield(task)

    def _loaded(self, key: tuple[str, int], task: asyncio.Task[Window]) -> None:
        del self._loading[key]
        if not task.cancelled():
            task.exception()  # mark it as retrieved, in case nobody waits any more

    async def _load(self, key: tuple[str, int]) -> Window:
        page = await self._database.read(_read_page, *key)
        if len(page) == PAGE_EVENTS or page.size > PAGE_BYTES:  # full, so it won't change
            self._pages[key] = page
            self._pages_size += page.size
            while self._pages_size > CACHE_BYTES:
                self._evict(*next(iter(self._pages.items())))
        return page

    def forget(self, name: str) -> None:
        """Forget the pages of a stream that is no longer watched, or whose log has been restored."""
        for key, page in [item for item in self._pages.items() if item[0][0] == name]:
            self._evict(key, page)

    def _evict(self, key: tuple[str, int], page: Window) -> None:
        if self._pages.get(key) is page:
            del self._pages[key]
            self._pages_size -= page.size

    # Access and snapshots, in a reader's thread

    def _read_access(self, queries: Sequence[AccessQuery]) -> list[Rights | Exception]:
        answers: dict[AccessQuery, Rights] = {}
        by_kind = sorted(set(queries), key=lambda query: query.kind)
        for name, group in groupby(by_kind, key=lambda query: query.kind):
            items = list(group)
            granted = self._kinds[name].access([(item.user_id, item.key) for item in items])
            answers.update((item, Rights(access)) for item, access in zip(items, granted, strict=True))
            # Roles belong to users and can be shared by queries; limits belong to credentials.
            limited = [item for item in items if item.limits is not None and answers[item].access > Access.NONE]
            if limited:
                scopes = self._kinds[name].scopes([(item.limits, item.key) for item in limited])
                for item, scope in zip(limited, scopes, strict=True):
                    answers[item] = Rights(answers[item].access, scope)
        return [answers[query] for query in queries]

    def _read_snapshots(self, queries: Sequence[SnapshotQuery]) -> list[Snapshot | Exception | None]:
        """A snapshot for each; None if the stream doesn't exist or isn't visible to the user, a ProtocolError
        (FORBIDDEN) if the credential doesn't allow reading it."""
        names = {query: self._kinds[query.kind].stream(query.key) for query in queries}
        timed = [query for query in queries if query.seq]
        stateful = [query for query in queries if query.state]
        with log.snapshot():
            granted = self._read_access(queries)
            spans = log.spans(set(names.values()))
            states = {
                kind: self._kinds[kind].states({query.key for query in stateful if query.kind == kind})
                for kind in {query.kind for query in stateful}
            }
            times = _read_times([(names[query], query.seq) for query in timed])
        time_of = dict(zip(timed, times, strict=True))
        found: list[Snapshot | Exception | None] = []
        for query, rights in zip(queries, granted, strict=True):
            state, span = states.get(query.kind, {}).get(query.key) if query.state else None, spans.get(names[query])
            gone = span is None or (query.state and state is None)
            if isinstance(rights, Exception) or not rights.visible or gone:
                found.append(None)
            elif not rights.allow(Access.READ, self._kinds[query.kind].readers):
                what = self._kinds[query.kind].wire_name
                found.append(ProtocolError(Code.FORBIDDEN, f"your token doesn't allow watching this {what}"))
            else:
                found.append(Snapshot(state, span, time_of.get(query)))  # type: ignore[arg-type]
        return found


def _read_page(name: str, after: int) -> Window:
    page = Window(after)
    for seq, text in log.read(name, after, PAGE_EVENTS):
        if not len(page):
            page.after = seq - 1
        page.extend([text.encode()])
        if page.size > PAGE_BYTES:
            break
    return page


def _read_times(queries: Sequence[tuple[str, int]]) -> list[int | Exception | None]:
    """When each (stream name, seq) was written, in milliseconds since 1970; None if it isn't retained."""
    found: dict[tuple[str, int], int] = {}
    for name in {name for name, _ in queries}:
        times = log.times(name, {seq for other, seq in queries if other == name})
        found.update({(name, seq): time for seq, time in times.items()})
    return [found.get(query) for query in queries]


def _read_viewers(viewers: Sequence[Viewer]) -> list[Viewer | Exception | None]:
    return [viewer.renewed() for viewer in viewers]
