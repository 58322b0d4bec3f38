"""The hub: one process's subscriptions to the broker, and the clock that checks them.

It subscribes to a stream's group when the first connection here follows the stream, and unsubscribes some seconds
after the last one has gone. Events go to the stream's feed; connections are woken to pull. Whatever the broker loses is
found by comparing the feeds' heads with the log.
"""

import asyncio
import logging
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Coroutine, Iterable
from typing import Any

from streams import metrics
from streams.broker import (
    AccessChanged,
    Broker,
    Message,
    PresenceQuery,
    PresenceReply,
    StreamAppended,
    StreamDropped,
    StreamsGrown,
)
from streams.conf import conf
from streams.hub.connection import Connection, SessionListener, Sink
from streams.hub.feed import Cursor, Feed, Flusher, Received
from streams.hub.presence import Presence
from streams.hub.reader import Reader
from streams.hub.window import Window
from streams.protocol.clock import timestamp
from streams.protocol.kinds import Viewer
from streams.protocol.messages import Code, ProtocolError, timestamp_of
from streams.protocol.positions import Span

logger = logging.getLogger(__name__)

SOCKET_SECONDS = 10.0  # after which a user with too many connections may try again
JOIN_SECONDS = 1.0  # for joining a group; until then the hub polls
COMPARE_GRACE_SECONDS = 0.1  # for messages in transit while the log is compared
IDLE_FEED_SECONDS = 10.0  # a feed outlives its last cursor, so that a reconnecting crowd is served from memory


