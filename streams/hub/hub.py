"""The hub: one ear per process on the channel layer, and the clock that keeps it honest.

It joins a stream's group when the first connection here follows the stream and leaves when the last one has gone.
News goes to the stream's feed; connections are woken to pull. Whatever the channel layer loses is found by comparing
the feeds' heads with the log.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any
from weakref import WeakKeyDictionary

from streams import metrics
from streams.broker import HUBS_GROUP, Bell
from streams.conf import channel_layer, conf
from streams.hub.connection import Connection, Cursor
from streams.hub.feed import Feed, Heard
from streams.hub.flusher import Flusher
from streams.hub.presence import Presence
from streams.hub.reader import Reader
from streams.hub.window import Window
from streams.log import Span
from streams.maintenance import do_chores
from streams.protocol.messages import ProtocolError, timestamp, timestamp_of

logger = logging.getLogger(__name__)

PATIENCE = 1.0  # seconds for the channel layer to let this process into a group; until then it polls
GRACE = 0.1  # seconds for news that is on its way while the log is compared
LINGER = 10.0  # seconds a feed outlives its last cursor, so that a reconnecting crowd is served from memory


class Hub:
    """The feeds and connections of one event loop. Use `Hub.here()`."""

    _of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, "Hub"] = WeakKeyDictionary()

    def __init__(self) -> None:
        self.reader = Reader()
        self.feeds: dict[str, Feed] = {}
        self.connections: dict[Connection, None] = {}
        self._presence = Presence(self)
        self._flusher = Flusher(self._flush)
        self._unread: dict[Cursor, None] = {}  # whose last read of the log failed
        self._channel: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._tasks = [asyncio.create_task(work) for work in (self._listen(), self._keep_time(), do_chores())]
        self._healers: set[asyncio.Task[None]] = set()
        Bell.here()  # so that other threads' news find their way to this loop

    @classmethod
    def here(cls) -> "Hub":
        """The hub of the running event loop, started on first use."""
        loop = asyncio.get_running_loop()
        if loop not in cls._of_loop:
            cls._of_loop[loop] = cls()
        return cls._of_loop[loop]

    @classmethod
    def all(cls) -> list["Hub"]:
        """The hubs of this process; a server has one."""
        return list(cls._of_loop.values())

    async def close(self) -> None:
        """Stop listening; for event loops that end before their process does."""
        for task in [*self._tasks, *self._healers]:
            task.cancel()
        await asyncio.gather(*self._tasks, *self._healers, return_exceptions=True)
        Hub._of_loop.pop(asyncio.get_running_loop(), None)

    # Feeds

    async def feed(self, name: str) -> Feed:
        """The feed of a stream, open. Raises ProtocolError (NOT_FOUND, UNAVAILABLE) if the log has or gives none."""
        feed = self.feeds.get(name)
        if feed is None:
            feed = self.feeds[name] = Feed(name)
            feed.idle_since = asyncio.get_running_loop().time()
            self._spawn(self._open(feed))  # not in the asker's own task: others wait for it, and the asker may go
        await asyncio.shield(feed.opened)
        return feed

    async def _open(self, feed: Feed) -> None:
        # The group first, the head second: what is committed in between is then heard, or already counted.
        await self._join(feed)
        try:
            span = (await self.reader.spans([feed.name])).get(feed.name)
        except ProtocolError as error:
            self._drop(feed)
            feed.opened.set_exception(error)
            feed.opened.exception()  # seen, also where everybody who asked has gone
            return
        feed.start(span or Span(0, 0))
        if feed.wanted > feed.head:
            self._heal(feed)

    async def _join(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(PATIENCE):
                await channel_layer().group_add(feed.name, await asyncio.shield(self._channel))
            feed.joined = True
        except Exception as error:
            logger.debug("cannot join %s yet: %s", feed.name, error)

    async def _leave(self, name: str) -> None:
        if name in self.feeds:
            return
        try:
            async with asyncio.timeout(PATIENCE):
                await channel_layer().group_discard(name, await asyncio.shield(self._channel))
        except Exception as error:
            logger.debug("cannot leave %s: %s", name, error)

    def _drop(self, feed: Feed) -> None:
        if self.feeds.get(feed.name) is feed:
            del self.feeds[feed.name]
            self.reader.forget(feed.name)

    async def page(self, name: str, seq: int) -> Window | None:
        """A piece of the log for a cursor at `seq`; None if the log cannot be read now."""
        try:
            return await self.reader.page(name, seq)
        except ProtocolError:
            return None

    # Hearing

    async def _listen(self) -> None:
        """Receive from the channel layer for ever; a layer that is away is tried again each second."""
        layer = channel_layer()
        failing = False
        while True:
            try:
                if not self._channel.done():
                    channel = await layer.new_channel()
                    await layer.group_add(HUBS_GROUP, channel)
                    self._channel.set_result(channel)
                    failing = False
                self._hear(await layer.receive(self._channel.result()))
            except Exception as error:
                if not failing:
                    logger.warning("channel layer unavailable, viewers now rely on polling: %s", error)
                failing = True
                await asyncio.sleep(1.0)

    def _hear(self, message: dict[str, Any]) -> None:
        match message["type"]:
            case "stream.news":
                text: str = message["text"]
                texts = text.encode().split(b"\n") if text else []
                self._news(message["stream"], message["first"], message["last"], texts)
            case "stream.dropped":
                self._dropped(message["stream"])
            case "access.changed":
                self.recheck(message["users"])
            case "viewers.asked":
                self._spawn(self._presence.answer(message))
            case "viewers.told":
                self._presence.told(message)

    def _news(self, name: str, first: int, last: int, texts: list[bytes]) -> None:
        feed = self.feeds.get(name)
        if feed is None:
            return
        match feed.hear(first, last, texts):
            case Heard.NEW:
                self._flusher.add(feed, last - first + 1)
            case Heard.GAP if feed.opened.done():
                self._heal(feed)
            case Heard.REWRITTEN:
                self._went_back(feed, last, timestamp_of(texts[-1]))

    def _heal(self, feed: Feed) -> None:
        if not feed.healing:
            feed.healing = True
            task = asyncio.create_task(self._fill(feed))
            self._healers.add(task)
            task.add_done_callback(self._healers.discard)

    async def _fill(self, feed: Feed) -> None:
        """Read what the bell did not bring, up to the newest seq heard of."""
        metrics.GAPS.inc()
        try:
            while feed.head < feed.wanted and self.feeds.get(feed.name) is feed:
                head, wanted = feed.head, feed.wanted
                at, at_wanted = await asyncio.gather(self._at(feed, head), self._at(feed, wanted))
                if feed.head == head and feed.contradicts(at):
                    self._went_back(feed, wanted, at_wanted)
                    return
                if wanted - feed.head > conf().WINDOW_EVENTS:
                    feed.jump(wanted, at_wanted)  # too much for the window: each cursor reads the log itself
                else:
                    page = await self.page(feed.name, feed.head)
                    if page is None or page.last <= feed.head:
                        return  # the next round of the clock tries again
                    if page.after > feed.head:
                        feed.jump(page.after, None)  # and hear() learns the time of what follows
                    feed.hear(page.after + 1, page.last, page.texts())
                self._flusher.add(feed)
        except ProtocolError:
            pass  # the log cannot be read now; the next round of the clock tries again
        finally:
            feed.healing = False

    async def _at(self, feed: Feed, seq: int) -> str | None:
        """The timestamp that the log has for an event; None if it is not retained."""
        time = await self.reader.time_at((feed.name, seq))
        return None if time is None else timestamp(time)

    def _flush(self, feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            for cursor in list(feed.cursors):
                try:
                    cursor.connection.wake(cursor)
                except Exception:
                    logger.exception("cannot write to %s", cursor.connection.viewer.name)

    def wake_later(self, cursor: Cursor) -> None:
        """Wake the cursor on the next round of the clock: the log could not be read for it now."""
        self._unread[cursor] = None

    def _dropped(self, name: str) -> None:
        feed = self.feeds.pop(name, None)
        if feed is None:
            return
        for cursor in list(feed.cursors):
            cursor.connection.owner.dropped(name)
        self._spawn(self._leave(name))

    def recheck(self, user_ids: Iterable[int]) -> None:
        """These users' rights may have changed: have their connections ask again."""
        users = set(user_ids)
        for connection in list(self.connections):
            if connection.viewer.id in users:
                connection.owner.access_changed()

    async def viewers(self, name: str) -> dict[int, str]:
        """Who follows a stream at this moment, here or on another process: names by user id."""
        return await self._presence.viewers(name, self._channel.result() if self._channel.done() else None)

    # The clock

    async def _keep_time(self) -> None:
        """Every second: compare heads with the log, let go of idle feeds, close stalled readers."""
        while True:
            await asyncio.sleep(conf().POLL)
            try:
                await self._compare()
                await self._tidy()
                self._wake_unread()
            except ProtocolError:
                pass  # the database is away, which has been logged; sockets stay open until it is back
            except Exception:
                logger.exception("the hub's round failed")
            self._close_stalled()

    async def _compare(self) -> None:
        heads = {feed: feed.head for feed in self.feeds.values() if feed.opened.done()}
        if not heads:
            return
        spans = await self.reader.spans([feed.name for feed in heads])
        for feed, head in heads.items():
            span = spans.get(feed.name)
            if span is None:
                self._dropped(feed.name)
                continue
            for cursor in [each for each in self._unread if each.feed is feed and each.seq < span.floor]:
                cursor.connection.owner.lost(cursor)  # what it waited to read has been trimmed, to the last event
            if span.head < head or (span.head == feed.head == head and feed.contradicts(span.at)):
                self._went_back(feed, span.head, span.at)
            elif span.head == feed.head == head:
                feed.at = feed.at or span.at
            elif span.head > feed.head:
                asyncio.get_running_loop().call_later(GRACE, self._miss, feed, span.head)

    def _miss(self, feed: Feed, head: int) -> None:
        """The log has more than was heard, and the bell has had its time to bring it."""
        if feed.head < head and self.feeds.get(feed.name) is feed:
            feed.wanted = max(feed.wanted, head)
            self._heal(feed)

    def _went_back(self, feed: Feed, head: int, at: str | None) -> None:
        """The log is not what was heard from it, as after a restored backup: everybody starts anew."""
        logger.warning("%s is not what it was at %d: was the database restored?", feed.name, feed.head)
        self.reader.forget(feed.name)
        feed.jump(head, at)
        feed.wanted = head
        for cursor in list(feed.cursors):
            cursor.connection.owner.lost(cursor)

    def _wake_unread(self) -> None:
        unread, self._unread = self._unread, {}
        for cursor in unread:
            if cursor in cursor.feed.cursors:
                cursor.connection.wake(cursor)

    async def _tidy(self) -> None:
        now = asyncio.get_running_loop().time()
        for feed in [feed for feed in self.feeds.values() if feed.opened.done()]:
            if feed.cursors:
                if not feed.joined:
                    await self._join(feed)
            elif feed.idle_since is not None and now - feed.idle_since > LINGER:
                self._drop(feed)
                await self._leave(feed.name)

    def _close_stalled(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            if connection.stalled(now):
                connection.owner.stalled()

    def _spawn(self, coroutine: Any) -> None:
        task = asyncio.create_task(coroutine)
        self._healers.add(task)
        task.add_done_callback(self._healers.discard)