class Hub:
    """The feeds and connections of one event loop. The page source of its connections."""

    def __init__(self, broker: Broker, reader: Reader) -> None:
        self.reader = reader
        self.on_grown: Callable[[Collection[str] | None], None] = (
            _ignore  # set by the runtime, which owns the followers
        )
        self.feeds: dict[str, Feed] = {}
        self.connections: dict[Connection, None] = {}
        self._sockets: Counter[int] = Counter()  # by user
        self.presence = Presence(broker, self.feeds)
        self._broker = broker
        self._flusher = Flusher(self._flush)
        self._unread: dict[Cursor, None] = {}  # whose last read of the log failed
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(broker.listen(self._receive))
        self._spawn(self._run_clock())

    async def close(self) -> None:
        """Stop listening."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def connect(self, viewer: Viewer, sink: Sink, merge: bool, listener: SessionListener) -> Connection:
        """Raises ProtocolError (RATE_LIMITED) if the user has too many connections."""
        limit = conf().SOCKETS_PER_USER
        if limit and self._sockets[viewer.id] >= limit:
            metrics.LIMITED.labels(limit="sockets").inc()
            problem = f"expected at most {limit} connections per user"
            raise ProtocolError(Code.RATE_LIMITED, problem, retry_after=SOCKET_SECONDS)
        connection = Connection(self, viewer, sink, merge, listener)
        self.connections[connection] = None
        self._sockets[viewer.id] += 1
        return connection

    def disconnect(self, connection: Connection) -> None:
        if connection in self.connections:
            del self.connections[connection]
            self._sockets[connection.viewer.id] -= 1
            if not self._sockets[connection.viewer.id]:
                del self._sockets[connection.viewer.id]
        connection.close()

    # Feeds

    async def feed(self, name: str) -> Feed:
        """The open feed of a stream. Raises ProtocolError (UNAVAILABLE), or whatever reading the log raised."""
        feed = self.feeds.get(name)
        if feed is None:
            feed = self.feeds[name] = Feed(name)
            self._spawn(
                self._open(feed)
            )  # not in the caller's task: others wait for it, and the caller may be cancelled
        await asyncio.shield(feed.opened)
        return feed

    async def _open(self, feed: Feed) -> None:
        try:
            # Join the group before reading the head: events committed in between are then received or included.
            await self._join(feed)
            span = (await self.reader.spans([feed.name])).get(feed.name)
            feed.open(span or Span(0, 0))
        except asyncio.CancelledError:
            feed.opened.cancel()
            raise
        except Exception as error:
            self._drop(feed)
            feed.fail(error)
            return
        if feed.target > feed.head:
            self._fill_gap(feed)

    async def _join(self, feed: Feed) -> None:
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._broker.subscribe(feed.name)
            feed.joined = True
        except Exception as error:
            logger.debug("cannot subscribe to %s yet: %s", feed.name, error)

    async def _leave(self, name: str) -> None:
        if name in self.feeds:
            return
        try:
            async with asyncio.timeout(JOIN_SECONDS):
                await self._broker.unsubscribe(name)
        except Exception as error:
            logger.debug("cannot unsubscribe from %s: %s", name, error)
        if name in self.feeds:
            self.feeds[name].joined = False  # followed again in the meantime: the clock resubscribes

    def _drop(self, feed: Feed) -> None:
        if self.feeds.get(feed.name) is feed:
            del self.feeds[feed.name]
            self.reader.forget(feed.name)

    # Pages, for cursors that have fallen behind

    async def page(self, name: str, seq: int) -> Window | None:
        """The page of the log for a cursor at `seq`; None if the log can't be read now."""
        try:
            return await self.reader.page(name, seq)
        except ProtocolError:
            return None
        except Exception:
            logger.exception("cannot read %s after %d", name, seq)
            return None

    def retry(self, cursor: Cursor) -> None:
        """Wake the cursor on the next round of the clock."""
        self._unread[cursor] = None

    # Receiving

    def _receive(self, message: Message) -> None:
        match message:
            case StreamAppended(stream, first, last, text):
                self._receive_events(stream, first, last, text.encode().split(b"\n") if text else [])
            case StreamDropped(stream):
                self._dropped(stream)
            case StreamsGrown(streams):
                self.on_grown(streams or None)
            case AccessChanged(users):
                self.recheck(users)
            case PresenceQuery():
                self._spawn(self.presence.answer(message))
            case PresenceReply():
                self.presence.receive(message)

    def _receive_events(self, name: str, first: int, last: int, texts: list[bytes]) -> None:
        feed = self.feeds.get(name)
        if feed is None:
            return
        match feed.receive(first, last, texts):
            case Received.IN_ORDER:
                self._flusher.add(feed, last - first + 1)
            case Received.GAP if feed.is_open:
                self._fill_gap(feed)
            case Received.REWRITTEN:
                self._restart(feed, last, timestamp_of(texts[-1]))

    def _fill_gap(self, feed: Feed) -> None:
        if not feed.filling:
            feed.filling = True
            self._spawn(self._fill(feed))

    async def _fill(self, feed: Feed) -> None:
        """Read what the broker didn't deliver, up to the newest seq announced."""
        metrics.GAPS.inc()
        try:
            while feed.head < feed.target and self.feeds.get(feed.name) is feed:
                if not await self._fill_once(feed):
                    return
                self._flusher.add(feed)
        except ProtocolError:
            pass  # the log cannot be read now; the next round of the clock tries again
        except Exception:
            logger.exception("cannot fill the gap in %s after %d", feed.name, feed.head)
        finally:
            feed.filling = False

    async def _fill_once(self, feed: Feed) -> bool:
        """Read one page. Returns whether the feed is closer to its target."""
        head, target = feed.head, feed.target
        at, at_target = await asyncio.gather(self._at(feed, head), self._at(feed, target))
        if feed.head == head and feed.contradicts(at):
            self._restart(feed, target, at_target)
            return False
        if target - feed.head > conf().WINDOW_EVENTS:
            feed.skip_to(target, at_target)  # too much for the window: each cursor reads the log itself
            return True
        page = await self.page(feed.name, feed.head)
        if page is None or page.last <= feed.head:
            return False  # the next round of the clock tries again
        if page.after > feed.head:
            feed.skip_to(page.after, None)  # and receive() learns the time of what follows
        feed.receive(page.after + 1, page.last, page.texts())
        return True

    async def _at(self, feed: Feed, seq: int) -> str | None:
        """The timestamp of an event in the log; None if it isn't retained."""
        time = await self.reader.time_at((feed.name, seq))
        return None if time is None else timestamp(time)

    @staticmethod
    def _flush(feeds: Iterable[Feed]) -> None:
        for feed in feeds:
            feed.wake()

    def _dropped(self, name: str) -> None:
        feed = self.feeds.pop(name, None)
        if feed is None:
            return
        self.reader.forget(name)
        for cursor in list(feed.cursors):
            cursor.follower.dropped(name)
        self._spawn(self._leave(name))

    def _restart(self, feed: Feed, head: int, at: str | None) -> None:
        """The log differs from what was received, as after restoring a backup: all viewers start over."""
        logger.warning("%s differs from what was read at %d: was the database restored?", feed.name, feed.head)
        self.reader.forget(feed.name)
        feed.skip_to(head, at)
        feed.target = head
        for cursor in list(feed.cursors):
            cursor.follower.lost(cursor)

    def recheck(self, user_ids: Iterable[int]) -> None:
        """Make the connections of these users recheck their access."""
        users = set(user_ids)
        for connection in list(self.connections):
            if connection.viewer.id in users:
                connection.listener.access_changed()

    # The clock

    async def _run_clock(self) -> None:
        """Every second: close stalled readers, retry subscriptions, and start comparing heads with the log."""
        comparing: asyncio.Task[None] | None = None
        while True:
            await asyncio.sleep(conf().POLL)
            for part in (self._close_stalled, self._join_and_leave):
                try:
                    part()
                except Exception:
                    logger.exception("part of the hub's periodic check failed")
            if comparing is None or comparing.done():  # so that a slow database delays nothing else
                comparing = self._spawn(self._compare_and_wake())

    async def _compare_and_wake(self) -> None:
        try:
            await self._compare()
        except ProtocolError:
            return  # the database is down, which has been logged; sockets stay open
        except Exception:
            logger.exception("cannot compare the feeds with the log")
        self._wake_unread()

    async def _compare(self) -> None:
        """Compare the feeds' heads with the log."""
        heads = {feed: feed.head for feed in self.feeds.values() if feed.is_open}
        if not heads:
            return
        spans = await self.reader.spans([feed.name for feed in heads])
        unread: defaultdict[Feed, list[Cursor]] = defaultdict(list)
        for cursor in self._unread:
            unread[cursor.feed].append(cursor)
        for feed, head in heads.items():
            span = spans.get(feed.name)
            if span is None:
                self._dropped(feed.name)
                continue
            for cursor in unread.get(feed, ()):
                if cursor.seq < span.floor:
                    cursor.follower.lost(cursor)  # all it was waiting to read has been trimmed
            self._compare_feed(feed, head, span)

    def _compare_feed(self, feed: Feed, head: int, span: Span) -> None:
        """`head` is the feed's head from before the log was read."""
        if span.head < head or (span.head == feed.head == head and feed.contradicts(span.at)):
            self._restart(feed, span.head, span.at)
        elif span.head == feed.head == head:
            feed.at = feed.at or span.at
        elif span.head > feed.head:
            asyncio.get_running_loop().call_later(COMPARE_GRACE_SECONDS, self._miss, feed, span.head)

    def _miss(self, feed: Feed, head: int) -> None:
        """The log has more than was received, and the broker has had time to deliver it."""
        if feed.head < head and self.feeds.get(feed.name) is feed:
            feed.target = max(feed.target, head)
            self._fill_gap(feed)

    def _wake_unread(self) -> None:
        unread, self._unread = self._unread, {}
        for cursor in unread:
            if cursor in cursor.feed.cursors:
                cursor.follower.wake(cursor)

    def _join_and_leave(self) -> None:
        """Retry failed subscriptions and drop feeds that nobody follows. Waits for neither."""
        now = asyncio.get_running_loop().time()
        for feed in [feed for feed in self.feeds.values() if feed.is_open]:
            if feed.cursors:
                if not feed.joined:
                    self._spawn(self._join(feed))
            elif feed.idle_since is not None and now - feed.idle_since > IDLE_FEED_SECONDS:
                self._drop(feed)
                self._spawn(self._leave(feed.name))

    def _close_stalled(self) -> None:
        now = asyncio.get_running_loop().time()
        for connection in list(self.connections):
            if connection.stalled(now):
                connection.listener.stalled()

    def _spawn(self, coroutine: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _ignore(names: Collection[str] | None) -> None:
    """Stands in for `on_grown` while there are no followers."""
